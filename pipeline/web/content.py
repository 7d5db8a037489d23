"""What is shown in the app, in words and pictures; html.py makes HTML of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from pipeline.report.page import Card, Tag
from pipeline.report.pictures import Picture


@dataclass(frozen=True, slots=True)
class Bar:
    """How far a stage is. share: 0 to 100, None where nobody knows how much there is to do."""

    name: str
    words: str
    share: float | None
    ended: bool


@dataclass(frozen=True, slots=True)
class Status:
    """What becomes of a job. words: one line; notes: what was not as it should be."""

    kind: Literal["idle", "waiting", "working", "done", "stopped", "refused"]
    words: str
    bars: Sequence[Bar] = ()
    notes: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Row:
    """What was found about one track. rivals: names and distances of the others that it is nearest to."""

    track: str
    tag: Tag
    status: Literal["known", "unknown", "unusable", "enrolled"]
    verdict: str
    confidence: str
    distance: str
    reason: str
    rivals: Sequence[tuple[Tag, str]]
    person: Card


@dataclass(frozen=True, slots=True)
class Film:
    """An annotated video; src: its address on this server."""

    title: str
    src: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Answers:
    """The result of a job. groups: by video, with its rows; report: address of report.html, or ""."""

    lead: str
    groups: Sequence[tuple[str, Sequence[Row]]]
    films: Sequence[Film]
    report: str
    notices: Sequence[str] = ()
    caution: str = ""


@dataclass(frozen=True, slots=True)
class Somebody:
    """One of the enrolled."""

    identity: str
    name: str
    templates: int
    enrolled: str
    expires: str
    expired: bool = False


@dataclass(frozen=True, slots=True)
class Part:
    """One part of the comparison of two walks. ratio: of its distance to the usual one; width: of its bar, percent."""

    place: str
    distance: str
    ratio: str
    width: float
    colour: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two walks part by part."""

    lead: str
    usual: str
    picture: Picture
    parts: Sequence[Part] = field(default_factory=tuple)
