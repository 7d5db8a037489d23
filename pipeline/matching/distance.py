"""How far two walks are apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import ConfigError
from pipeline.types import Embedding, FloatArray

Real = TypeVar("Real", np.float32, np.float64)
Metric = Literal["euclidean", "cosine", "frobenius"]

BLOCK_VALUES = 1 << 24  # float64 values of one side held at once: 128 MB


def distance_matrix(probes: Sequence[Embedding], gallery: Sequence[Embedding], metric: Metric) -> FloatArray:
    """Distances of every probe to every gallery embedding, N×M float32, smaller is more alike.

    euclidean: mean over parts of the L2 distance over the C values of a part; cosine: 1 − mean over parts of the
    cosine (both OpenGait, evaluation/metric.py); frobenius: one L2 distance over all values (All-in-One-Gait).
    Raises ConfigError when the embeddings are not all of one model, checkpoint and shape: they cannot be compared.
    """
    refuse_mixture([*probes, *gallery])
    distances = np.zeros((len(probes), len(gallery)), np.float32)
    if not probes or not gallery:
        return distances
    step = max(1, BLOCK_VALUES // probes[0].parts.size)
    for row in range(0, len(probes), step):
        some = _vectors(_parts(probes[row : row + step]), metric)
        for column in range(0, len(gallery), step):
            others = _vectors(_parts(gallery[column : column + step]), metric)
            distances[row : row + step, column : column + step] = _between(some, others, metric)
    return distances


def distances_between(probes: FloatArray, gallery: FloatArray, metric: Metric) -> FloatArray:
    """As `distance_matrix`, of the values N×C×P and M×C×P of embeddings that are known to be of one model."""
    return np.asarray(_between(_vectors(probes, metric), _vectors(gallery, metric), metric), np.float32)


def refuse_mixture(embeddings: Sequence[Embedding]) -> None:
    """Raise ConfigError, naming both sides, unless all embeddings come from one model and checkpoint."""
    for other in embeddings[1:]:
        first = embeddings[0]
        if _origin(first) != _origin(other):
            raise ConfigError(
                f"{_described(first)} and {_described(other)} cannot be compared. "
                f"Compute both with the same encoder and checkpoint."
            )


def _origin(embedding: Embedding) -> tuple[Any, ...]:
    return embedding.model, embedding.checkpoint_sha256, embedding.parts.shape


def _described(embedding: Embedding) -> str:
    weights = f", checkpoint {embedding.checkpoint_sha256[:12]}" if embedding.checkpoint_sha256 else ""
    c, p = embedding.parts.shape
    return f"{embedding.video} track {embedding.track_id} ({embedding.model}{weights}, {c}×{p})"


def _parts(embeddings: Sequence[Embedding]) -> list[FloatArray]:
    return [embedding.parts for embedding in embeddings]


def _vectors(parts: Sequence[FloatArray] | FloatArray, metric: Metric) -> NDArray[np.float64]:
    """N times C×P as P×N×C in float64, in which near-identical walks keep their small distances."""
    stacked = np.stack([one.T for one in parts], axis=1).astype(np.float64)
    if metric == "frobenius":
        return stacked.transpose(1, 0, 2).reshape(1, len(parts), -1)
    if metric == "cosine":  # a part without any value (nobody there) is at right angles to everything
        stacked /= lengths(stacked, axis=2)
    return stacked


def lengths(values: NDArray[Real], axis: int) -> NDArray[Real]:
    """What to divide vectors along an axis by to bring them to length 1; those without any value stay 0."""
    return np.asarray(np.maximum(np.linalg.norm(values, axis=axis, keepdims=True), 1e-12))


def _between(probes: NDArray[np.float64], gallery: NDArray[np.float64], metric: Metric) -> NDArray[np.float64]:
    products = probes @ gallery.transpose(0, 2, 1)  # P×N×M
    if metric == "cosine":
        return np.asarray(np.clip(1 - products.mean(axis=0), 0, 2))
    squares = (probes**2).sum(axis=2)[:, :, None] + (gallery**2).sum(axis=2)[:, None, :] - 2 * products
    return np.asarray(np.minimum(np.sqrt(np.maximum(squares, 0)).mean(axis=0), np.finfo(np.float32).max))
