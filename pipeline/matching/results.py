"""results.json: every track of every video with its answer and the reason for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.types import Match, SilhouetteSequence, Tracklet

SCHEMA = 1
Walk = tuple[Tracklet, SilhouetteSequence]  # one track with its silhouettes


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
        f"{tracklet.track_id:03d}": {
            "identity": identity_of(gallery, tracklet.track_id),
            "status": "unusable" if (gallery, tracklet.track_id) in unusable else "enrolled",
            "reason": unusable.get((gallery, tracklet.track_id), "enough usable silhouettes"),
            **_facts(tracklet, sequence),
        }
        for tracklet, sequence in walks[gallery]
    }
    return {
        "schema": SCHEMA,
        "gallery": {gallery: enrolled},
        "probes": {probe: _probe(walks[probe], answers) for probe, answers in matches.items()},
    }


def _probe(walks: Sequence[Walk], answers: Sequence[Match]) -> dict[str, Any]:
    by_track = {answer.track_id: answer for answer in answers}
    return {f"{t.track_id:03d}": {**_answer(by_track[t.track_id]), **_facts(t, sequence)} for t, sequence in walks}


def _answer(match: Match) -> dict[str, Any]:
    return {
        "status": match.status,
        "identity": match.identity,
        "distance": _rounded(match.distance),
        "confidence": _rounded(match.confidence),
        "reason": match.reason,
        "candidates": [{"identity": c.identity, "distance": _rounded(c.distance)} for c in match.candidates],
    }


def _facts(tracklet: Tracklet, sequence: SilhouetteSequence) -> dict[str, Any]:
    return {
        "frames": len(tracklet),
        "first_frame": int(tracklet.frame_indices[0]),
        "last_frame": int(tracklet.frame_indices[-1]),
        "silhouettes": len(sequence),
        "quality": {name: _rounded(value) for name, value in sequence.quality.items()},
        "rejected": dict(sequence.rejected),
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(float(value), 6)
