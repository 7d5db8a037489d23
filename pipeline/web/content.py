"""What is shown of a run, in words and pictures; the templates make HTML of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from pipeline.report.page import Card, Tag
from pipeline.report.pictures import Picture


@dataclass(frozen=True, slots=True)
class Row:
    """What was found about one track. rivals: names and distances of the others that it is nearest to.

    key: such as probe1/2, by which a person says who it is.
    """

    track: str
    key: str
    tag: Tag
    status: Literal["known", "unknown", "unusable", "enrolled"]
    verdict: str
    confidence: str
    distance: str
    reason: str
    rivals: Sequence[tuple[Tag, str]]
    person: Card
    silhouettes: int = 0


@dataclass(frozen=True, slots=True)
class Film:
    """An annotated video; src: its address on this server."""

    title: str
    src: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Answers:
    """The result of a job. groups: by video, with its rows; report: address of report.html, or "".

    names: of whom a person may say that somebody is it; reviewed: whether somebody has said anything already.
    """

    run: str
    lead: str
    groups: Sequence[tuple[str, Sequence[Row]]]
    films: Sequence[Film]
    report: str
    notices: Sequence[str] = ()
    caution: str = ""
    names: Sequence[str] = ()
    reviewed: bool = False


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
