"""Distances on one scale: how unusual is this distance, for this walk and for that one?

A clear walk is near to many, a poor one far from all; one threshold for both is unfair. Every distance is therefore
told in deviations from what each side has to strangers (Auckenthaler, Carey and Lloyd-Thomas, Digital Signal Processing
2000): z from the gallery walk's side, t from the probe's, s the mean of the two (Kenny, Odyssey 2010).

The strangers are a cohort, or the gallery's other people: for each pair those who are not the gallery walk's person.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import ConfigError

LEAST_STRANGERS = 3  # walks, to say what is usual

Distances = NDArray[np.float64]


def among_the_gallery(name: str, distances: Distances, within: Distances, people: NDArray[np.int64]) -> Distances:
    """N×M distances in deviations; negative is nearer than strangers usually are.

    within: M×M between the gallery's walks; people: M, whose each is, numbered from 0. Infinite distances (walks that
    cannot be used) stay infinite.
    name: matching.score_norm. Raises ConfigError where a walk has fewer than three strangers' walks to compare with.
    """
    if name == "none" or not len(people):
        return distances
    everybody = np.arange(people.max() + 1)
    sides = []
    if name in "ts":
        sides.append(tuple(side[:, people] for side in _usual(distances, people, everybody)))
    if name in "zs":
        own = np.arange(len(people)), people
        sides.append(tuple(side[own][None] for side in _usual(within, people, everybody)))
    return np.asarray(np.mean([(distances - mean) / deviation for mean, deviation in sides], axis=0))


def against_a_cohort(name: str, distances: Distances, probes: Distances, gallery: Distances) -> Distances:
    """N×M distances in deviations from those to K walks of a cohort: probes N×K, gallery M×K.

    Nobody of the cohort may be among the people searched for. Raises as `among_the_gallery` does.
    """
    if name == "none":
        return distances
    nobody, strangers = np.zeros(1, np.int64), np.ones(gallery.shape[1], np.int64)
    sides = []
    if name in "ts":
        sides.append(_usual(probes, strangers, nobody))
    if name in "zs":
        mean, deviation = _usual(gallery, strangers, nobody)
        sides.append((mean.T, deviation.T))
    return np.asarray(np.mean([(distances - mean) / deviation for mean, deviation in sides], axis=0))


def _usual(distances: Distances, people: NDArray[np.int64], left_out: NDArray[np.int64]) -> tuple[Distances, Distances]:
    """Mean and deviation of each row without the columns of each person in turn: N×M → N×len(left_out), twice.

    Rows without any finite distance are left at 0 and 1: nothing is told of them.
    """
    known = np.isfinite(distances)
    centre = np.array([row[seen].mean() if seen.any() else 0.0 for row, seen in zip(distances, known, strict=True)])
    values = np.where(known, distances - centre[:, None], 0.0)  # centred, so that squares keep their digits
    theirs = (people[:, None] == left_out[None]).astype(np.float64)  # M×P
    count, total, squares = (
        side.sum(axis=1)[:, None] - side @ theirs for side in (known.astype(np.float64), values, values**2)
    )
    some = known.any(axis=1)
    if some.any() and int(count[some].min()) < LEAST_STRANGERS:
        raise ConfigError(
            f"matching.score_norm wants {LEAST_STRANGERS} walks of other people to compare with, and a walk has only "
            f"{int(count[some].min())}. Add people to the gallery, or leave it at none."
        )
    count = np.maximum(count, 2)
    mean = total / count
    spread = np.maximum(squares - count * mean**2, 0) / (count - 1)
    deviation = np.where(spread > 0, np.sqrt(spread), 1.0)
    return mean + centre[:, None], deviation
