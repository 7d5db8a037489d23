"""People whom nobody enrolled but who keep coming: which unknown tracks are one person, and what to call them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.config import MatchingConfig
from pipeline.drawing.lettering import SHORT
from pipeline.errors import GalleryError
from pipeline.gallery.template import new_id
from pipeline.matching.assign import covisible
from pipeline.matching.groups import join_nearest
from pipeline.types import Embedding, Tracklet


@dataclass(frozen=True, slots=True)
class Newcomer:
    """Somebody unknown under a label that stays. tracks: (video, track), those of them that were seen now."""

    identity: str
    name: str
    tracks: tuple[tuple[str, int], ...]


def newcomers(
    embeddings: Sequence[Embedding],
    tracklets: Sequence[Tracklet],
    distances: NDArray[np.float64],
    threshold: float,
) -> list[Newcomer]:
    """Group unknown tracks into people: those within the threshold of one another, closest first, that were never seen
    together (complete linkage, so that no chain of look-alikes makes one person of many).

    embeddings, tracklets: N of each, of the same tracks; distances: N×N, between them. The order does not matter.
    """
    if not embeddings:
        return []
    distances = np.where(covisible(tracklets), np.inf, distances)
    found = []
    for members in join_nearest(distances, np.max, farthest=threshold):
        identity = new_id()
        tracks = tuple(sorted((embeddings[row].video, embeddings[row].track_id) for row in members))
        found.append(Newcomer(identity, f"unknown-{identity[:SHORT]}", tracks))
    return sorted(found, key=lambda newcomer: newcomer.tracks)


def refuse_no_threshold(config: MatchingConfig) -> None:
    """Raise GalleryError where the settings name the nearest, whoever it is."""
    if config.threshold == "off":
        raise GalleryError("matching.threshold=off: nobody is unknown. Leave it out, or set a distance.")
