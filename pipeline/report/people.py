"""The people of a run as the report shows them: names in colours, pictures, and what is known of their silhouettes."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pipeline.finished import FinishedRun, Track
from pipeline.views.colours import GREY, Colour, identity_colour, text_colour
from pipeline.views.report.page import Fact, Person, Tag, css
from pipeline.views.report.pictures import Picture, Thrift, energy_picture, portrait, strip_picture

# name in results.json → words, and how the number is written
QUALITY: Mapping[str, tuple[str, str]] = {
    "mean_confidence": ("mask confidence", "share"),
    "mean_certainty": ("mask certainty", "share"),
    "mean_coverage": ("box filled", "share"),
    "mean_occluded": ("hidden by others", "share"),
    "median_height_px": ("height", "pixels"),
}


@dataclass
class People:
    """Everybody of a run. What is shown in several places is made once."""

    run: FinishedRun
    thrift: Thrift
    _persons: dict[Track, Person] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.enrolled = self.run.enrolled()
        self._colours = {identity: identity_colour(number) for number, identity in enumerate(self.enrolled)}

    def tag(self, identity: str | None, otherwise: str = "") -> Tag:
        """A gallery identity's name and colour; grey, with other words, for nobody."""
        return tag_of(identity or otherwise, self._colours.get(identity or "", GREY))

    def person(self, track: Track, tag: Tag) -> Person:
        """A track's pictures under the name that `tag` gives it."""
        if track not in self._persons:
            self._persons[track] = self._person(track, tag)
        return replace(self._persons[track], tag=tag)  # a gallery that is its own probe has two names

    def _person(self, track: Track, tag: Tag) -> Person:
        video, track_id = track
        where = f"{video}, track {track_id}"
        sequence = self.run.sequence(track)
        energy, strip, when = None, None, ""
        if sequence is not None:
            energy = energy_picture(sequence, where)
            strip, when = strip_picture(sequence, self.run.fps(video), where, self.thrift)
        silhouettes = len(sequence) if sequence is not None else 0
        return Person(tag, where, self._portrait(track, where), energy, strip, when, silhouettes)

    def _portrait(self, track: Track, where: str) -> Picture | None:
        with contextlib.suppress(OSError):
            return portrait(self.run.folder.portrait(*track).read_bytes(), f"Person of {where}", self.thrift)
        return None


def tag_of(name: str, colour: Colour) -> Tag:
    return Tag(name, css(colour), css(text_colour(colour)))


def facts_of(entry: Mapping[str, Any]) -> list[Fact]:
    """The quality parts of an entry of results.json in words."""
    usable, frames = int(entry.get("silhouettes", 0)), int(entry.get("frames", 0))
    facts = [Fact("usable frames", f"{usable} of {frames}", round(100 * usable / max(frames, 1), 1))]
    for name, (words, kind) in QUALITY.items():
        value = entry.get("quality", {}).get(name)
        if isinstance(value, int | float):
            shown = f"{100 * value:.0f} %" if kind == "share" else f"{value:.0f} px"
            facts.append(Fact(words, shown, round(min(100.0, max(0.0, 100 * value)), 1) if kind == "share" else None))
    return facts


def rejected_of(entry: Mapping[str, Any]) -> str:
    """Why frames were left out: "3 body incomplete, 1 no person found"."""
    reasons = sorted(entry.get("rejected", {}).items(), key=lambda item: -item[1])
    return ", ".join(f"{count} {reason}" for reason, count in reasons)
