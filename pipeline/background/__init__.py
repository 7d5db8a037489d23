"""What moves before a fixed camera: the empty scene of a video, and what of each frame is not part of it.

It needs no weights. The detector and the segmenter called `motion` look at the foreground that this adds to frames.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import cv2
import numpy as np

from pipeline.background.foreground import Subtractor
from pipeline.background.learn import FEWEST, learn, sample_while_reading, shrink
from pipeline.config import BackgroundConfig
from pipeline.errors import InputError
from pipeline.types import Frame

SHORTEST_S = 4.0  # shorter videos show too little of what is behind the people
RESTLESS = 0.15  # share of the picture that never stands still, above which the foreground is not to be trusted
LOST = 0.1  # share of the frames whose motion cannot be told
CROWDED = 0.4  # share of the picture that is foreground in the median frame


class TooShortError(InputError):
    """The video has too few frames to learn a background from."""


class Background:
    """The empty scene of one video: learnt from its frames, then subtracted from each of them, in order.

    frames: how many it was learnt from.
    """

    def __init__(
        self, frames: Iterable[Frame], name: str, fps: float, config: BackgroundConfig, unseen: int = 0
    ) -> None:
        """frames: all of the video's, read once. unseen: the foreground of what the empty scene never shows.

        Raises TooShortError where they are too few to learn from.
        """
        samples, self.frames = [], 0
        for frame, kept in sample_while_reading(frames):
            self.frames, samples = frame.index + 1, kept
        self._seconds = self.frames / fps
        if len(samples) < FEWEST:
            raise TooShortError(f"{name}: {len(samples)} frames are too few to learn a background from.")
        learned = learn(samples)
        self._name, self._restless = name, learned.restless
        self._subtractor = Subtractor(learned.scene, learned.steady, config.threshold, config.shadows, unseen)
        self._shares: list[float] = []
        self._lost = 0

    def subtract(self, frame: Frame) -> Frame:
        """The frame with its foreground."""
        found = self._subtractor.compare(shrink(frame.image))
        self._shares.append(float(np.mean(found.likely >= 128)))
        self._lost += found.motion is None
        height, width = frame.image.shape[:2]
        likely = found.likely
        if likely.shape != (height, width):
            likely = np.asarray(cv2.resize(likely, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)
        return replace(frame, foreground=likely)

    @property
    def unfit(self) -> list[str]:
        """Why the video is none to learn a background from; known before anything is subtracted."""
        remarks = []
        if self._seconds < SHORTEST_S:
            remarks.append(f"{self._seconds:.1f} s are little to learn a background from")
        if self._restless > RESTLESS:
            remarks.append(
                f"{self._restless:.0%} of the picture never stands still, as if the camera moved more than can be "
                "compensated"
            )
        return remarks

    @property
    def doubts(self) -> str:
        """What makes the foreground of this video doubtful, in one line, or ""; final after the last frame."""
        remarks = self.unfit
        if self._shares and self._lost > LOST * len(self._shares):
            remarks.append(f"the camera's motion cannot be told in {self._lost} of {len(self._shares)} frames")
        if self._shares and float(np.median(self._shares)) > CROWDED:
            remarks.append(f"{np.median(self._shares):.0%} of the picture is not background in most frames")
        return f"{self._name}: {'; '.join(remarks)}" if remarks else ""
