"""What stands on the page, in words and pictures; `render` makes HTML of it. Everything is escaped by the template."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from pipeline.drawing.colours import Colour, text_colour
from pipeline.report.pictures import Picture
from pipeline.report.templates import filled

FAR: Colour = (250, 243, 235)  # the two ends of the heat map
NEAR: Colour = (110, 50, 8)


@dataclass(frozen=True, slots=True)
class Tag:
    """A name in the colour of an identity: ink is black or white, whichever can be read on it."""

    name: str
    colour: str  # such as #e69f00
    ink: str

    @property
    def short(self) -> str:
        """At most 19 letters, the end among them: names differ there."""
        return self.name if len(self.name) <= 19 else f"{self.name[:8]}…{self.name[-10:]}"


@dataclass(frozen=True, slots=True)
class Card:
    """One track as one sees it. strip_when: the time that the strip covers; silhouettes: usable ones; no_portrait: said
    where there is no picture."""

    tag: Tag
    where: str
    portrait: Picture | None
    energy: Picture | None
    strip: Picture | None
    strip_when: str
    silhouettes: int
    no_portrait: str = ""


@dataclass(frozen=True, slots=True)
class Fact:
    """A measure in words; share: 0 to 100 where it can be drawn as a bar."""

    name: str
    value: str
    share: float | None = None


@dataclass(frozen=True, slots=True)
class Rival:
    """One of the gallery with its distance; share: length of the bar in percent."""

    tag: Tag
    distance: str
    share: float
    chosen: bool


@dataclass(frozen=True, slots=True)
class Bar:
    """One part of the body in the comparison: where it is and how long its bar is, both in percent."""

    top: float
    height: float
    width: float
    colour: str
    title: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two walks part by part. usual: where the line of a usual distance stands, percent; strips: bars are at the body's
    heights, and the silhouettes coloured."""

    one: Picture
    other: Picture
    bars: Sequence[Bar]
    usual: float
    summary: str
    strips: bool


@dataclass(frozen=True, slots=True)
class ProbeEntry:
    """What was found about one probe track. limit: where the threshold stands among the rivals' bars, percent."""

    anchor: str
    track: str
    status: Literal["known", "unknown", "unusable"]
    tag: Tag
    confidence: str
    distance: str
    reason: str
    person: Card
    other: Card | None  # the gallery person, or the nearest one
    rivals: Sequence[Rival]
    limit: float | None
    comparison: Comparison | None
    facts: Sequence[Fact]
    rejected: str


@dataclass(frozen=True, slots=True)
class Probe:
    """One probe video and its answers."""

    name: str
    anchor: str
    answers: Sequence[ProbeEntry]


@dataclass(frozen=True, slots=True)
class GalleryEntry:
    """One of the gallery's people, or the reason that somebody is none.

    outcome: how they were enrolled; seen: the answers that name them, None where nobody was looked for.
    """

    person: Card
    reason: str
    outcome: str
    facts: Sequence[Fact]
    rejected: str
    seen: Sequence[ProbeEntry] | None


@dataclass(frozen=True, slots=True)
class Cell:
    """One distance; shade: 0 (far) to 9 (near); mark: "" or what is said of it."""

    distance: str
    shade: int
    mark: str


@dataclass(frozen=True, slots=True)
class Matrix:
    """All distances: columns are the gallery's people, rows the probe tracks (name, answer's anchor, cells)."""

    columns: Sequence[Tag]
    rows: Sequence[tuple[str, str, Sequence[Cell]]]
    note: str


@dataclass(frozen=True, slots=True)
class Presence:
    """When one person is in the picture: spans (left, width) in percent of the video."""

    tag: Tag
    track: str
    spans: Sequence[tuple[float, float]]
    words: str


@dataclass(frozen=True, slots=True)
class Film:
    """One video, and its annotated copy beside the report (src, percent-encoded, or "")."""

    name: str
    role: str
    about: str
    src: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Timeline:
    """Who is in a video when. ticks: marks on the axis of time (percent, words)."""

    film: Film
    presences: Sequence[Presence]
    ticks: Sequence[tuple[float, str]]


@dataclass(frozen=True, slots=True)
class Words:
    """What the page is, what it calls the section with the gallery's people, and what it says where that is empty."""

    kind: str
    gallery: str
    nobody: str


@dataclass(frozen=True, slots=True)
class Findings:
    """What was found: all of it that the web app shows, too. caution: what the confidence is worth."""

    words: Words
    caution: str
    lead: str
    counts: Sequence[Fact]
    notices: Sequence[str]
    gallery: Sequence[GalleryEntry]
    probes: Sequence[Probe]
    films: Sequence[Film]


@dataclass(frozen=True, slots=True)
class Page:
    """The whole report: what was found, with the distances behind it, and how."""

    title: str
    started: str
    found: Findings
    matrix: Matrix
    timelines: Sequence[Timeline]
    blurred: bool
    configuration: str
    checkpoints: Sequence[Mapping[str, str]]
    stages: Sequence[Fact]
    versions: Sequence[Fact]
    inputs: Sequence[Mapping[str, str]]


def render(page: Page) -> str:
    """The page as HTML: one file, everything in it that did not come from us escaped."""
    return filled("report/report.html.j2", page=page, shades=heat_shades())


def heat_shades(count: int = 10) -> list[tuple[str, str]]:
    """Background and text of every shade, from FAR to NEAR, as CSS."""
    shades = []
    for step in range(count):
        far, near = 1 - step / (count - 1), step / (count - 1)
        blue, green, red = (round(a * far + b * near) for a, b in zip(FAR, NEAR, strict=True))
        shades.append((css((blue, green, red)), css(text_colour((blue, green, red)))))
    return shades


def css(colour: Colour) -> str:
    """#rrggbb."""
    blue, green, red = colour
    return f"#{red:02x}{green:02x}{blue:02x}"
