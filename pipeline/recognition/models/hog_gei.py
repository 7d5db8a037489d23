"""Histograms of oriented gradients of the Gait Energy Image: a baseline without weights that looks at outlines.

Dalal & Triggs, CVPR 2005, in their own sizes: cells of 8 pixels, blocks of 2×2 cells, 9 directions. For gait: Liu et
al., "Multiple HOG templates for gait recognition", ICPR 2012.
"""

from __future__ import annotations

from typing import ClassVar

import cv2
import numpy as np

from pipeline.config import RecognitionConfig, RuntimeConfig
from pipeline.recognition.models.gei import GaitEnergyImageEncoder
from pipeline.types import FloatArray
from pipeline.weights.checkpoints import Checkpoint

CELL, BINS = 8, 9
BLOCK = 2 * CELL


class HogGaitEnergyImageEncoder(GaitEnergyImageEncoder):
    """HOG of the mean silhouette, one part a row of blocks: 64×44 gives 7 parts of 180 values, each of unit length."""

    NAME: ClassVar[str] = "hog"

    def __init__(
        self, config: RecognitionConfig, runtime: RuntimeConfig | None = None, checkpoint: Checkpoint | None = None
    ) -> None:
        super().__init__(config, runtime, checkpoint)
        self.model = self.NAME

    def parts_of(self, image: FloatArray) -> FloatArray:
        """C×P, P = H/8 − 1 rows of blocks."""
        return oriented_gradients(image)


def oriented_gradients(image: FloatArray) -> FloatArray:
    """HOG of an image H×W in 0–1 as C×P, a part a row of blocks; sides are padded with 0 to whole cells."""
    height, width = image.shape
    rows, columns = (max(2, -(-side // CELL)) for side in (height, width))
    top, left = (rows * CELL - height) // 2, (columns * CELL - width) // 2
    window = np.zeros((rows * CELL, columns * CELL), np.uint8)
    window[top : top + height, left : left + width] = np.rint(image * 255)
    hog = cv2.HOGDescriptor((columns * CELL, rows * CELL), (BLOCK, BLOCK), (CELL, CELL), (CELL, CELL), BINS)
    values = np.asarray(hog.compute(window), np.float32).reshape(columns - 1, rows - 1, -1)  # column after column
    parts = values.transpose(0, 2, 1).reshape(-1, rows - 1)
    lengths = np.linalg.norm(parts, axis=0, keepdims=True)
    return np.asarray(parts / np.maximum(lengths, 1e-12), np.float32)
