"""Looks at the 8-bit codes of all templates: first at their beginnings, then at the whole of those that may be near."""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pipeline.config import RuntimeConfig
from pipeline.networks.runtime import threads

if TYPE_CHECKING:
    from pipeline.gallery.index import Codes

BEGINNING = 64  # values of a code that are looked at of everybody: they have most of the variance
LOOKED_AT_WHOLE = 8192  # templates whose whole code is looked at
SHARE = 1 << 17  # codes that are worth a thread
MOST_SHARES = 4  # more threads wait for memory
SAMPLED = 1 << 14  # distances from which it is estimated how near those templates are

Squares = NDArray[np.float64]  # squared distances: whole numbers


class Scan:
    """Finds the codes that are nearest to one by the L2 distance. codes: N×D int8."""

    def __init__(self, codes: Codes) -> None:
        self._codes = codes
        self._beginnings = np.ascontiguousarray(codes[:, :BEGINNING])
        shares = min(threads(RuntimeConfig()), MOST_SHARES, max(len(codes) // SHARE, 1))
        self._bounds = np.linspace(0, len(codes), shares + 1).astype(int).tolist()
        self._pool = ThreadPoolExecutor(shares, "gait-scan")  # its threads begin with the first search

    def nearest(self, code: Codes, count: int) -> tuple[NDArray[np.int64], Squares]:
        """Positions of at most `count` codes near to this one (D), nearest first, and their squared distances."""
        if not len(self._codes):
            return np.zeros(0, np.int64), np.zeros(0)
        apart = self._beginnings_apart(code[:BEGINNING])
        likely = _least(apart, min(max(LOOKED_AT_WHOLE, 4 * count), len(apart)))
        whole = np.empty(len(likely))
        _measure(self._codes[likely], code, whole)
        order = np.argsort(whole, kind="stable")[:count]
        return likely[order], whole[order]

    def _beginnings_apart(self, code: Codes) -> Squares:
        """simsimd's own threads would wait in a loop after it, while LanceDB's want their cores."""
        apart = np.empty(len(self._beginnings))
        shares = [slice(first, last) for first, last in itertools.pairwise(self._bounds)]
        list(self._pool.map(lambda share: _measure(self._beginnings[share], code, apart[share]), shares))
        return apart


def _measure(codes: Codes, code: Codes, apart: Squares) -> None:
    """Put the squared distances of N×D codes from one into `apart`."""
    import simsimd

    simsimd.cdist(np.ascontiguousarray(code)[None], codes, "sqeuclidean", out=apart[None])


def _least(values: Squares, count: int) -> NDArray[np.int64]:
    """Positions of the `count` least values, in any order: those below a limit that a sample suggests, then exactly."""
    if count >= len(values):
        return np.arange(len(values))
    sample = values[:: max(1, len(values) // SAMPLED)]
    above = int(1.25 * count * len(sample) / len(values)) + 8  # a margin of many standard deviations
    if above < len(sample):
        positions = np.flatnonzero(values <= np.partition(sample, above)[above])
        if len(positions) >= count:  # else those near lie between the sampled ones
            return np.asarray(positions[np.argpartition(values[positions], count - 1)[:count]])
    return np.asarray(np.argpartition(values, count - 1)[:count])
