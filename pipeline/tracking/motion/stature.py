"""How tall people are in the picture, by where they stand: on level ground, linear in the row of the feet."""

from __future__ import annotations

from collections import deque

import numpy as np

FEWEST = 12  # measured people before anything is known
MEMORY = 600  # of them are remembered
SPREAD = 0.6  # statures by which feet have to differ before a slope can be told


class Stature:
    """Learns the height of people from those who are seen whole and alone. All lengths in pixels."""

    def __init__(self, guess: float) -> None:
        """guess: what is assumed while nothing is known."""
        self._guess = guess
        self._seen: deque[tuple[float, float]] = deque(maxlen=MEMORY)
        self._line: tuple[float, float] | None = None  # height at row 0, and per row
        self._typical = guess

    @property
    def known(self) -> bool:
        return self._line is not None

    def at(self, feet: float) -> float:
        """Height of somebody whose feet are in this row."""
        if self._line is None:
            return self._guess
        low, high = (self._typical * factor for factor in (0.25, 4.0))
        return float(np.clip(self._line[0] + self._line[1] * feet, low, high))

    @property
    def typical(self) -> float:
        """Height of the median person."""
        return self._typical

    @property
    def tallest(self) -> float:
        """Height of somebody at the lowest row where people were seen."""
        return max((self.at(feet) for feet, _ in self._seen), default=self._guess)

    def saw(self, feet: float, height: float) -> None:
        """Somebody who is whole and alone."""
        self._seen.append((feet, height))
        if len(self._seen) >= FEWEST and len(self._seen) % FEWEST == 0:
            self._fit()

    def _fit(self) -> None:
        rows, heights = np.array(self._seen).T
        self._typical = float(np.median(heights))
        spread = float(np.subtract(*np.percentile(rows, [90, 10])))
        if spread < SPREAD * self._typical:
            self._line = self._typical, 0.0
            return
        slope, offset = np.polyfit(rows, heights, 1)
        for _ in range(5):  # least absolute deviations, by weights: a group taken for one person must not count
            off = np.abs(heights - (offset + slope * rows))
            weight = 1 / np.sqrt(np.maximum(off, 0.01 * self._typical))
            slope, offset = np.polyfit(rows, heights, 1, w=weight)
        self._line = float(offset), float(max(slope, 0.0))
        if slope < 0:  # nobody grows by going away
            self._line = self._typical, 0.0
