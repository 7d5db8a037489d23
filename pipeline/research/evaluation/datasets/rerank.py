"""Re-ranking by k-reciprocal neighbours (Zhong et al., CVPR 2017)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import ConfigError
from pipeline.research.evaluation.datasets.retrieval import Metric, distances
from pipeline.types import FloatArray

MOST_SAMPLES = 30_000  # three matrices of all by all, 3.6 GB each


def rerank(
    among_all: FloatArray, probes: int, k1: int = 6, k2: int = 6, weight: float = 0.3, *, half: bool = False
) -> FloatArray:
    """New distances of the probes to the gallery, N×M, from those among all N + M samples (probes first).

    k1: neighbours that may be reciprocal; k2: neighbours whose encodings are averaged; weight: of the original
    distance. The defaults are those of OpenGait's HID submission. half: keep the encodings and what comes of them in
    float16, as OpenGait does; it moves distances by about a thousandth.
    """
    kind: type[np.floating[Any]] = np.float16 if half else np.float32
    scaled = (among_all / among_all.max(axis=0)).T.astype(np.float32)
    order = _nearest(scaled, max(k1 + 1, k2))
    encoded: NDArray[np.floating[Any]] = _encodings(scaled, order, k1).astype(kind)
    if k2 > 1:
        encoded = np.stack([encoded[near].mean(axis=0) for near in order[:, :k2]]).astype(kind)
    jaccard = np.stack([_jaccard(encoded[probe], encoded, kind) for probe in range(probes)])
    mixed = jaccard * kind(1 - weight) + scaled[:probes] * np.float32(weight)
    return np.asarray(mixed[:, probes:], np.float32)


def reranked_distances(
    probes: FloatArray, gallery: FloatArray, metric: Metric, device: str = "cpu", *, half: bool = False
) -> FloatArray:
    """New distances of N×C×P probes to M×C×P gallery samples. Raises ConfigError for more than memory can be expected
    to hold: all distances of all to all are needed at once.
    """
    count = len(probes) + len(gallery)
    if count > MOST_SAMPLES:
        raise ConfigError(
            f"re-ranking {count} walks would need {count**2 * 12 / 1e9:.0f} GB; up to {MOST_SAMPLES} work."
        )
    everybody = np.concatenate([probes, gallery])
    return rerank(distances(everybody, everybody, metric, device), len(probes), half=half)


def _nearest(scaled: FloatArray, count: int) -> NDArray[np.int64]:
    """The `count` nearest of each sample, itself among them, nearest first; row by row, for memory's sake."""
    return np.stack([np.argsort(row, kind="stable")[:count] for row in scaled])


def _encodings(scaled: FloatArray, order: NDArray[np.int64], k1: int) -> FloatArray:
    """Each sample as weights (summing to 1) of its k-reciprocal neighbours, expanded by theirs."""
    wide, narrow = _reciprocal(order, k1), _reciprocal(order, int(np.around(k1 / 2)))
    encoded = np.zeros_like(scaled)
    for sample, neighbours in enumerate(wide):
        members = set(neighbours)
        for neighbour in neighbours:
            theirs = set(narrow[neighbour])
            if len(theirs & set(neighbours)) > 2 / 3 * len(theirs):
                members |= theirs
        chosen = np.array(sorted(members))
        weights = np.exp(-scaled[sample, chosen])
        encoded[sample, chosen] = weights / weights.sum()
    return encoded


def _reciprocal(order: NDArray[np.int64], k: int) -> list[list[int]]:
    """Of each sample those among its k nearest (and itself) that have it among theirs."""
    near = order[:, : k + 1]
    return [near[sample][(near[near[sample]] == sample).any(axis=1)].tolist() for sample in range(len(order))]


def _jaccard(
    one: NDArray[np.floating[Any]], all_: NDArray[np.floating[Any]], kind: type[np.floating[Any]]
) -> NDArray[np.floating[Any]]:
    """Jaccard distance of one encoding to all: 1 − Σ min / Σ max, where each encoding sums to 1."""
    places = np.flatnonzero(one)
    shared = np.zeros(len(all_), kind)
    for place in places:  # added up one by one, for float16 minds the order
        shared += np.minimum(one[place], all_[:, place])
    return np.asarray(kind(1) - shared / (kind(2) - shared))
