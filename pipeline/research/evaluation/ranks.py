"""From distances to ranks: who is found first, and how early all of a person's walks are found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatMatrix = NDArray[np.float64]
Labels = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Scores:
    """How each of N probes fared among P people.

    within: N×P float, 1 where the right person is among the first k (column k − 1), 0 where not, a share where several
    encoders were averaged; precision: N, average precision over the gallery's walks; usable: N bool, whether there was
    anything to compare.
    """

    within: FloatMatrix
    precision: FloatMatrix
    usable: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.precision)


def person_distances(distances: FloatMatrix, gallery_people: Labels, people: int) -> FloatMatrix:
    """N×M distances to walks → N×P distances to people: to each person the smallest over the person's walks.

    gallery_people: M numbers below P. Infinite where a person has no walk to compare with.
    """
    nearest = np.full((len(distances), people), np.inf)
    for person in range(people):
        walks = distances[:, gallery_people == person]
        if walks.shape[1]:
            nearest[:, person] = walks.min(axis=1)
    return nearest


def score(distances: FloatMatrix, probe_people: Labels, gallery_people: Labels, people: int) -> Scores:
    """Scores of N probes against M gallery walks, N×M; infinite where either side could not be used.

    A probe's rank is the number of people who are no farther than the right one: ties count against us, and a probe or
    person that could not be used is never found. Average precision ranks walks instead of people; walks of the right
    person that could not be used are missed there.
    """
    nearest = person_distances(distances, gallery_people, people)
    own = nearest[np.arange(len(nearest)), probe_people][:, None]
    ranks = np.where(np.isfinite(own[:, 0]), (nearest <= own).sum(axis=1), people + 1)
    within = (ranks[:, None] <= np.arange(1, people + 1)).astype(np.float64)
    right = gallery_people[None] == probe_people[:, None]
    return Scores(within, average_precision(distances, right), np.asarray(np.isfinite(distances).any(axis=1)))


def average_precision(distances: FloatMatrix, right: NDArray[np.bool_]) -> FloatMatrix:
    """Average precision of each row: the mean, over its right columns, of the share of right ones up to there.

    Ties count against us; right columns at an infinite distance are never reached. 0 for a row without right columns.
    """
    order = np.lexsort((right, distances), axis=1)  # by distance; of equals the wrong ones first
    reached = np.take_along_axis(right & np.isfinite(distances), order, axis=1)
    found = np.cumsum(reached, axis=1) / np.arange(1, distances.shape[1] + 1)
    return np.asarray((found * reached).sum(axis=1) / np.maximum(right.sum(axis=1), 1))


def mean_scores(scores: Sequence[Scores]) -> Scores:
    """The mean over encoders (an untrained network under several seeds, say); usable where any was."""
    return Scores(
        np.mean([one.within for one in scores], axis=0),
        np.mean([one.precision for one in scores], axis=0),
        np.asarray(np.any([one.usable for one in scores], axis=0)),
    )
