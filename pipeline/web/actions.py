"""What the app's buttons do. Nothing here raises: what is refused is one line on the page."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline.config import Config
from pipeline.errors import ConfigError, GaitError, InputError
from pipeline.files import one_line
from pipeline.gallery.people import LONGEST_NOTE, names_by_track
from pipeline.profiles import load_config
from pipeline.report.explain import as_tree, explain, picture_of
from pipeline.runs.reader import Run
from pipeline.web import html
from pipeline.web.answers import answers_of, enrolment_of
from pipeline.web.content import Answers, Bar, Comparison, Part, Somebody, Status
from pipeline.web.page import ENROLLED, Choices, Enrolment, Shown, Wanted
from pipeline.web.tasks import EnrolTask, IdentifyTask, RunTask, Task
from pipeline.web.uploads import chosen, listed, uploaded
from pipeline.web.visitors import Visitor, Visitors
from pipeline.web.work import Work

MOST_PROBES = 20
STOPPED = Status("stopped", "Nothing was kept of it.")
GONE = "This page is of an earlier time. Load it again."


@dataclass(frozen=True, slots=True)
class Setting:
    """What every job of this server has in common. overrides: as `--set` gives them."""

    db: Path
    profiles: Sequence[str]
    overrides: Sequence[str]
    checkpoints: Path | None


@dataclass(eq=False)
class Desk:
    """Answers what the page asks for; knows who asks by the cookie called `cookie`."""

    setting: Setting
    visitors: Visitors
    cookie: str
    _working: dict[Visitor, Work] = field(default_factory=dict)
    _unwanted: set[Visitor] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def videos(self) -> list[str]:
        """What lies in inputs/."""
        return listed()

    def wait(self, cookies: Mapping[str, str]) -> str:
        """What is said while a job is in the queue."""
        visitor = self._visitor(cookies)
        if visitor is not None:
            self._unwanted.discard(visitor)
        busy = bool(self._working)
        return html.status(Status("waiting", "Another job runs; yours is next in line." if busy else "Starting …"))

    def identify(self, cookies: Mapping[str, str], wanted: Wanted) -> Iterator[Shown]:
        """The job of the first tab: `gait run`, or `gait identify` on the enrolled."""

        def task(visitor: Visitor) -> Task:
            probes = [*uploaded(wanted.probes, visitor), *chosen(wanted.probe_choices)]
            config = self._config(wanted.profile, visitor, blur_faces=wanted.blur_faces)
            if not probes:
                raise InputError("no probe: upload or choose at least one video to search.")
            if len(probes) > MOST_PROBES:
                raise InputError(f"{len(probes)} probes are too many at once. Choose at most {MOST_PROBES}.")
            names = [str(path) for path in probes]
            if wanted.known_from == ENROLLED:
                return IdentifyTask(names, self.setting.db, config, self.setting.checkpoints)
            gallery = [*uploaded(wanted.gallery, visitor), *chosen(wanted.gallery_choice)]
            if not gallery:
                raise InputError("no gallery: upload or choose the video of the known people.")
            if len(gallery) > 1:
                raise InputError("two galleries: one is uploaded and one is chosen. Remove one of them.")
            return RunTask(str(gallery[0]), names, config, self.setting.checkpoints)

        return self._job(cookies, task, answers_of)

    def enrol(self, cookies: Mapping[str, str], wanted: Enrolment) -> Iterator[Shown]:
        """The job of the second tab."""

        def task(visitor: Visitor) -> Task:
            videos = [*uploaded(wanted.uploads, visitor), *chosen(wanted.choices)]
            if len(videos) != 1:
                raise InputError("give one video to enrol from: upload it, or choose it.")
            if len(wanted.consent) > LONGEST_NOTE:
                raise ConfigError(f"note on consent: at most {LONGEST_NOTE} characters. Keep the paper elsewhere.")
            pairs = [pair for line in wanted.names.splitlines() for pair in line.split(",") if pair.strip()]
            config = self._config(wanted.profile, visitor)
            return EnrolTask(
                str(videos[0]), self.setting.db, names_by_track(pairs), wanted.consent.strip(), wanted.expires.strip(),
                wanted.merge, config, self.setting.checkpoints,
            )  # fmt: skip

        return self._job(cookies, task, enrolment_of)

    def stop(self, cookies: Mapping[str, str]) -> None:
        """End this visitor's job, or take it out of the queue."""
        visitor = self._visitor(cookies)
        if visitor is not None:
            self._unwanted.add(visitor)
            work = self._working.get(visitor)
            if work is not None:
                work.stop()

    def left(self, cookies: Mapping[str, str]) -> None:
        """The page was closed or loaded again: nobody looks at the job any more."""
        self.stop(cookies)

    def stop_all(self) -> None:
        """The server ends."""
        for work in list(self._working.values()):
            work.stop()

    def people(self) -> tuple[str, list[tuple[str, str]]]:
        """Who is enrolled: the table, and (name, identity) to choose from."""
        from pipeline.gallery.register import Register
        from pipeline.gallery.store import Gallery
        from pipeline.gallery.template import now

        try:
            if not Gallery.exists(self.setting.db):
                return html.people([]), []
            register = Register.of(Gallery.open(self.setting.db))
        except GaitError as error:
            return html.notice(str(error)), []
        rows = [
            Somebody(
                who.identity[:8],
                who.name,
                who.templates,
                f"{register.enrolled(who):%Y-%m-%d}",
                f"{expires:%Y-%m-%d}" if expires else "always",
                expires is not None and expires <= now(),
            )
            for who in register
            for expires in [register.expires(who)]
        ]
        return html.people(rows), [(f"{who.name} ({who.identity[:8]})", who.identity) for who in register]

    def rename(self, person: str | None, name: str) -> str:
        """Another name for somebody."""
        from pipeline.gallery.people import rename
        from pipeline.gallery.store import Gallery

        def do() -> str:
            after = rename(Gallery.open(self.setting.db), _person(person), name)
            return f"{after.identity[:8]} is now called {after.name}."

        return _said(do)

    def delete(self, person: str | None, sure: bool) -> str:
        """Remove somebody and every trace."""
        from pipeline.gallery.people import delete
        from pipeline.gallery.store import Gallery

        def do() -> str:
            if not sure:
                raise ConfigError("tick the box beside Delete first: it is for good.")
            gone, proof = delete(Gallery.open(self.setting.db), _person(person))
            return (
                f"{gone.name} is removed: {proof.before} of {proof.marks} marks of them were in the gallery's files "
                f"before, {proof.after} are now. Videos and exports elsewhere are not the gallery's to remove."
            )

        return _said(do)

    def runs(self, cookies: Mapping[str, str]) -> Choices:
        """This visitor's runs, the newest chosen."""
        visitor = self._visitor(cookies)
        names = [folder.name for folder in visitor.run_folders()] if visitor else []
        return names, names[0] if names else None

    def walks(self, cookies: Mapping[str, str], run: str | None) -> tuple[list[str], str | None, str | None]:
        """The walks of a run that can be compared: first a probe with its answer, so that one press shows something."""
        try:
            finished = self._run(cookies, run)
        except GaitError:
            return [], None, None
        tracks = [track.key for video in (*finished.probes, *finished.gallery) for track in finished.tracks(video)]
        usable = [track for track in dict.fromkeys(tracks) if finished.embedding(track) is not None]
        names = [f"{video}/{track}" for video, track in usable]
        enrolled = finished.enrolled()
        for track in (track for found in finished.probes.values() for track in found):
            other = enrolled.get(track.identity or "")
            if other in usable and track.key in usable and other != track.key:
                return names, f"{track.video}/{track.id}", f"{other[0]}/{other[1]}"
        return names, *([*names[:2], None, None][:2])  # type: ignore[return-value]

    def compare(self, cookies: Mapping[str, str], run: str | None, one: str | None, other: str | None) -> str:
        """Two walks part by part."""

        def do() -> str:
            finished = self._run(cookies, run)
            if not one or not other:
                raise InputError("choose two walks.")
            if one == other:
                raise InputError(f"{one} is chosen twice. Choose two walks.")
            return html.comparison(_comparison(finished, one, other))

        return _said(do, as_html=True)

    def forget(self, cookies: Mapping[str, str]) -> str:
        """Remove all files of this visitor."""
        visitor = self._visitor(cookies)
        if visitor is None:
            return html.notice(GONE)
        self.stop(cookies)
        visitor.forget()
        return html.notice("Your uploads and runs are removed. Who is enrolled in the gallery stays enrolled.", False)

    def _job(
        self, cookies: Mapping[str, str], order: Callable[[Visitor], Task], shown: Callable[[Path], Answers]
    ) -> Iterator[Shown]:
        """Do a job and tell how far it is; at the end, what came of it."""
        visitor = self._visitor(cookies)
        if visitor is None:
            yield html.status(Status("refused", GONE)), ""
            return
        if visitor in self._unwanted:  # while it was in the queue
            yield html.status(STOPPED), ""
            return
        visitor.busy += 1
        try:
            work = self._start(visitor, order)
            yield html.status(Status("working", "Loading the networks …")), html.words("soon")
            for _ in work.steps():
                yield html.status(_status(work)), html.words("soon")
            if work.stopped:
                yield html.status(STOPPED), ""
            elif work.problem or work.folder is None:
                yield html.status(Status("refused", work.problem or "")), ""
            else:
                result = html.answers(shown(work.folder))
                yield html.status(Status("done", "The answers are on this page.", notes=())), result
        except GaitError as error:
            yield html.status(Status("refused", one_line(error))), ""
        finally:
            visitor.busy -= 1
            self._working.pop(visitor, None)

    def _start(self, visitor: Visitor, order: Callable[[Visitor], Task]) -> Work:
        task = order(visitor)
        visitor.runs.mkdir(parents=True, exist_ok=True, mode=0o700)
        with self._lock:
            work = self._working[visitor] = Work(task, visitor.runs)
        return work

    def _config(self, profile: str, visitor: Visitor, **output: bool) -> Config:
        if profile not in self.setting.profiles:
            raise ConfigError(f"no profile {profile!r}. Choose one of the list.")
        config = load_config(profile, self.setting.overrides)
        update = {"folder": str(visitor.runs), "videos": True, **output}
        return config.model_copy(update={"output": config.output.model_copy(update=update)})

    def _visitor(self, cookies: Mapping[str, str]) -> Visitor | None:
        return self.visitors.of(cookies.get(self.cookie))

    def _run(self, cookies: Mapping[str, str], name: str | None) -> Run:
        visitor = self._visitor(cookies)
        folder = visitor.run(name or "") if visitor else None
        if folder is None:
            raise InputError("no run yet: identify somebody first.")
        return Run.open(folder)


def _status(work: Work) -> Status:
    """Every stage as a bar."""
    bars = []
    for stage in list(work.stages.values()):
        share = 100.0 if stage.ended else min(100 * stage.items / stage.total, 100.0) if stage.total else None
        of = f" of {stage.total}" if stage.total and not stage.ended else ""
        bars.append(Bar(stage.name, f"{stage.items}{of} {stage.unit}", share, stage.ended))
    current = next((stage.name for stage in work.stages.values() if not stage.ended), None)
    words = f"{current.capitalize()} …" if current else "Writing …" if work.stages else "Loading the networks …"
    return Status("working", words, bars, list(work.notes))


def _comparison(run: Run, one: str, other: str) -> Comparison:
    import cv2

    from pipeline.drawing.silhouettes import compared_colour
    from pipeline.report.page import css
    from pipeline.report.pictures import Picture, png

    found = explain(run, run.find(one), run.find(other))
    tree = as_tree(found)
    image = picture_of(run, found)
    small = cv2.resize(image, None, fx=0.75, fy=0.75, interpolation=cv2.INTER_AREA)
    picture: Picture = png(small, f"The silhouettes of {one} and {other}, and a bar for each part: {_summary(tree)}")
    parts = [
        Part(
            f"{100 * part['rows'][0]:.0f}–{100 * part['rows'][1]:.0f} % {part['region']}"
            if part["rows"]
            else f"part {part['part']}",
            f"{part['distance']:.3g}",
            f"{part['ratio']:.2f}",
            round(50 * min(part["ratio"], 2.0), 1),
            css(compared_colour(part["ratio"])),
        )
        for part in tree["parts"]
    ]
    usual = (
        f"1 × usual is the median distance of {one} to the {found.others} others of {found.other[0]}"
        if found.agreement.typical is not None
        else "1 × usual is the mean over the parts: there is nobody else in that video to compare with"
    )
    return Comparison(f"{one} and {other}: {found.distance:.3g} apart", usual, picture, parts)


def _summary(tree: Mapping[str, Any]) -> str:
    nearest = min(tree["parts"], key=lambda part: part["ratio"])
    return f"most alike {nearest['region'] or 'part ' + str(nearest['part'])}, {nearest['ratio']:.2f} times the usual"


def _person(person: str | None) -> str:
    if not person:
        raise ConfigError("choose a person first.")
    return person


def _said(do: Callable[[], str], as_html: bool = False) -> str:
    """What an action says, or why it was refused."""
    try:
        words = do()
    except GaitError as error:
        return html.notice(one_line(error))
    return words if as_html else html.notice(words, problem=False)
