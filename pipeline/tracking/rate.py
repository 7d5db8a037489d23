"""Detection at a rate: the detector looks at some frames only, and people are where they must have been in between.

Walkers move a tenth of their height in an eighth of a second, so that their boxes overlap from one look to the next.
Where somebody is faster than that, every frame is looked at for a second.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from pipeline.config import TrackingConfig
from pipeline.tracking.overlap import iou
from pipeline.types import Detections, TrackedBoxes

LEAST = 8.0  # looks a second, for `auto`
FOLLOWED = 0.3  # IoU from which two boxes may be one person at the next look
DENSE_S = 1.0  # how long every frame is looked at once somebody was too fast


@dataclass(slots=True)
class Pace:
    """Which frames of a video are looked at. usual: frames from one look to the next."""

    usual: int
    fps: float
    sure: float
    adapts: bool
    _recent: deque[Detections] = field(default_factory=deque)
    _dense_until: int = 0

    @classmethod
    def of(cls, config: TrackingConfig, fps: float, every: bool) -> Pace:
        """The pace that is set. every: whether the detector has to see all frames."""
        rate = LEAST if config.rate == "auto" else config.rate
        usual = 1 if every or rate == "all" else max(1, int(fps / rate + 1e-6))
        return cls(usual, fps, config.bytetrack.track_threshold, config.rate == "auto")

    def next_after(self, index: int) -> int:
        """The frame to look at after the one with this index."""
        return index + (1 if index < self._dense_until else self.usual)

    def note(self, found: Detections) -> None:
        """Take what the next look found, and be closer where somebody moves too far in the usual time between two."""
        if not self.adapts or self.usual == 1:
            return
        before = None
        while self._recent and found.frame_index - self._recent[0].frame_index >= self.usual:
            before = self._recent.popleft()
        self._recent.append(found)
        if before is not None and self._lost(before, found):
            self._dense_until = found.frame_index + round(DENSE_S * self.fps)

    def start(self) -> None:
        """Forget what was seen: another stretch begins, which may be looked at by somebody else."""
        self._recent.clear()
        self._dense_until = 0

    def _lost(self, before: Detections, now: Detections) -> bool:
        """Whether somebody vanished and somebody appeared elsewhere, which may be the same person."""
        old, new = before.boxes[before.scores >= self.sure], now.boxes[now.scores >= self.sure]
        if not len(old) or not len(new):
            return False
        gone = iou(old, now.boxes).max(axis=1) < FOLLOWED
        come = iou(new, before.boxes).max(axis=1) < FOLLOWED
        return bool(gone.any() and come.any())


def fill_between(before: TrackedBoxes | None, now: TrackedBoxes, frames: Sequence[int]) -> Iterator[TrackedBoxes]:
    """The tracks in frames between two looks: whoever is in both moves on a straight line.

    Args:
        before: The look before; None where there is none.
        now: The next one.
        frames: Indices of the frames between.
    """
    if before is None:
        for index in frames:
            yield TrackedBoxes.nobody(index)
        return
    ids, old, new = np.intersect1d(before.track_ids, now.track_ids, return_indices=True)
    for index in frames:
        way = np.float32((index - before.frame_index) / (now.frame_index - before.frame_index))
        boxes = before.boxes[old] * (1 - way) + now.boxes[new] * way
        yield TrackedBoxes(index, ids, boxes, np.minimum(before.scores[old], now.scores[new]))
