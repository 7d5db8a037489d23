"""The foreground before a fixed camera as a segmenter: no weights, and blind to whoever stands still."""

from __future__ import annotations

from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.config import RuntimeConfig
from pipeline.errors import ConfigError
from pipeline.types import FloatArray
from pipeline.weights.checkpoints import Checkpoint

SMOOTH = 0.008  # of the crop's side: standard deviation of the smoothing
GAP = 0.05  # of the crop's side: cracks up to this width inside a body are closed
CLOSED = 0.85  # probability of what was closed


class MotionSegmenter:
    """Takes crops of the foreground (see pipeline.background) and mends what is broken in them."""

    crop_size = 192
    looks_at: Literal["foreground"] = "foreground"

    def __init__(self, runtime: RuntimeConfig, checkpoint: Checkpoint | None) -> None:
        """Raises ConfigError for a checkpoint: there is nothing that it could be used for."""
        if checkpoint is not None:
            raise ConfigError(
                f"segmentation.checkpoint: the segmenter motion has no weights, {checkpoint.path.name} is of no use to "
                "it. Set segmentation.checkpoint=null, or choose another segmentation.segmenter."
            )

    def segment(self, crops: NDArray[np.uint8]) -> FloatArray:
        """Crops N×S×S uint8 of the foreground → probability of person, N×S×S float32."""
        side = self.crop_size
        if crops.ndim != 3 or crops.shape[1:] != (side, side) or crops.dtype != np.uint8:
            raise ValueError(f"crops must be N×{side}×{side} uint8, got {crops.shape} {crops.dtype}")
        people = np.empty(crops.shape, np.float32)
        disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (round(GAP * side) | 1,) * 2)
        for crop, person in zip(crops, people, strict=True):
            smooth = cv2.GaussianBlur(crop, (0, 0), SMOOTH * side)
            marked = (smooth >= 128).astype(np.uint8)
            closed = cv2.morphologyEx(marked, cv2.MORPH_CLOSE, disc)
            person[:] = np.maximum(smooth * np.float32(1 / 255), closed * np.float32(CLOSED))
        return people
