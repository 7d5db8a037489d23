"""The Gait Energy Image (Han & Bhanu, TPAMI 2006): the mean silhouette of a walk. It needs no weights."""

from __future__ import annotations

from collections.abc import Sequence

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

    checkpoint_sha256 = ""
    needs: tuple[Modality, ...] = (Modality.SILHOUETTES,)

    def __init__(
        self, config: RecognitionConfig, runtime: RuntimeConfig | None = None, checkpoint: Checkpoint | None = None
    ) -> None:
        refuse_weights("gei", config, checkpoint)
        self._config = config
        self.model = f"gei-{config.parts}"

    def encode(self, walks: Sequence[Walk]) -> list[Embedding]:
        """One embedding for each walk of masks T×H×W: (H/P · W)×P. Raises ConfigError when P does not divide H."""
        return [self._encode(walk) for walk in walks]

    def _encode(self, walk: Walk) -> Embedding:
        masks = sampled(walk, self._config.max_frames, self._config.window)
        parts = horizontal_parts(gait_energy_image(masks), self._config.parts)
        return embedding_of(walk, parts, self.model, self.checkpoint_sha256, len(masks))


def gait_energy_image(masks: NDArray[np.uint8]) -> FloatArray:
    """Mean of masks T×H×W (0–255) as H×W float32 in 0–1."""
    mean: FloatArray = (masks.mean(axis=0, dtype=np.float64) / 255).astype(np.float32)
    return mean


def horizontal_parts(image: FloatArray, parts: int) -> FloatArray:
    """Cut H×W into `parts` horizontal strips: C×P with C = H/P · W, scaled by 1/√C. Raises ConfigError unless P | H."""
    height, width = image.shape
    if height % parts:
        raise ConfigError(f"recognition.parts={parts} does not divide a silhouette of {height} rows. Use 16, say.")
    values = height // parts * width
    strips: FloatArray = (image.reshape(parts, values).T / np.sqrt(values)).astype(np.float32)
    return strips
