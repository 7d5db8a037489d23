"""The people whom the walks of a report are compared with, wherever they are kept: in the run, or in a gallery."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pipeline.config import MatchingConfig
from pipeline.drawing.colours import Colour, identity_colour, text_colour
from pipeline.report.page import Fact, Tag, css
from pipeline.runs.reader import Run
from pipeline.types import Embedding, SilhouetteSequence, TrackKey

SET = "Confidence is not calibrated: a softmax beside the threshold of the settings."
ESTIMATED = (
    "Confidence is the probability that the name is right, told by this run's own walks and by made-up people: "
    "nobody told us who was who."
)

TOLD = (
    "Confidence is the probability that the name is right, told by this run's own walks, by made-up people, and by "
    "{} walks of which a person said who it is."
)


@dataclass(frozen=True, slots=True)
class ReportCard:
    """One track, or one template, that the report can show.

    key: tells it from all others; where: in words; fps: None where nobody knows; portrait: the file of a picture;
    no_portrait: said where there is none; facts: what is known of it.
    """

    key: TrackKey
    where: str
    sequence: SilhouetteSequence | None
    embedding: Embedding | None
    fps: float | None
    portrait: Path | None
    no_portrait: str = "no picture of the video at hand"
    facts: Sequence[Fact] = ()


@dataclass(frozen=True, slots=True)
class Roster:
    """Whom probes are compared with.

    task: what was done; people: how many there are; tags: by identity, of everybody who is named on the page;
    columns: the identities in the matrix of distances; card_of: the card of an identity to stand beside a probe track,
    None for nobody; others: tell which distance is usual; threshold: beyond it nobody is recognised;
    caution: what the confidence is worth.
    """

    task: Literal["run", "identify", "enrol"]
    people: int
    tags: Mapping[str, Tag]
    columns: Sequence[str]
    card_of: Callable[[TrackKey, str], ReportCard | None]
    others: Sequence[Embedding]
    threshold: float
    caution: str = ESTIMATED


def roster_of(run: Run) -> Roster:
    """The people whom a run itself tells of: those of its gallery video, or those whom results.json names."""
    tracks = run.enrolled()
    enrolled = (track for of in run.gallery.values() for track in of if track.status == "enrolled")
    names = {who: str(entry["name"]) for who, entry in run.people.items()} or {
        str(track.identity): str(track.name) for track in enrolled
    }
    others = [embedding for video in run.gallery for embedding in run.embeddings(video)]
    return Roster(
        task="enrol" if not run.probes else "run" if run.gallery else "identify",
        people=len(names),
        tags={who: tag_of(name, identity_colour(number)) for number, (who, name) in enumerate(names.items())},
        columns=list(names),
        card_of=lambda _, identity: card_in(run, tracks[identity]) if identity in tracks else None,
        others=others,
        threshold=threshold_in(run.matching),
        caution="" if not run.probes else ESTIMATED if run.matching.threshold is None else SET,
    )


def card_in(run: Run, track: TrackKey) -> ReportCard:
    """A track of the run."""
    video, track_id = track
    return ReportCard(
        track,
        f"{video}, track {track_id}",
        run.sequence(track),
        run.embedding(track),
        run.fps(video),
        run.folder.portrait(*track),
    )


def threshold_in(matching: MatchingConfig) -> float:
    """The distance beyond which nobody is recognised; infinite where the probability decides."""
    return matching.threshold if isinstance(matching.threshold, float) else math.inf


def tag_of(name: str, colour: Colour) -> Tag:
    """A name in a colour."""
    return Tag(name, css(colour), css(text_colour(colour)))
