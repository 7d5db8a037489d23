"""How closely a video has to be looked at: small people need a larger input of the network than tall ones."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import numpy as np

from pipeline.types import Detections, FloatArray

LEVELS = (1, 2, 3, 4)
ENOUGH_HEIGHT = 45.0  # px of the network's input; YOLOX-nano finds people of half that, but not in every frame
SURE = 0.5  # scores of the people that are measured
LOOK_EVERY = 30  # frames from one close look to the next
SEARCH_EVERY = 10  # … as long as nobody has been seen
MEMORY = 5  # close looks whose people count


class ZoomChooser:
    """Chooses the zoom of each frame of one video, from nothing but the frames before: the same video, the same zooms.

    A close look, at the largest zoom that shows the picture about pixel for pixel, is taken at the first frame and
    then at regular intervals. In between, the smallest zoom serves at which the median person is tall enough.
    """

    def __init__(self, scale: float) -> None:
        """scale: pixels of the network's input for one of the picture, at zoom 1."""
        self._scale = scale
        self.closest = max(level for level in LEVELS if level == 1 or (level - 1) * scale < 0.9)
        self._heights: deque[FloatArray] = deque(maxlen=MEMORY)
        self._zoom = 1
        self._wait = 0

    def plan(self, frames: int) -> tuple[int, int]:
        """The zoom for the next frames, and for how many of `frames` of them; then `record` these."""
        return (self.closest, 1) if self._wait == 0 else (self._zoom, min(self._wait, frames))

    def record(self, found: Sequence[Detections]) -> None:
        """What was found in the frames of the last plan."""
        if self._wait > 0:
            self._wait -= len(found)
            return
        sure = found[0].boxes[found[0].scores >= SURE]
        if len(sure):
            self._heights.append(sure[:, 3] - sure[:, 1])
        if self._heights:
            height = float(np.median(np.concatenate(self._heights))) * self._scale
            fitting = (level for level in LEVELS if height * level >= ENOUGH_HEIGHT)
            self._zoom = min(next(fitting, self.closest), self.closest)
        self._wait = (LOOK_EVERY if self._heights else SEARCH_EVERY) - 1
