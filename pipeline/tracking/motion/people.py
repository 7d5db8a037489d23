"""What is learnt of people while they are seen alone: how tall they are by where they stand, and their clothes."""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray

from pipeline.types import Image

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

    def learn(self, feet: float, height: float) -> None:
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


BANDS = 12
LEARNING = 0.15  # weight of the newest picture
NARROWEST, WIDEST = 12.0, 45.0  # levels of 255: standard deviation of a band's colour, at least and at most
UNLIKE = 3.0  # standard deviations from a band's colour that speak neither for nor against somebody

Floats = NDArray[np.float64]


class Clothes:
    """Learnt while somebody is seen alone."""

    def __init__(self) -> None:
        self._mean: Floats | None = None  # BANDS×3
        self._spread: Floats = np.full(BANDS, WIDEST)

    @property
    def known(self) -> bool:
        return self._mean is not None

    def learn(self, image: Image, mask: NDArray[np.uint8]) -> None:
        """image: h×w×3, the person's box; mask: h×w, the person's pixels."""
        bands = _bands(len(mask))[:, None].repeat(mask.shape[1], axis=1)[mask > 0]
        colours = image[mask > 0].astype(np.float64)
        counts = np.maximum(np.bincount(bands, minlength=BANDS), 1)
        mean = np.column_stack([np.bincount(bands, colours[:, c], BANDS) for c in range(3)]) / counts[:, None]
        off = ((colours - mean[bands]) ** 2).mean(axis=1)
        spread = np.clip(np.sqrt(np.bincount(bands, off, BANDS) / counts), NARROWEST, WIDEST)
        if self._mean is None:
            self._mean, self._spread = mean, spread
        else:
            self._mean = self._mean + LEARNING * (mean - self._mean)
            self._spread = self._spread + LEARNING * (spread - self._spread)

    def likeness(self, image: Image, top: float, feet: float) -> Floats:
        """How much each pixel of h×w×3 looks like this person, whose head and feet are in these rows: 1 to −1.

        0 outside of their height, and everywhere while nothing is known.
        """
        rows = (np.arange(len(image)) + 0.5 - top) / max(feet - top, 1.0)
        inside = (rows >= 0) & (rows < 1)
        like = np.zeros(image.shape[:2])
        if self._mean is None or not inside.any():
            return like
        bands = np.minimum((rows[inside] * BANDS).astype(np.intp), BANDS - 1)
        off = image[inside].astype(np.float64) - self._mean[bands][:, None]
        distance = np.sqrt((off**2).mean(axis=2)) / self._spread[bands][:, None]
        like[inside] = np.clip(1 - distance / UNLIKE, -1, 1)
        return like


def _bands(height: int) -> NDArray[np.intp]:
    return np.minimum(np.arange(height) * BANDS // max(height, 1), BANDS - 1).astype(np.intp)
