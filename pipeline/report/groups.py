"""A page of walks that belong together: strangers who keep coming, people who may be one or two."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.report.pictures import Picture, Thrift, energy_picture, portrait
from pipeline.report.templates import filled
from pipeline.runs.reader import Run
from pipeline.types import SilhouetteSequence, TrackKey

THRIFT = Thrift.of(0)


@dataclass(frozen=True, slots=True)
class WalkCard:
    """One walk as one sees it. Pictures: None where there is none."""

    where: str
    portrait: Picture | None
    energy: Picture | None


@dataclass(frozen=True, slots=True)
class GroupCard:
    """Walks that are shown together. command: what makes a person, or two, of them."""

    title: str
    lead: str
    pictures: Sequence[WalkCard]
    command: str


@dataclass(frozen=True, slots=True)
class GroupPage:
    """The whole page."""

    title: str
    lead: str
    groups: Sequence[GroupCard]


def picture_of(run: Run, track: TrackKey, where: str) -> WalkCard:
    """A walk of a run: the person's picture, if the run has one, and the mean silhouette."""
    file = run.folder.portrait(*track)
    picture = portrait(file.read_bytes(), f"Person of {where}", THRIFT) if file.is_file() else None
    return walk_card(where, picture, run.sequence(track))


def walk_card(where: str, picture: Picture | None, sequence: SilhouetteSequence | None) -> WalkCard:
    """A walk with its mean silhouette."""
    return WalkCard(where, picture, energy_picture(sequence, where) if sequence is not None else None)


def render_groups(page: GroupPage) -> bytes:
    """The page as HTML: one file, everything in it that did not come from us escaped."""
    return filled("report/groups.html.j2", page=page).encode("utf-8", "replace")
