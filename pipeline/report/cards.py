"""The people of a run as the report shows them: names in colours, pictures, and what is known of their silhouettes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pipeline.drawing.colours import GREY
from pipeline.report.page import Card, Fact, Tag
from pipeline.report.pictures import Picture, Thrift, energy_picture, portrait, strip_picture
from pipeline.report.roster import ReportCard, Roster, card_in, tag_of
from pipeline.runs.reader import Run
from pipeline.runs.results import TrackResult
from pipeline.types import TrackKey

# name in results.json → words, and how the number is written
QUALITY: Mapping[str, tuple[str, str]] = {
    "mean_confidence": ("mask confidence", "share"),
    "mean_certainty": ("mask certainty", "share"),
    "mean_coverage": ("box filled", "share"),
    "mean_occluded": ("hidden by others", "share"),
    "median_height_px": ("height", "pixels"),
}


@dataclass
class Cards:
    """Everybody on the page. What is shown in several places is made once.

    beside: the tracks that have been shown beside a probe track, by identity.
    """

    run: Run
    thrift: Thrift
    roster: Roster
    beside: dict[str, ReportCard] = field(default_factory=dict)
    _persons: dict[TrackKey, Card] = field(default_factory=dict)

    def tag(self, identity: str | None, otherwise: str = "") -> Tag:
        """An identity's name and colour; grey, with other words, for nobody."""
        return self.roster.tags.get(identity or "") or tag_of(identity or otherwise, GREY)

    def track(self, track: TrackKey, tag: Tag) -> Card:
        """The pictures of a track of the run under the name that `tag` gives it."""
        return self.person(card_in(self.run, track), tag)

    def compared(self, track: TrackKey, identity: str | None) -> ReportCard | None:
        """The card of that identity that a probe track is shown beside."""
        card = self.roster.card_of(track, identity) if identity else None
        if card and identity:
            self.beside.setdefault(identity, card)
        return card

    def person(self, card: ReportCard, tag: Tag) -> Card:
        """The pictures of a track under the name that `tag` gives it."""
        if card.key not in self._persons:
            self._persons[card.key] = self._person(card, tag)
        return replace(self._persons[card.key], tag=tag)  # a gallery that is its own probe has two names

    def _person(self, card: ReportCard, tag: Tag) -> Card:
        energy, strip, when = None, None, ""
        if card.sequence is not None:
            energy = energy_picture(card.sequence, card.where)
            strip, when = strip_picture(card.sequence, card.fps, card.where, self.thrift)
        silhouettes = len(card.sequence) if card.sequence is not None else 0
        return Card(
            tag, card.where, self._portrait(card), energy, strip, when, silhouettes, no_portrait=card.no_portrait
        )

    def _portrait(self, card: ReportCard) -> Picture | None:
        if card.portrait is None or not card.portrait.is_file():  # a pipe would be read for ever
            return None
        return portrait(card.portrait.read_bytes(), f"Person of {card.where}", self.thrift)


def facts_of(track: TrackResult) -> list[Fact]:
    """How good a track's silhouettes are, in words."""
    usable, frames = track.silhouettes, int(track.quality.get("frames_tracked", track.frames))
    share = round(100 * usable / frames, 1) if frames else 0.0
    facts = [Fact("usable silhouettes", f"{usable} of {frames} cut out", share)] if frames else []
    return facts + quality_of(track.quality)


def quality_of(quality: Mapping[str, Any]) -> list[Fact]:
    """The measures of a track's silhouettes in words."""
    facts = []
    for name, (words, kind) in QUALITY.items():
        value = quality.get(name)
        if isinstance(value, int | float):
            shown = f"{100 * value:.0f} %" if kind == "share" else f"{value:.0f} px"
            facts.append(Fact(words, shown, round(min(100.0, max(0.0, 100 * value)), 1) if kind == "share" else None))
    return facts


def rejected_of(track: TrackResult) -> str:
    """Why frames were left out: "3 body incomplete, 1 no person found"."""
    reasons = sorted(track.rejected.items(), key=lambda item: -item[1])
    return ", ".join(f"{count} {reason}" for reason, count in reasons)
