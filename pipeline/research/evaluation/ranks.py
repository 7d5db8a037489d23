"""From distances to ranks, and how much of a figure is chance.

Who is found first, how early all of a person's clips are found, whether the walking direction matters, and bootstrap
intervals over people (Efron 1979, percentile method).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

FloatMatrix = NDArray[np.float64]
Labels = NDArray[np.int64]

DRAWS = 10_000
BLOCK_VALUES = 1 << 24  # counts held at once
LEAST_PEOPLE = 2  # one person says nothing about the next


@dataclass(frozen=True, slots=True)
class Scores:
    """How each of N probes fared among P people.

    within: N×P float, 1 where the right person is among the first k (column k − 1), 0 where not, a share where several
    encoders were averaged; precision: N, average precision over the gallery's clips; usable: N bool, whether there was
    anything to compare.
    """

    within: FloatMatrix
    precision: FloatMatrix
    usable: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.precision)


def person_distances(distances: FloatMatrix, gallery_people: Labels, people: int) -> FloatMatrix:
    """N×M distances to clips → N×P distances to people: to each person the smallest over the person's clips.

    gallery_people: M numbers below P. Infinite where a person has no clip to compare with.
    """
    nearest = np.full((len(distances), people), np.inf)
    for person in range(people):
        clips = distances[:, gallery_people == person]
        if clips.shape[1]:
            nearest[:, person] = clips.min(axis=1)
    return nearest


def score(distances: FloatMatrix, probe_people: Labels, gallery_people: Labels, people: int) -> Scores:
    """Scores of N probes against M gallery clips, N×M; infinite where either side could not be used.

    A probe's rank is the number of people who are no farther than the right one: ties count against us, and a probe or
    person that could not be used is never found. Average precision ranks clips instead of people; clips of the right
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


@dataclass(frozen=True, slots=True)
class ByDirection:
    """Scores of the probes `rows` (K of N) against the gallery clips of their direction, and of the opposite one.

    Both are of the same probes among the same people: those who have usable gallery clips either way.
    """

    rows: NDArray[np.int64]
    same: Scores
    opposite: Scores


def by_direction(
    distances: FloatMatrix,
    probe_people: Labels,
    gallery_people: Labels,
    probe_headings: NDArray[np.float64],
    gallery_headings: NDArray[np.float64],
) -> ByDirection:
    """distances: N×M, infinite where a side is unusable; headings: sideways travel, 0 where there is no direction."""
    usable = np.isfinite(distances).any(axis=0)
    right, left = (set(gallery_people[usable & (sign * gallery_headings > 0)].tolist()) for sign in (1, -1))
    both_ways = np.array(sorted(right & left), np.int64)
    rows = np.flatnonzero(np.isin(probe_people, both_ways) & (probe_headings != 0))
    columns = np.flatnonzero(np.isin(gallery_people, both_ways) & (gallery_headings != 0))
    probes = np.searchsorted(both_ways, probe_people[rows])
    gallery = np.searchsorted(both_ways, gallery_people[columns])
    alike = np.sign(probe_headings[rows])[:, None] == np.sign(gallery_headings[columns])[None]
    some = distances[np.ix_(rows, columns)]
    same, opposite = (
        score(np.where(chosen, some, np.inf), probes, gallery, len(both_ways)) for chosen in (alike, ~alike)
    )
    return ByDirection(rows, same, opposite)


class Interval(NamedTuple):
    """95 % of the draws lie between."""

    low: float
    high: float


class PeopleBootstrap:
    """Draws of the people behind N probes, the same ones for every figure: differences are paired.

    Clips of one person resemble each other, so people are drawn, not clips; the gallery stays as it is.
    """

    def __init__(self, people: NDArray[np.int64], seed: int = 0, draws: int = DRAWS) -> None:
        """people: N, who each probe is."""
        who, self._probes = np.unique(people, return_inverse=True)
        self.people = len(who)
        self._seed = seed
        self._draws = draws

    def interval(self, values: NDArray[np.float64]) -> Interval | None:
        """Of the mean over probes of N values (or of N differences of values); None where there is but one person."""
        people = self.people
        if people < LEAST_PEOPLE:
            return None
        sums = np.bincount(self._probes, weights=values, minlength=people)
        counts = np.bincount(self._probes, minlength=people).astype(np.float64)
        rng = np.random.default_rng(self._seed)
        means = []
        for begin in range(0, self._draws, block := max(1, BLOCK_VALUES // people)):
            drawn = rng.multinomial(people, np.full(people, 1 / people), size=min(block, self._draws - begin))
            means.append((drawn @ sums) / (drawn @ counts))
        low, high = np.percentile(np.concatenate(means), [2.5, 97.5])
        return Interval(float(low), float(high))
