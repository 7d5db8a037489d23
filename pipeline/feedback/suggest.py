"""`gait gallery suggest`: two people who are probably one, and one who is probably two.

People are compared as walks are with people: how likely it is that one of them is another, or nobody of the others, is
told by how far all of them are apart. Whoever was seen together with another is not the same person.
"""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.config import Config
from pipeline.engine.progress import Progress
from pipeline.errors import ConfigError, GaitError, InputError
from pipeline.extraction.networks import find_checkpoints, open_fitting_encoder
from pipeline.files import write_bytes
from pipeline.gallery.people import Person, people_of
from pipeline.gallery.store import Gallery
from pipeline.gallery.template import Template, now, refuse_other_encoder
from pipeline.jobs.people import People
from pipeline.jobs.session import made_up_people
from pipeline.matching.assign import covisible
from pipeline.matching.evidence import Usual, deviations, posteriors
from pipeline.matching.groups import join_nearest
from pipeline.matching.scores import scores
from pipeline.report.groups import GroupCard, GroupPage, WalkCard, picture_of, render_groups, walk_card
from pipeline.runs.reader import Run
from pipeline.segmentation.storage import read_sequence
from pipeline.types import Tracklet, from_crops

PAGE = "suggestions.html"
LEAST = 0.5  # probability of what is suggested
ONE = 9.0  # odds, before anything is looked at, that who is called one person is one


@dataclass(frozen=True, slots=True)
class Suggestion:
    """Two people who are probably one, or one who is probably two.

    words: who is meant; probability: that it is so; templates: the walks to look at, of the two sides; remedy: the
    command, without the gallery.
    """

    words: str
    probability: float
    templates: tuple[tuple[Template, ...], tuple[Template, ...]]
    remedy: str

    def command(self, db: str) -> str:
        """What makes it so."""
        return f"gait gallery {self.remedy} --db {shlex.quote(db)}"


@dataclass(frozen=True, slots=True)
class Suggestions:
    """The likeliest first. page: in the newest run folder that the walks come from; None where none is there."""

    suggestions: tuple[Suggestion, ...]
    page: Path | None


def suggest(
    path: Path, config: Config, checkpoints: Path | None = None, progress: Progress | None = None
) -> Suggestions:
    """Look for people of a gallery who are probably one, or two.

    Args:
        path: The gallery.
        config: The settings: how walks are compared.
        checkpoints: A folder that is searched for weights first.
        progress: Where progress is shown; nowhere by default.

    Raises:
        GaitError: Whatever a user can mend.
    """
    gallery = Gallery.open(path)
    templates = [one for one in gallery.templates() if not one.expired(now())]
    encoder = open_fitting_encoder(config, find_checkpoints(config, checkpoints, ("encoder",)))
    refuse_other_encoder(encoder, {one.origin for one in templates}, path, config.profile)
    if from_crops(encoder.needs):
        raise ConfigError(f"{path}: {encoder.model} looks at colour, in which there are no made-up people to judge by.")
    made_up = partial(made_up_people, encoder, config)
    matching = config.matching.model_copy(update={"threshold": None})  # a probability is asked for
    compared = Compared(gallery, people_of(templates), People.of_gallery(templates, matching, made_up=made_up))
    found = compared.suggestions() if templates else []
    return Suggestions(tuple(found), _page(gallery, found, compared.runs))


@dataclass(frozen=True)  # without slots: what is derived is kept
class Compared:
    """A gallery's people, compared with one another: `persons` and `people` are the same, in the same order."""

    gallery: Gallery
    persons: Sequence[Person]
    people: People

    def suggestions(self) -> list[Suggestion]:
        """Who is probably one, and who is two, the likeliest first."""
        return sorted([*self.merges(), *self.splits()], key=lambda one: -one.probability)

    @cached_property
    def between(self) -> NDArray[np.float64]:
        """How far templates are apart, T×T; a template is infinitely far from itself."""
        all_ = self.people.templates
        found = scores(all_, all_, self.people.owners, self.people.how)
        np.fill_diagonal(found, np.inf)
        return found

    @cached_property
    def rows(self) -> list[list[int]]:
        """The places of each person's templates."""
        return [[row for row, one in enumerate(self.people.owners) if one == who.identity] for who in self.persons]

    @cached_property
    def usual(self) -> Usual:
        """How far people are apart."""
        own = np.array(self.people.owners)
        cohort = self.people.cohort
        return Usual.of(self.between[own[:, None] != own], cohort.usual if cohort else None)

    @cached_property
    def runs(self) -> dict[str, Run]:
        """The runs that templates come from and that are still there, by what templates call them."""
        found = {}
        for name in sorted({one.run for who in self.persons for one in who.templates if one.run}):
            try:
                found[name] = Run.open((self.gallery.path / name).resolve())
            except (GaitError, OSError):
                continue
        return found

    def apart(self) -> NDArray[np.float64]:
        """How far people are apart, N×N: the mean over one's templates of how near the other's come."""
        count = len(self.persons)
        found = np.full((count, count), np.inf)
        for i, one in enumerate(self.rows):
            for j, other in enumerate(self.rows[:i]):
                block = self.between[np.ix_(one, other)]
                near = max(block.min(axis=1).mean(), block.min(axis=0).mean())
                found[i, j] = found[j, i] = np.inf if self._met(i, j) else near
        return found

    def merges(self) -> Iterator[Suggestion]:
        """Pairs of people who are probably one."""
        evidence, count = self.people.evidence, len(self.persons)
        if evidence is None or count < 2:
            return
        found = deviations(self.apart(), self.usual)
        likely = posteriors(found, np.zeros((count, count), np.bool_), evidence)[:, :-1]
        for i, j in zip(*np.nonzero(np.triu(likely + likely.T >= 2 * LEAST, 1)), strict=True):
            one, other = sorted((self.persons[i], self.persons[j]), key=lambda who: not who.templates[-1].named)
            yield Suggestion(
                f"{one.name} and {other.name} are one",
                float(likely[i, j] + likely[j, i]) / 2,
                (one.templates, other.templates),
                f"merge {one.identity[:8]} {other.identity[:8]}",
            )

    def splits(self) -> Iterator[Suggestion]:
        """People who are probably two, by the halves of their templates that are farthest apart."""
        cohort = self.people.cohort
        if cohort is None:
            return
        evidence = cohort.evidence(1)
        for who, rows in zip(self.persons, self.rows, strict=True):
            if len(rows) < 2:
                continue
            first, second = _halves(self.between[np.ix_(rows, rows)])
            apart = self.between[np.ix_([rows[n] for n in first], [rows[n] for n in second])].min()
            (ratio,) = evidence.ratio((np.array([apart]) - self.usual.mean) / self.usual.deviation)
            probability = 1 / (1 + math.exp(min(float(ratio) + math.log(ONE), 60.0)))
            if probability >= LEAST:
                sides = tuple(who.templates[n] for n in first), tuple(who.templates[n] for n in second)
                theirs = " ".join(one.template for one in sides[1])
                yield Suggestion(
                    f"{who.name} is two",
                    probability,
                    sides,
                    f"split {who.identity[:8]} NAME {theirs}",
                )

    def _met(self, i: int, j: int) -> bool:
        """Whether two people were seen in the same frame, as far as the runs are there that tell."""
        sides = (
            (self._tracklets[id(one)] for one in self.persons[n].templates if id(one) in self._tracklets)
            for n in (i, j)
        )
        first, second = map(list, sides)
        together = covisible([*first, *second])
        return bool(together[: len(first), len(first) :].any())

    @cached_property
    def _tracklets(self) -> Mapping[int, Tracklet]:
        """Of templates whose runs are there, under a video's name that no other video has."""
        found = {}
        for who in self.persons:
            for one in who.templates:
                if run := self.runs.get(one.run):
                    for tracklet in _tracklets_in(run, one.video):
                        if tracklet.track_id == one.track:
                            found[id(one)] = Tracklet(
                                one.video_sha256 or f"{one.run}/{one.video}", tracklet.track_id, tracklet.frame_indices,
                                tracklet.boxes, tracklet.scores, tracklet.fps,
                            )  # fmt: skip
        return found


def _tracklets_in(run: Run, video: str) -> list[Tracklet]:
    if video not in run.videos:
        return []
    try:
        return run.tracklets(video)
    except InputError:
        return []


def _halves(between: NDArray[np.float64]) -> tuple[list[int], list[int]]:
    """Two groups of N walks, by joining the nearest until two are left (single linkage); the first walk's is first."""
    first, second = sorted(map(sorted, join_nearest(between, np.min, fewest=2)))
    return first, second


def _page(gallery: Gallery, found: Sequence[Suggestion], runs: Mapping[str, Run]) -> Path | None:
    if not runs:
        return None
    run = max(runs.values(), key=lambda one: str(one.record.get("started", "")))
    wanted = [one.template for each in found for side in each.templates for one in side]
    stored = {one.template: one for one in gallery.templates(stored=True, only=wanted)} if wanted else {}
    cards = [
        GroupCard(
            title=f"{each.words}: {each.probability:.0%}",
            lead=" | ".join(
                ", ".join(f"{one.name}: {one.video}/{one.track}" for one in side) for side in each.templates
            ),
            pictures=[_walk(stored.get(one.template, one), runs) for side in each.templates for one in side],
            command=each.command(gallery.path.name),
        )
        for each in found
    ]
    path = run.path / PAGE
    lead = f"{len(found)} suggestions. The probability is told by how far all of the enrolled are apart."
    write_bytes(path, render_groups(GroupPage("Who may be one, and who two", lead, cards)))
    return path


def _walk(template: Template, runs: Mapping[str, Run]) -> WalkCard:
    where = f"{template.name}: {template.video}, track {template.track}"
    run = runs.get(template.run)
    if run is not None and template.video in run.videos:
        return picture_of(run, (template.video, template.track), where)
    if template.stored is None:
        return WalkCard(where, None, None)
    try:
        return walk_card(where, None, read_sequence(BytesIO(template.stored.sequence), template.video, template.track))
    except InputError:
        return WalkCard(where, None, None)
