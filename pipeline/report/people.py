"""The people of a run as the report shows them: names in colours, pictures, and what is known of their silhouettes."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pipeline.drawing.colours import GREY
from pipeline.report.page import Fact, Person, Tag
from pipeline.report.pictures import Picture, Thrift, energy_picture, portrait, strip_picture
from pipeline.report.roster import Roster, Walk, tag_of, walk_in
from pipeline.runs.reader import FinishedRun, Track

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
    """Everybody on the page. What is shown in several places is made once.

    beside: the walks that have been shown beside a probe track, by identity.
    """

    run: FinishedRun
    thrift: Thrift
    roster: Roster
    beside: dict[str, Walk] = field(default_factory=dict)
    _persons: dict[Track, Person] = field(default_factory=dict)

    def tag(self, identity: str | None, otherwise: str = "") -> Tag:
        """An identity's name and colour; grey, with other words, for nobody."""
        return self.roster.tags.get(identity or "") or tag_of(identity or otherwise, GREY)

    def track(self, track: Track, tag: Tag) -> Person:
        """The pictures of a track of the run under the name that `tag` gives it."""
        return self.person(walk_in(self.run, track), tag)

    def compared(self, track: Track, identity: str | None) -> Walk | None:
        """The walk of that identity that a probe track is shown beside."""
        walk = self.roster.walk_of(track, identity) if identity else None
        if walk and identity:
            self.beside.setdefault(identity, walk)
        return walk

    def person(self, walk: Walk, tag: Tag) -> Person:
        """A walk's pictures under the name that `tag` gives it."""
        if walk.key not in self._persons:
            self._persons[walk.key] = self._person(walk, tag)
        return replace(self._persons[walk.key], tag=tag)  # a gallery that is its own probe has two names

    def _person(self, walk: Walk, tag: Tag) -> Person:
        energy, strip, when = None, None, ""
        if walk.sequence is not None:
            energy = energy_picture(walk.sequence, walk.where)
            strip, when = strip_picture(walk.sequence, walk.fps, walk.where, self.thrift)
        silhouettes = len(walk.sequence) if walk.sequence is not None else 0
        return Person(
            tag, walk.where, self._portrait(walk), energy, strip, when, silhouettes, no_portrait=walk.no_portrait
        )

    def _portrait(self, walk: Walk) -> Picture | None:
        with contextlib.suppress(OSError):
            if walk.portrait is not None:
                return portrait(walk.portrait.read_bytes(), f"Person of {walk.where}", self.thrift)
        return None


def facts_of(entry: Mapping[str, Any]) -> list[Fact]:
    """The quality parts of an entry of results.json in words."""
    usable, frames = int(entry.get("silhouettes", 0)), int(entry.get("frames", 0))
    facts = [Fact("usable frames", f"{usable} of {frames}", round(100 * usable / frames, 1))] if frames else []
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
