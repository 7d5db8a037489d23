"""`gait gallery strangers`: the unknown of some runs in groups of one person each; naming a group names all of it."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from pipeline.engine.progress import Progress
from pipeline.errors import GaitError, GalleryError, InputError
from pipeline.feedback.again import Outcome, Reopened, again, gallery_of, reopened
from pipeline.feedback.answers import Said
from pipeline.feedback.say import review_runs
from pipeline.files import write_bytes
from pipeline.gallery.people import merge, namesake, rename
from pipeline.gallery.register import Register
from pipeline.gallery.reviews import walk_of
from pipeline.gallery.store import Gallery
from pipeline.jobs.analyse import Analysis
from pipeline.jobs.identify import compared_with
from pipeline.jobs.people import People
from pipeline.jobs.strangers import newcomers
from pipeline.report.groups import GroupCard, GroupPage, picture_of, render_groups
from pipeline.runs.reader import Run
from pipeline.runs.results import TrackResult
from pipeline.types import TrackKey

PAGE = "strangers.html"
OUTPUT = Path("output")  # where runs are looked for
SAME = -1e9  # apart: of walks that have one label already


@dataclass(frozen=True, slots=True)
class Walk:
    """A walk that nobody has named. run: its folder; key: video and track there; seen: when, as far as is known."""

    run: Path
    key: TrackKey
    track: TrackResult
    walk: str
    seen: str

    @property
    def where(self) -> str:
        """In which run, video and track."""
        return f"{self.run.name} {self.key[0]}/{self.key[1]}"


@dataclass(frozen=True, slots=True)
class Group:
    """Walks of one stranger, in the order in which they were seen.

    name: a label, to name the group by; identity: in the gallery, where the stranger is kept there already.
    """

    name: str
    walks: tuple[Walk, ...]
    identity: str | None = None

    @property
    def best(self) -> Walk:
        """The walk with the most silhouettes."""
        return max(self.walks, key=lambda walk: walk.track.silhouettes)

    @property
    def first(self) -> str:
        """When they were first seen."""
        return self.walks[0].seen

    @property
    def last(self) -> str:
        """When they were last seen."""
        return self.walks[-1].seen


@dataclass(frozen=True, slots=True)
class Strangers:
    """Who keeps coming: the most often seen first. page: a file, in the newest of the runs; shown: what it shows."""

    groups: tuple[Group, ...]
    page: Path
    shown: GroupPage
    runs: tuple[Path, ...]


def strangers(
    runs: Sequence[Path], db: Path | None = None, checkpoints: Path | None = None, progress: Progress | None = None
) -> Strangers:
    """Group the unknown walks of some runs, and write a page of them into the newest run folder.

    Args:
        runs: The run folders; none: those in `output` that were compared with the gallery.
        db: The gallery; None: the one that the runs were compared with.
        checkpoints: A folder that is searched for weights first.
        progress: Where progress is shown; nowhere by default.

    Raises:
        GaitError: Whatever a user can mend.
    """
    paths = sorted(runs or runs_of(db, OUTPUT), key=lambda path: str(Run.open(path).record.get("started", "")))
    with contextlib.ExitStack() as held:
        opened = [held.enter_context(reopened(path, checkpoints, progress)) for path in paths]
        found, walks = _unknown(opened)
        session, run = opened[-1].session, opened[-1].run
        where = gallery_of(run, db)
        if Gallery.exists(where) or not run.gallery:
            people = compared_with(session, Gallery.open(where), found).people
        else:
            embeddings = [one for video in run.gallery for one in opened[-1].found.of(video)]
            people = People.of_tracks(embeddings, session.config.matching, session.cohort)
        groups = _grouped(found, walks, people)
        page, shown = run.path / PAGE, _page(groups, {one.run.path: one.run for one in opened}, where.name)
        write_bytes(page, render_groups(shown))
    return Strangers(tuple(groups), page, shown, tuple(paths))


def name_strangers(
    found: Strangers,
    names: Mapping[str, str],
    by: str = "",
    db: Path | None = None,
    checkpoints: Path | None = None,
) -> list[Outcome]:
    """Give all of a group a name: its walks are enrolled, and its runs decided again.

    Args:
        found: The groups.
        names: By the group's label; of somebody who is enrolled, too.
        by: Who says so; "" for the name of the login.
        db: The gallery; None: the one that the runs were compared with.
        checkpoints: A folder that is searched for weights first.

    Raises:
        GaitError: There is no such group, or two of one video would have one name.
    """
    groups = {group.name: group for group in found.groups}
    for label in names:
        if label not in groups:
            raise GalleryError(f"{label!r}: no such group. There are: {', '.join(groups) or 'none'}.")
    said: dict[Path, Said] = {}
    where = gallery_of(Run.open(found.runs[-1]), db)
    gallery = Gallery.open(where) if Gallery.exists(where) else None
    for label, name in names.items():
        group, there = groups[label], namesake(Register.of(gallery), name) if gallery else None
        if gallery and group.identity is not None:  # they are enrolled, under the label
            if there:
                merge(gallery, there.identity, [group.identity])
            else:
                rename(gallery, group.identity, name)
        for walk in group.walks:
            before, track = said.get(walk.run, Said(by=by)), f"{walk.key[0]}/{walk.key[1]}"
            if group.identity is None and there is None:
                before = replace(before, new={**before.new, track: name})
            elif group.identity is None or walk.track.identity != group.identity:
                before = replace(before, wrong={**before.wrong, track: there.name if there else name})
            said[walk.run] = before
    told = {run: one for run, one in said.items() if one.tracks}
    outcomes = review_runs(told, db, checkpoints) if told else []
    return outcomes + [again(run, db, checkpoints) for run in said if run not in told]


def runs_of(db: Path | None, output: Path) -> list[Path]:
    """The run folders in `output` that were compared with a gallery. Raises InputError where there are none."""
    if db is None:
        raise InputError("whose strangers? Give the folders of runs, or --db DIR.")
    found = []
    for mark in sorted(output.glob("*/results.json")):
        with contextlib.suppress(GaitError):
            run = Run.open(mark.parent)
            if run.probes and gallery_of(run, None).resolve() == db.resolve():
                found.append(mark.parent)
    if not found:
        raise InputError(f"no run in {output}/ was compared with {db}. Give the folders of runs.")
    return found


def _unknown(opened: Sequence[Reopened]) -> tuple[Analysis, dict[TrackKey, Walk]]:
    """The unknown walks of some runs, each video under a name of its own; one walk that is in several runs once."""
    found, walks, seen = Analysis({}, {}, {}, {}), dict[TrackKey, Walk](), set[str]()
    sources, tracks, embeddings = dict(found.sources), dict(found.tracks), dict(found.embeddings)
    for number, run in enumerate(opened):
        for video in run.probes:
            name, source = f"{number}/{video}", run.found.sources[video]
            answers = {track.id: track for track in run.run.probes[video]}
            kept = []
            for track in run.found.tracks[video]:
                answer = answers.get(track.key[1])
                walk = walk_of(track.tracklet, source.sha256)
                if (
                    answer is None
                    or answer.status != "unknown"
                    or track.key not in run.found.embeddings
                    or walk in seen
                ):
                    continue
                seen.add(walk)
                key = name, track.key[1]
                kept.append(replace(track, tracklet=replace(track.tracklet, video=name)))
                embeddings[key] = replace(run.found.embeddings[track.key], video=name)
                walks[key] = Walk(run.run.path, track.key, answer, walk, _seen(run.run, answer))
            sources[name], tracks[name] = source, kept
    return Analysis(sources, tracks, {}, embeddings), walks


def _seen(run: Run, track: TrackResult) -> str:
    """When somebody was seen: the day and minute of the run, and the time in the video."""
    begun = str(run.record.get("started", ""))[:16].replace("T", " ")
    seconds = int(track.first_frame / run.fps(track.video))
    return f"{begun}, {track.video} {seconds // 60}:{seconds % 60:02d}"


def _grouped(found: Analysis, walks: Mapping[TrackKey, Walk], people: People) -> list[Group]:
    keys = list(walks)
    tracklets = {track.key: track.tracklet for tracks in found.tracks.values() for track in tracks}
    embeddings = [found.embeddings[key] for key in keys]
    distances, threshold = people.alike(embeddings, [tracklets[key] for key in keys])
    labels = np.array([walks[key].track.identity or "" for key in keys], np.str_)
    distances = np.where(labels[:, None] == labels, np.where(labels == "", distances, SAME), distances)
    distances[(labels[:, None] != labels) & (labels[:, None] != "") & (labels != "")] = np.inf
    groups = []
    for one in newcomers(embeddings, [tracklets[key] for key in keys], distances, threshold):
        its = [walks[key] for key in keys if key in set(one.tracks)]  # runs are in the order of time
        label = next((walk.track for walk in its if walk.track.identity), None)
        name = (label.name if label else None) or f"unknown-{hashlib.sha256(its[0].walk.encode()).hexdigest()[:8]}"
        groups.append(Group(name, tuple(its), label.identity if label else None))
    return sorted(groups, key=lambda group: (-len(group.walks), group.name))


def _page(groups: Sequence[Group], runs: Mapping[Path, Run], db: str) -> GroupPage:
    cards = [
        GroupCard(
            title=group.name,
            lead=f"Walks: {len(group.walks)}. First seen: {group.first}. Last seen: {group.last}.",
            pictures=tuple(
                picture_of(runs[walk.run], walk.key, walk.where)
                for walk in sorted(group.walks, key=lambda walk: -walk.track.silhouettes)
            ),
            command=f"gait gallery strangers --db {db} --name {group.name}=NAME",
        )
        for group in groups
    ]
    lead = f"{sum(len(group.walks) for group in groups)} walks of {len(groups)} people whom nobody has named."
    return GroupPage("Strangers", lead, cards)
