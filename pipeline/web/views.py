"""What the pages show: a run's findings as its report has them, lists of people and runs, two walks compared."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any

from pipeline.errors import GaitError, InputError
from pipeline.files import reason_of
from pipeline.report.explain import explain, heading, parts, picture_of, summary
from pipeline.report.gather import findings_of
from pipeline.report.page import Findings
from pipeline.report.pictures import Picture, Thrift, png, portrait
from pipeline.report.roster import roster_of
from pipeline.runs.reader import Run
from pipeline.web.visitors import Visitor

MOST_PEOPLE, MOST_RUNS = 200, 60  # in one list
MOST_NAMES = 300  # to choose from


@contextlib.contextmanager
def opened(folder: Path) -> Iterator[Run]:
    """A run, whose files may hold anything: raises InputError inside of the block, too, where they are not a run's."""
    try:
        yield Run.open(folder)
    except (TypeError, ValueError, LookupError, AttributeError, ArithmeticError) as error:
        raise InputError(f"{folder.name}: damaged ({reason_of(error)}). Choose another run.") from None


@dataclass(frozen=True, slots=True)
class Answers:
    """What was found in a run, under the names that people have today.

    names: of whom a person may say that somebody is it; reviewed: whether somebody has said anything already.
    """

    run: str
    found: Findings
    report: bool
    names: tuple[str, ...]
    reviewed: bool


def answers_of(folder: Path, db: Path) -> Answers:
    """Of a run of any kind. db: the gallery of the server. Raises InputError for a damaged run."""
    with opened(folder) as run:
        called, roster = names_now(db), roster_of(run)
        tags = {who: replace(tag, name=called.get(who, tag.name)) for who, tag in roster.tags.items()}
        names = dict.fromkeys([*(tag.name for tag in tags.values()), *(() if run.gallery else called.values())])
        found = findings_of(run, replace(roster, tags=tags))
        return Answers(folder.name, found, run.folder.report.is_file(), tuple(names)[:MOST_NAMES], _reviewed(run))


def _reviewed(run: Run) -> bool:
    """Whether somebody has said what is right or wrong in it."""
    from pipeline.feedback.again import gallery_of, reviews_of
    from pipeline.gallery.reviews import run_key
    from pipeline.gallery.store import Gallery

    try:
        reviews = reviews_of(Gallery.open(gallery_of(run, None)))
    except GaitError:  # among them: there is no gallery yet
        return False
    key = run_key(run.path.resolve().name, str(run.record.get("started", "")))
    return any(item.run == key for review in reviews for item in review.items)


def names_now(db: Path) -> dict[str, str]:
    """The name that each identity has today."""
    from pipeline.gallery.register import Register
    from pipeline.gallery.store import Gallery

    return {who.identity: who.name for who in Register.of(Gallery.open(db))} if Gallery.exists(db) else {}


def walks_of(run: Run) -> tuple[list[str], str, str]:
    """The walks that can be compared; and two to begin with: a probe with its answer, where there is one."""
    keys = [track.key for of in (*run.probes.values(), *run.gallery.values()) for track in of]
    names = {key: f"{key[0]}/{key[1]}" for key in keys if run.embedding(key) is not None}
    enrolled = run.enrolled()
    answers = ((track.key, enrolled.get(track.identity or "")) for of in run.probes.values() for track in of)
    pairs = ((names[one], names[other]) for one, other in answers if one in names and other in names and one != other)
    one, other = next(pairs, [*names.values(), "", ""][:2])
    return list(names.values()), one, other


def comparison_of(run: Run, one: str, other: str) -> dict[str, Any]:
    """Two walks part by part, as `gait explain` shows them. Raises InputError for walks that are not there."""
    found = explain(run, run.find(one), run.find(other))
    lead, usual = heading(found)
    words = f"The silhouettes of {one} and {other}, and a bar for each part. {summary(found)}"
    return {"lead": lead, "usual": usual, "picture": png(picture_of(run, found), words), "parts": parts(found)}


@dataclass(frozen=True, slots=True)
class Somebody:
    """One of the enrolled. views: which are there and which should be filmed, in words; days are ISO dates."""

    identity: str
    name: str
    walks: int
    enrolled: str
    expires: str
    expired: bool
    views: str


def people_of(db: Path, called: str = "") -> list[Somebody]:
    """Everybody whose name has `called` in it, at most MOST_PEOPLE. Raises GaitError for a damaged gallery."""
    from pipeline.gallery.register import Register
    from pipeline.gallery.store import Gallery
    from pipeline.gallery.template import now
    from pipeline.jobs.enrol_folder import lacking, side_of

    if not Gallery.exists(db):
        return []
    gallery = Gallery.open(db)
    register = Register.of(gallery)
    shown = list(islice((who for who in register if called.casefold() in who.name.casefold()), MOST_PEOPLE))
    sides: dict[str, set[Any]] = {who.identity: set() for who in shown}
    for template in gallery.templates(only=set(sides), by="identity") if sides else []:
        sides[template.identity].add(side_of(template.quality))
    people = []
    for who in shown:
        until, views = register.expires(who), sides[who.identity]
        words = lacking(views - {""}, front_unsure="" in views)
        days = f"{register.enrolled(who):%Y-%m-%d}", f"{until:%Y-%m-%d}" if until else ""
        over = until is not None and until <= now()
        people.append(Somebody(who.identity, who.name, who.templates, *days, over, words))
    return people


@dataclass(frozen=True, slots=True)
class PastRun:
    """A run in a line.

    run: the folder's name; when: as run.json has it; people: names of those recognised, or enrolled, by identity;
    portraits: files that may be there, those of people with a name first.
    """

    run: str
    when: str
    videos: tuple[str, ...]
    people: Mapping[str, str]
    unknown: int
    portraits: tuple[Path, ...]

    def picture(self) -> Picture | None:
        """Of somebody in the run."""
        there = (file.read_bytes() for file in self.portraits if file.is_file())
        return next((found for jpeg in there if (found := portrait(jpeg, "A person of this run", Thrift.of(0)))), None)

    def tree(self) -> dict[str, Any]:
        """As JSON has it."""
        names = list(dict.fromkeys(self.people.values()))
        return {"run": self.run, "when": self.when, "videos": self.videos, "people": names, "unknown": self.unknown}


def past_runs(visitor: Visitor, db: Path, person: str = "", day: str = "") -> list[PastRun]:
    """What a visitor may see, the newest first, at most MOST_RUNS. day: how the date begins, such as 2027-01."""
    return list(islice(_found(visitor, names_now(db), person.casefold(), day), MOST_RUNS))


def _found(visitor: Visitor, called: Mapping[str, str], person: str, day: str) -> Iterator[PastRun]:
    for folder in visitor.run_folders():
        try:
            past = _past_run(folder, (folder / "results.json").stat().st_mtime_ns)
        except (GaitError, OSError):  # damaged, or gone meanwhile
            continue
        people = {who: called.get(who, name) for who, name in past.people.items()}
        if past.when.startswith(day) and (not person or any(person in name.casefold() for name in people.values())):
            yield replace(past, people=people)


@lru_cache(4096)
def _past_run(folder: Path, changed: int) -> PastRun:
    """Of a run whose results.json was written at this time: read once, however often it is listed."""
    with opened(folder) as run:
        tracks = [track for _, track in run.roles()]
        named = [one for one in tracks if one.status == "known"] or [one for one in tracks if one.status == "enrolled"]
        people = {track.identity: track.name or track.identity for track in named if track.identity}
        best = sorted(tracks, key=lambda track: (track.status != "known", -track.silhouettes))[:5]
        portraits = tuple(run.folder.portrait(*track.key) for track in best)
        unknown = sum(track.status == "unknown" for found in run.probes.values() for track in found)
        return PastRun(folder.name, str(run.record.get("started", "")), tuple(run.videos), people, unknown, portraits)
