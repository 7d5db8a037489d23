"""What somebody looks like from head to foot: a colour, and how much it varies, in each of a few bands."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.types import Image

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

    def seen(self, image: Image, mask: NDArray[np.uint8]) -> None:
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
