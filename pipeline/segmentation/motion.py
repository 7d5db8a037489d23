"""The foreground before a fixed camera: as a segmenter without weights, or as a second witness beside a network's."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.config import RuntimeConfig
from pipeline.errors import ConfigError
from pipeline.segmentation import Segmented
from pipeline.segmentation.crop import BLACK, View
from pipeline.types import FloatArray
from pipeline.weights.checkpoints import Checkpoint

SMOOTH = 0.008  # of the crop's side: standard deviation of the smoothing
GAP = 0.05  # of the crop's side: cracks up to this width inside a body are closed
CLOSED = 0.85  # probability of what was closed


class MotionSegmenter:
    """Takes crops of the foreground (see pipeline.background) and mends what is broken in them."""

    view = View(192, around=BLACK, looks_at="foreground")
    finds_joints = False

    def __init__(self, runtime: RuntimeConfig, checkpoint: Checkpoint | None) -> None:
        """Raises ConfigError for a checkpoint: there is nothing that it could be used for."""
        if checkpoint is not None:
            raise ConfigError(
                f"segmentation.checkpoint: the segmenter motion has no weights, {checkpoint.path.name} is of no use to "
                "it. Set segmentation.checkpoint=null, or choose another segmentation.segmenter."
            )

    def segment(self, crops: NDArray[np.uint8]) -> Segmented:
        """Segment crops of the foreground, N×S×S uint8."""
        side = self.view.size
        if crops.ndim != 3 or crops.shape[1:] != (side, side) or crops.dtype != np.uint8:
            raise ValueError(f"crops must be N×{side}×{side} uint8, got {crops.shape} {crops.dtype}")
        people = np.empty(crops.shape, np.float32)
        disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (round(GAP * side) | 1,) * 2)
        for crop, person in zip(crops, people, strict=True):
            smooth = cv2.GaussianBlur(crop, (0, 0), SMOOTH * side)
            marked = (smooth >= 128).astype(np.uint8)
            closed = cv2.morphologyEx(marked, cv2.MORPH_CLOSE, disc)
            person[:] = np.maximum(smooth * np.float32(1 / 255), closed * np.float32(CLOSED))
        return Segmented(people)


# Chosen on made-up walkers (docs/accuracy.md). Who is as grey as the wall behind is no foreground, so a network that is
# sure of a person is believed.
OF_NETWORK = 0.001, 0.999  # probabilities beyond count as these: it can be wrong
OF_FOREGROUND = 0.1, 0.98
UNKNOWN = 128  # foreground of which nothing is known: the network decides


def with_foreground(probability: FloatArray, foreground: NDArray[np.uint8], trust: float) -> FloatArray:
    """The probability of person by both, S×S float32: the sum of their log-odds, as of independent witnesses.

    probability: S×S float32, the network's; foreground: S×S uint8, 255 × the probability that it is not background.
    trust: weight of the network's log-odds.
    """
    odds = trust * _log_odds(probability, OF_NETWORK) + FOREGROUND_ODDS[foreground]
    return np.asarray(1 / (1 + np.exp(-odds)), np.float32)


def _log_odds(probability: FloatArray, limits: tuple[float, float]) -> FloatArray:
    limited = np.clip(probability, *limits)
    return np.asarray(np.log(limited / (1 - limited)), np.float32)


FOREGROUND_ODDS = _log_odds(np.linspace(0, 1, 256).astype(np.float32), OF_FOREGROUND)
