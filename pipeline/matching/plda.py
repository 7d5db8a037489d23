"""Probabilistic LDA: how much likelier two walks are if they are of one person than if they are of two.

A part of a walk is m + y + e: y, the person's, is normal with covariance B; e, the walk's, normal with covariance W
(the two-covariance model: Brümmer & de Villiers, The speaker partitioning problem, Odyssey 2010; Ioffe, ECCV 2006;
Prince & Elder, ICCV 2007). In the basis in which W is the unit matrix and B is diagonal with the values b, the
logarithm of

    p(walk, other | one person) / (p(walk) p(other))

is a sum over that basis. With s = ½ b / (1 + 2 b), z = √s u for the coordinates u of one walk and z′ of the other, its
negative is

    Σ (z - z′)² - (z² + z′²) / (1 + b) + ½ log(1 + 2 b) - log(1 + b)

a squared distance between projections, less a term of each walk: how unusual it is, since unusual walks that are alike
are rarely of two people.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.matching.covariance import inverse_root, people_means, shrunk_covariance, within_people

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Plda:
    """A fitted model.

    mean: P×C; projection: P×C×D, from values to z; share: P×D, 1 / (1 + b); constant: the sum of the last two terms.
    """

    mean: Floats
    projection: Floats
    share: Floats
    constant: float


def fit_plda(parts: Floats, whose: NDArray[np.int64]) -> Plda:
    """Fit on walks, N×P×C, of people who are numbered from 0: two of them at least have two walks.

    Both covariances are shrunk as by Ledoit and Wolf. B is that of people's means, less what W makes them differ by.
    """
    counts = np.bincount(whose)
    means = people_means(parts, whose)
    mean = means.mean(axis=0)
    spread, freedom = within_people(parts, means, whose)
    blur = float((1 / counts).mean())
    projection, share, constant = [], [], 0.0
    for part in range(parts.shape[1]):
        whiten = inverse_root(shrunk_covariance(spread[:, part], freedom))
        between = shrunk_covariance((means - mean)[:, part] @ whiten, len(counts) - 1)
        found, basis = np.linalg.eigh(between)
        b = np.maximum(found - blur, 0.0)
        projection.append(whiten @ basis * np.sqrt(0.5 * b / (1 + 2 * b)))
        share.append(1 / (1 + b))
        constant += float((0.5 * np.log1p(2 * b) - np.log1p(b)).sum())
    shares = np.stack(share)
    telling: NDArray[np.bool_] = np.asarray((shares < 1).any(axis=0))
    telling[-1] = True  # some direction, also where nobody differs from anybody
    return Plda(mean, np.stack(projection)[:, :, telling], shares[:, telling], constant)


def minus_log_ratios(projected: Floats, others: Floats, share: Floats, constant: float) -> Floats:
    """-log p(one person) / p(two), the mean over parts, N×M of projections N×P×D and M×P×D; smaller is more alike."""
    parts, flat = share.shape[0], share.ravel()
    some, many = projected.reshape(len(projected), -1), others.reshape(len(others), -1)
    own, theirs = (some**2) @ (1 - flat), (many**2) @ (1 - flat)
    return np.asarray((own[:, None] + theirs - 2 * some @ many.T + constant) / parts)
