"""How much of a figure is chance: bootstrap intervals over people (Efron 1979, percentile method).

Walks of one person resemble each other, so people are drawn, not walks; the gallery stays as it is. Everything that is
to be compared is computed from the same draws: differences are paired.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

DRAWS = 10_000
BLOCK_VALUES = 1 << 24  # counts held at once
LEAST_PEOPLE = 2  # one person says nothing about the next


@dataclass(frozen=True, slots=True)
class Interval:
    """95 % of the draws lie between."""

    low: float
    high: float


class PeopleBootstrap:
    """Draws of the people behind N probes, the same ones for every figure that is asked for."""

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
