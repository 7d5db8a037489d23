"""Several encoders as one: the distance between two walks is the weighted mean of what each of them says.

It is in the embeddings already, so that matching, galleries and files need know nothing of it: every encoder's parts
are brought to unit length, so that no encoder's numbers are larger than another's, and then to its share of the weight.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from pipeline.recognition.encoder import Encoder, EncoderInput, embedding_of
from pipeline.types import Embedding, FloatArray, Modality


class FusedEncoder:
    """C×P of several encoders side by side: C is the largest (the others are filled with 0), P the sum of theirs.

    By matching.metric=euclidean, the mean over parts, two walks are Σ wᵢ·dᵢ / Σ wᵢ apart, dᵢ from 0 to 2 being the
    Euclidean distance of encoder i's unit-length parts, the mean over its parts.
    """

    def __init__(self, encoders: Sequence[Encoder], weights: Sequence[float]) -> None:
        self._encoders, self._weights = list(encoders), np.asarray(weights, np.float64) / sum(weights)
        self.model = "fused-" + "+".join(
            f"{encoder.model}*{weight:g}" for encoder, weight in zip(encoders, weights, strict=True)
        )
        hashes = " ".join(encoder.checkpoint_sha256 for encoder in encoders)
        self.checkpoint_sha256 = hashlib.sha256(hashes.encode()).hexdigest()
        self.needs: tuple[Modality, ...] = tuple(dict.fromkeys(need for encoder in encoders for need in encoder.needs))

    def encode(self, walks: Sequence[EncoderInput]) -> list[Embedding]:
        """One embedding for each walk, in order; frames_used: of the encoder that looked at fewest."""
        of_encoder = [encoder.encode(walks) for encoder in self._encoders]
        return [
            embedding_of(
                walk,
                self._joined([one.parts for one in each]),
                self.model,
                self.checkpoint_sha256,
                min(one.frames_used for one in each),
            )
            for walk, each in zip(walks, zip(*of_encoder, strict=True), strict=True)
        ]

    def _joined(self, parts: Sequence[FloatArray]) -> FloatArray:
        channels, count = max(len(one) for one in parts), sum(one.shape[1] for one in parts)
        joined = np.zeros((channels, count), np.float32)
        column = 0
        for one, weight in zip(parts, self._weights, strict=True):
            unit = one / np.maximum(np.linalg.norm(one, axis=0, keepdims=True), 1e-12)
            # the mean over all parts counts each encoder by how many it has: undone here
            joined[: len(one), column : column + one.shape[1]] = unit * (weight * count / one.shape[1])
            column += one.shape[1]
        return joined
