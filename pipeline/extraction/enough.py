"""Segmentation by need: of each track as many crops wait as an encoder takes, spread over all of its way.

How long somebody stays is not known before they leave. So crops wait: every frame's at first, and whenever twice as
many wait as are wanted, every second one goes and frames are taken half as often from then on. Which ones are taken
depends on the tracks alone, and starts anew with each stretch of the video.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from pipeline.segmentation.sequences import PersonCrop
from pipeline.types import TrackedBoxes

MOST_WAITING = 1024  # crops of all tracks together; one of 256×256 takes 200 KB


@dataclass(frozen=True, slots=True)
class Due:
    """Crops of one track that it is time for. first: those to begin with; spare: others, while too few are usable."""

    first: Sequence[PersonCrop]
    spare: Sequence[PersonCrop]


@dataclass(slots=True)
class _Track:
    crops: list[PersonCrop] = field(default_factory=list)
    seen: int = 0  # frames so far
    stride: int = 1
    last: int = 0  # frame index


class Waiting:
    """The crops of everybody in a video that are not segmented yet.

    Args:
        enough: Usable silhouettes of a track that are wanted.
        patience: Frames after which somebody who is not seen does not come back under the same number.
    """

    def __init__(self, enough: int, patience: int) -> None:
        self._enough, self._patience = enough, patience
        self._tracks: dict[int, _Track] = {}

    def wants(self, tracked: TrackedBoxes) -> Collection[int]:
        """The tracks whose crop of this frame may be needed."""
        wanted = []
        for track_id in tracked.track_ids.tolist():
            track = self._tracks.setdefault(track_id, _Track())
            if track.seen % track.stride == 0:
                wanted.append(track_id)
            track.seen += 1
            track.last = tracked.frame_index
        return wanted

    def add(self, crops: Sequence[PersonCrop], frame_index: int) -> Iterator[Due]:
        """Let the crops of a frame wait; those of people who have left, and of too many, are due."""
        for crop in crops:
            track = self._tracks[crop.track_id]
            track.crops.append(crop)
            if len(track.crops) > 2 * self._enough:
                track.crops = track.crops[::2]
                track.stride *= 2
        for track_id in [key for key, track in self._tracks.items() if frame_index - track.last > self._patience]:
            yield from self._due(self._tracks.pop(track_id))
        if sum(len(track.crops) for track in self._tracks.values()) > MOST_WAITING:
            yield from self._due(max(self._tracks.values(), key=lambda track: len(track.crops)))

    def rest(self) -> Iterator[Due]:
        """All that still wait; then nobody is known any more."""
        for track in self._tracks.values():
            yield from self._due(track)
        self._tracks.clear()

    def _due(self, track: _Track) -> Iterator[Due]:
        first, spare = spread(track.crops, self._enough)
        track.crops = []
        if first:
            yield Due(first, spare)


def spread(crops: Sequence[PersonCrop], count: int) -> tuple[list[PersonCrop], list[PersonCrop]]:
    """At most `count` of the crops, evenly spaced, and the others; both in order."""
    chosen = set(np.floor((np.arange(count) + 0.5) * (len(crops) / count)).astype(int).tolist())
    first = [crop for place, crop in enumerate(crops) if place in chosen]
    return first, [crop for place, crop in enumerate(crops) if place not in chosen]
