"""Covariances from fewer walks than they have values."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def shrunk_covariance(centred: Floats, freedom: int | None = None) -> Floats:
    """Covariance C×C of N centred rows, shrunk as by Ledoit and Wolf (J. Multivariate Analysis 88, 2004).

    freedom: degrees of freedom that centring has left, N unless told: fewer after centring on the means of groups.
    """
    count, values = centred.shape
    covariance = centred.T @ centred / count
    level = float(np.trace(covariance)) / values
    spread = float(((covariance - level * np.eye(values)) ** 2).sum())
    squares = (centred**2).sum(axis=1)
    noise = float((squares**2).sum() / count - (covariance**2).sum()) / count
    share = min(1.0, max(0.0, noise / spread)) if spread > 0 else 1.0
    shrunk = (1 - share) * covariance + share * level * np.eye(values)
    return np.asarray(shrunk * (count / max(freedom or count, 1)))


def inverse_root(covariance: Floats) -> Floats:
    """What brings rows of that covariance, C×C, to unit covariance."""
    values, vectors = np.linalg.eigh(covariance)
    floor = max(float(values[-1]) * 1e-10, 1e-12)
    return np.asarray((vectors / np.sqrt(np.maximum(values, floor))) @ vectors.T)


def people_means(parts: Floats, whose: NDArray[np.int64]) -> Floats:
    """The mean walk of each person, K×P×C, of walks N×P×C; whose: N, people numbered from 0 without a gap."""
    counts = np.bincount(whose)
    order = np.argsort(whose, kind="stable")
    sums = np.add.reduceat(parts[order], np.cumsum(counts) - counts, axis=0)
    return np.asarray(sums / counts[:, None, None])


def within_people(parts: Floats, means: Floats, whose: NDArray[np.int64]) -> tuple[Floats, int]:
    """How walks, N×P×C, differ from their people's means, and the degrees of freedom in that.

    People with one walk are left out: it has no spread.
    """
    counts = np.bincount(whose)
    several = counts[whose] >= 2
    return parts[several] - means[whose[several]], int(several.sum() - (counts >= 2).sum())
