"""Which way up people are in a video: a look at a few frames, turned by each quarter."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice

import numpy as np

from pipeline.config import TrackingConfig
from pipeline.runs.job import Video
from pipeline.tracking import Detector
from pipeline.types import FloatArray, Frame
from pipeline.video.orientation import QUARTERS, Orientation

LOOKS = 12  # frames that are looked at
APART_S = 0.5  # seconds from one to the next
ENOUGH = 3  # people, all looks taken together, from which a turn is believed …
CLEARLY = 2  # … where they are so many times as many as upright


@dataclass(frozen=True, slots=True)
class Sightings:
    """People found in a few frames, by the degrees clockwise by which these were turned.

    size: width, height; tall: median height of those who were found as it is, pixels, 0 where nobody was.
    """

    found: dict[int, int]
    looks: int
    size: tuple[int, int]
    tall: float = 0.0

    @property
    def turn(self) -> int:
        """Degrees clockwise by which the video has to be turned; 0 where that is not clear."""
        best = max(QUARTERS, key=lambda turn: self.found.get(turn, 0))  # the first of equals: as it is
        return best if self.found.get(best, 0) >= max(ENOUGH, CLEARLY * self.found.get(0, 0)) else 0


def look_around(video: Video, detector: Detector, config: TrackingConfig) -> Sightings:
    """Look at the beginning of a video for people who would start a track, upright and turned. Raises InputError.

    A detector that looks at the foreground cannot tell: it finds whatever moves, whichever way up.
    """
    found, tall = dict.fromkeys(QUARTERS, 0), 0.0
    with video.open() as source:
        step = max(1, round(APART_S * source.info.fps))
        frames = list(islice(source, 0, LOOKS * step, step))
        size = source.info.width, source.info.height
    if detector.looks_at == "image":
        for turn in QUARTERS:
            heights = np.concatenate([np.zeros(0), *(_people(frame, turn, detector, config) for frame in frames)])
            found[turn] = len(heights)
            if turn == 0 and len(heights):
                tall = float(np.median(heights))
    return Sightings(found, len(frames), size, tall)


def _people(frame: Frame, turn: int, detector: Detector, config: TrackingConfig) -> FloatArray:
    """How tall those are who would start a track. Each frame is a video of its own: zoom is chosen for it alone."""
    (people,) = detector.detect([Frame(0, 0.0, Orientation().turned(turn).apply(frame.image))])
    width, height = (people.boxes[:, 2:] - people.boxes[:, :2]).T
    sure = people.scores >= config.bytetrack.track_threshold + config.bytetrack.new_track_margin
    return np.asarray(height[sure & (width <= height) & (width * height > config.min_area)])
