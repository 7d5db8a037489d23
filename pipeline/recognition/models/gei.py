"""The Gait Energy Image (Han & Bhanu, TPAMI 2006): the mean silhouette of a sequence. It needs no weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from pipeline.config import RecognitionConfig, RuntimeConfig
from pipeline.errors import ConfigError
from pipeline.recognition.encoder import Walk, embedding_of, refuse_weights, sampled
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

    def encode(self, walks: Sequence[Walk]) -> list[Embedding]:
        """One embedding for each walk of masks T×H×W: (H/P · W)×P. Raises ConfigError when P does not divide H."""
        every = [sampled(walk, self._config.max_frames, self._config.window) for walk in walks]
        return [
            embedding_of(walk, self.parts_of(gait_energy_image(masks)), self.model, self.checkpoint_sha256, len(masks))
            for walk, masks in zip(walks, every, strict=True)
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
    mean: FloatArray = (masks.mean(axis=0, dtype=np.float64) / 255).astype(np.float32)
    return mean
