"""Linear discriminant analysis of embeddings: what differs within a person is made to count less.

Every part is brought to unit covariance within people (that step alone is WCCN: Hatch et al., Interspeech 2006), then
projected on the directions in which people differ (Fisher 1936; Belhumeur et al., PAMI 1997).

It is fitted part by part on the gallery, whose people are known, or on a cohort. There are far more values than walks,
so covariances are shrunk towards a multiple of the unit matrix by as much as Ledoit and Wolf (2004) derive.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import ConfigError
from pipeline.matching.distance import Metric, distance_matrix, lengths
from pipeline.types import Embedding

LEAST_WALKS = 3

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Discriminant:
    """A fitted projection.

    mean: P×C; projection: P×C×D, a part's row of values times it; unit: parts are brought to unit length first.
    """

    mean: Floats
    projection: Floats
    unit: bool

    def apply(self, parts: Floats) -> Floats:
        """N×P×C → N×P×D."""
        centred = parts / lengths(parts, axis=2) if self.unit else parts
        projected = (centred - self.mean).transpose(1, 0, 2) @ self.projection
        return np.asarray(projected.transpose(1, 0, 2))

    def project(self, embeddings: Sequence[Embedding]) -> list[Embedding]:
        """The same walks with their parts projected; `model` says so, so that nobody compares the two."""
        if not embeddings:
            return []
        projected = self.apply(stack_parts(embeddings))
        return [
            replace(one, parts=np.ascontiguousarray(parts.T, np.float32), model=f"{one.model}|lda")
            for one, parts in zip(embeddings, projected, strict=True)
        ]

    def between(self, walks: Sequence[Embedding], others: Sequence[Embedding], metric: Metric) -> Floats:
        """How far walks are apart, N×M."""
        return distance_matrix(self.project(walks), self.project(others), metric).astype(np.float64)


def fit(embeddings: Sequence[Embedding], people: Sequence[str | int], metric: Metric) -> Discriminant:
    """Fit on walks whose people are known. metric: cosine brings parts to unit length first.

    Raises ConfigError for fewer than two people with two walks each.
    """
    whose = np.unique(np.array([str(person) for person in people]), return_inverse=True)[1]
    counts = np.bincount(whose) if len(whose) else np.zeros(0, np.int64)
    if counts.sum() < LEAST_WALKS or (counts >= 2).sum() < 2:
        raise ConfigError(
            f"matching.transform lda wants at least two people with two walks each to learn from; there are "
            f"{counts.sum()} walks of {len(counts)} people. Add walks to the gallery, or leave it at none."
        )
    parts, unit = stack_parts(embeddings), metric == "cosine"
    if unit:
        parts /= lengths(parts, axis=2)
    mean = parts.mean(axis=0)
    return Discriminant(mean, _projection(parts - mean, whose), unit)


def stack_parts(embeddings: Sequence[Embedding]) -> Floats:
    """N×P×C float64."""
    return np.stack([embedding.parts.T for embedding in embeddings]).astype(np.float64)


def shrunk_covariance(centred: Floats, freedom: int) -> Floats:
    """Covariance C×C of N centred rows, shrunk as by Ledoit and Wolf (J. Multivariate Analysis 88, 2004).

    freedom: degrees of freedom that centring has left, fewer than N after centring on the means of groups.
    """
    count, values = centred.shape
    covariance = centred.T @ centred / count
    level = float(np.trace(covariance)) / values
    spread = float(((covariance - level * np.eye(values)) ** 2).sum())
    squares = (centred**2).sum(axis=1)
    noise = float((squares**2).sum() / count - (covariance**2).sum()) / count
    share = min(1.0, max(0.0, noise / spread)) if spread > 0 else 1.0
    shrunk = (1 - share) * covariance + share * level * np.eye(values)
    return np.asarray(shrunk * (count / max(freedom, 1)))


def _projection(centred: Floats, whose: NDArray[np.int64]) -> Floats:
    """P×C×D of N×P×C: within people to unit covariance, then the D directions in which their means differ.

    whose: N, people numbered from 0 without a gap.
    """
    counts = np.bincount(whose)
    order = np.argsort(whose, kind="stable")
    means = np.add.reduceat(centred[order], np.cumsum(counts) - counts, axis=0) / counts[:, None, None]
    several = counts[whose] >= 2  # one walk has no spread
    within = centred[several] - means[whose[several]]
    freedom = int(several.sum() - (counts >= 2).sum())
    kept = min(len(counts) - 1, centred.shape[2])
    found = []
    for part in range(centred.shape[1]):
        whiten = _inverse_root(shrunk_covariance(within[:, part], freedom))
        between = (means[:, part] * np.sqrt(counts)[:, None]) @ whiten
        directions = np.linalg.eigh(between.T @ between)[1][:, ::-1][:, :kept]
        found.append(whiten @ directions)
    return np.stack(found)


def _inverse_root(covariance: Floats) -> Floats:
    """What brings rows of that covariance, C×C, to unit covariance."""
    values, vectors = np.linalg.eigh(covariance)
    floor = max(float(values[-1]) * 1e-10, 1e-12)
    return np.asarray((vectors / np.sqrt(np.maximum(values, floor))) @ vectors.T)
