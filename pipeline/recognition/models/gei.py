"""Encoders without weights: the Gait Energy Image (Han & Bhanu, TPAMI 2006), which is the mean silhouette, and its HOG.

Histograms of oriented gradients (Dalal & Triggs, CVPR 2005) look at outlines, in their own sizes: cells of 8 pixels,
blocks of 2×2 cells, 9 directions. For gait: Liu et al., "Multiple HOG templates for gait recognition", ICPR 2012.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.config import RecognitionConfig, RuntimeConfig
from pipeline.errors import ConfigError
from pipeline.recognition.encoder import EncoderInput, embedding_of, refuse_weights, sample_masks
from pipeline.types import Embedding, FloatArray, Modality
from pipeline.weights.checkpoints import Checkpoint


class GaitEnergyImageEncoder:
    """The mean of the aligned silhouettes, cut into horizontal parts of equal height.

    Values are scaled by 1/√C, so that the Euclidean distance of a part is the rms difference of its pixels, in 0–1.
    """

    NAME: ClassVar[str] = "gei"
    checkpoint_sha256 = ""
    needs: tuple[Modality, ...] = (Modality.SILHOUETTES,)

    def __init__(
        self, config: RecognitionConfig, runtime: RuntimeConfig | None = None, checkpoint: Checkpoint | None = None
    ) -> None:
        refuse_weights(self.NAME, config, checkpoint)
        self._config = config
        self.model = f"{self.NAME}-{config.parts}"

    def encode(self, sequences: Sequence[EncoderInput]) -> list[Embedding]:
        """One embedding for each sequence of masks T×H×W: (H/P · W)×P. Raises ConfigError when P does not divide H."""
        every = [sample_masks(sequence, self._config.max_frames, self._config.window) for sequence in sequences]
        return [
            embedding_of(
                sequence, self.parts_of(gait_energy_image(masks)), self.model, self.checkpoint_sha256, len(masks)
            )
            for sequence, masks in zip(sequences, every, strict=True)
        ]

    def parts_of(self, image: FloatArray) -> FloatArray:
        """A mean silhouette H×W in 0–1 as C×P with C = H/P · W, scaled by 1/√C. Raises ConfigError unless P | H."""
        parts, (height, width) = self._config.parts, image.shape
        if height % parts:
            raise ConfigError(f"recognition.parts={parts} does not divide a silhouette of {height} rows. Use 16, say.")
        values = height // parts * width
        return np.asarray(image.reshape(parts, values).T / np.sqrt(values), np.float32)


def gait_energy_image(masks: NDArray[np.uint8]) -> FloatArray:
    """Mean of masks T×H×W (0–255) as H×W float32 in 0–1."""
    return np.asarray(masks.mean(axis=0, dtype=np.float64) / 255, np.float32)


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
