"""People as what moves before a fixed camera: a detector without weights."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import cv2
import numpy as np

from pipeline.config import RuntimeConfig, TrackingConfig
from pipeline.errors import ConfigError
from pipeline.tracking.motion.blobs import TALLEST, Mask, blobs
from pipeline.tracking.motion.crowd import Crowd
from pipeline.tracking.motion.people import Stature
from pipeline.types import Detections, Frame, Image
from pipeline.weights.checkpoints import Checkpoint

LARGEST_SIDE = 640  # px: people are looked for in pictures no larger
GUESS = 0.3  # of the picture's height: a person, while nothing is known


class MotionDetector:
    """Finds people in the foreground of frames (see pipeline.background), learning on the way how tall they are.

    The answer for a frame depends on the frames before it: people who hide one another are told apart by where they
    were going.
    """

    batch = 1
    looks_at: Literal["foreground"] = "foreground"

    def __init__(self, config: TrackingConfig, runtime: RuntimeConfig, checkpoint: Checkpoint | None) -> None:
        """Raises ConfigError for a checkpoint: there is nothing that it could be used for."""
        if checkpoint is not None:
            raise ConfigError(
                f"tracking.checkpoint: the detector motion has no weights, {checkpoint.path.name} is of no use to it. "
                "Set tracking.checkpoint=null, or choose another tracking.detector."
            )
        self._threshold = config.score_threshold
        self._last_index = -1
        self._size = (0, 0)

    def warm(self, height: int, width: int) -> None:
        """Nothing takes time to get ready."""

    def detect(self, frames: Sequence[Frame]) -> list[Detections]:
        """The people of each frame, in order; an index that does not rise starts another video."""
        return [self._detect(frame) for frame in frames]

    def _detect(self, frame: Frame) -> Detections:
        if frame.foreground is None:
            raise ValueError(f"frame {frame.index} comes without its foreground")
        mask, image, scale = _at_work(frame)
        if frame.index <= self._last_index or self._last_index < 0 or mask.shape != self._size:
            self._stature = Stature(GUESS * mask.shape[0])
            self._crowd = Crowd(mask.shape[0], mask.shape[1], self._stature)
            self._size = mask.shape
        self._last_index = frame.index
        tallest = TALLEST * self._stature.tallest if self._stature.known else math.inf
        found = self._crowd.explain(blobs(mask, self._stature.typical, tallest), image)
        boxes = np.array([box for box, _ in found], np.float32).reshape(-1, 4) / np.float32(scale)
        scores = np.array([score for _, score in found], np.float32)
        order = np.argsort(-scores, kind="stable")[: np.count_nonzero(scores >= self._threshold)]
        return Detections(frame.index, boxes[order], scores[order])


def _at_work(frame: Frame) -> tuple[Mask, Image, float]:
    """What is rather person than background, 0 or 1, and the picture, both of bearable size, and their scale."""
    assert frame.foreground is not None
    height, width = frame.foreground.shape
    scale = min(1.0, LARGEST_SIDE / max(height, width))
    likely, image = frame.foreground, frame.image
    if scale < 1:
        size = max(round(width * scale), 1), max(round(height * scale), 1)
        likely = np.asarray(cv2.resize(likely, size, interpolation=cv2.INTER_AREA), np.uint8)
        image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_LINEAR), np.uint8)
    mask = (likely >= 128).astype(np.uint8)
    return np.asarray(cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8)), np.uint8), image, scale
