"""results.json: every track of every video with its answer and the reason for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.types import Match, Tracklet

SCHEMA = 1


@dataclass(frozen=True, slots=True)
class Walk:
    """One track, with how many usable silhouettes it gave, their quality, and why the others were left out.

    poses: the frames with a usable pose; None where nobody looked. usable: the frames that the encoder can look at.
    """

    tracklet: Tracklet
    silhouettes: int
    quality: Mapping[str, float]
    rejected: Mapping[str, int]
    poses: int | None = None
    usable: int = 0

    @property
    def track(self) -> tuple[str, int]:
        return self.tracklet.video, self.tracklet.track_id


def identity_of(video: str, track_id: int) -> str:
    """The name of a person who is known only by a gallery track: `gallery-001`."""
    return f"{video}-{track_id:03d}"


def results_tree(
    gallery: str,
    walks: Mapping[str, Sequence[Walk]],
    matches: Mapping[str, Sequence[Match]],
    unusable: Mapping[tuple[str, int], str],
) -> dict[str, Any]:
    """The content of results.json.

    walks: tracks by video; matches: answers by probe video; unusable: (video, track) → why it has no embedding.
    """
    enrolled = {
        f"{walk.tracklet.track_id:03d}": {
            "identity": identity_of(*walk.track),
            "status": "unusable" if walk.track in unusable else "enrolled",
            "reason": unusable.get(walk.track, f"enough usable {'silhouettes' if walk.poses is None else 'frames'}"),
            **_facts(walk),
        }
        for walk in walks[gallery]
    }
    return {
        "schema": SCHEMA,
        "gallery": {gallery: enrolled},
        "probes": {probe: _probe(walks[probe], answers) for probe, answers in matches.items()},
    }


def _probe(walks: Sequence[Walk], answers: Sequence[Match]) -> dict[str, Any]:
    by_track = {answer.track_id: answer for answer in answers}
    return {
        f"{walk.tracklet.track_id:03d}": {**_answer(by_track[walk.tracklet.track_id]), **_facts(walk)} for walk in walks
    }


def _answer(match: Match) -> dict[str, Any]:
    return {
        "status": match.status,
        "identity": match.identity,
        "distance": _rounded(match.distance),
        "confidence": _rounded(match.confidence),
        "reason": match.reason,
        "candidates": [{"identity": c.identity, "distance": _rounded(c.distance)} for c in match.candidates],
    }


def _facts(walk: Walk) -> dict[str, Any]:
    frames = walk.tracklet.frame_indices
    return {
        "frames": len(frames),
        "first_frame": int(frames[0]),
        "last_frame": int(frames[-1]),
        "silhouettes": walk.silhouettes,
        **({} if walk.poses is None else {"poses": walk.poses}),
        "quality": {name: _rounded(value) for name, value in walk.quality.items()},
        "rejected": dict(walk.rejected),
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(float(value), 6)
