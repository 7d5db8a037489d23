"""Looks at the 8-bit codes of all templates: first at their beginnings, then at the whole of those that may be near."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pipeline.config import RuntimeConfig
from pipeline.inference.runtime import threads

if TYPE_CHECKING:
    from pipeline.gallery.index import Codes

BEGINNING = 64  # values of a code that are looked at of everybody: they have most of the variance
LOOKED_AT_WHOLE = 8192  # templates whose whole code is looked at
SHARE = 1 << 17  # codes that are worth a thread
MOST_THREADS = 4  # more wait for memory
AT_ONCE = 1 << 15  # codes whose distances stay near the processor until the small ones are taken
SAMPLED = 1 << 14  # codes from which it is estimated how near those templates are

Unsigned = NDArray[np.uint8]
Positions = NDArray[np.int64]
Squares = NDArray[np.float64]  # squared distances: whole numbers

_NOBODY: tuple[Positions, Squares] = np.zeros(0, np.int64), np.zeros(0)


class Scan:
    """Finds the codes that are nearest to one by the L2 distance. codes: N×D int8."""

    def __init__(self, codes: Codes) -> None:
        self._codes = codes
        self._beginnings = _unsigned(codes[:, :BEGINNING])
        self._sample = np.ascontiguousarray(self._beginnings[:: max(1, len(codes) // SAMPLED)])
        self._blocks = [slice(first, first + AT_ONCE) for first in range(0, len(codes), AT_ONCE)]
        self._helpers = min(threads(RuntimeConfig()), MOST_THREADS, max(len(codes) // SHARE, 1)) - 1
        self._pool = ThreadPoolExecutor(max(self._helpers, 1), "gait-scan")  # its threads begin with the first search

    def nearest(self, code: Codes, count: int) -> tuple[Positions, Squares]:
        """Positions of at most `count` codes near to this one (D), nearest first, and their squared distances."""
        if not len(self._codes):
            return _NOBODY
        likely = self._likely(_unsigned(code[:BEGINNING]), max(LOOKED_AT_WHOLE, 4 * count))
        apart = _apart(self._codes[likely], code)
        nearest = _least(apart, count)
        order = nearest[np.argsort(apart[nearest], kind="stable")]
        return likely[order], apart[order]

    def _likely(self, beginning: Unsigned, count: int) -> Positions:
        """The `count` codes with the nearest beginnings: those within a limit that a sample suggests, then exactly."""
        total = len(self._codes)
        if count >= total:
            return np.arange(total)
        sample = _apart(self._sample, beginning)
        above = int(1.25 * count * len(sample) / total) + 8  # a margin of many standard deviations
        limit = float(np.partition(sample, above)[above]) if above < len(sample) else np.inf
        positions, apart = self._within(limit, beginning)
        if len(positions) < count:  # those near lie between the sampled ones
            positions, apart = self._within(np.inf, beginning)
        return positions[_least(apart, count)]

    def _within(self, limit: float, beginning: Unsigned) -> tuple[Positions, Squares]:
        """The codes whose beginnings are no farther away than the limit, in their order.

        Every thread takes the next block when it has done one, for one core may be slower. simsimd's own threads would
        wait in a loop after it, while LanceDB's want their cores.
        """
        found: list[tuple[Positions, Squares]] = [_NOBODY] * len(self._blocks)
        left = iter(range(len(self._blocks)))

        def work() -> None:
            for block in left:
                apart = _apart(self._beginnings[self._blocks[block]], beginning)
                near = np.flatnonzero(apart <= limit)
                found[block] = near + block * AT_ONCE, apart[near]

        helpers = [self._pool.submit(work) for _ in range(self._helpers)]
        work()
        for helper in helpers:
            helper.result()
        return np.concatenate([positions for positions, _ in found]), np.concatenate([apart for _, apart in found])


def _unsigned(codes: Codes) -> Unsigned:
    """Codes as far apart as these, which simsimd compares a fifth faster."""
    return np.ascontiguousarray(codes).view(np.uint8) ^ np.uint8(128)


def _apart(codes: NDArray[np.integer], code: NDArray[np.integer]) -> Squares:
    """The squared distances of N×D codes from one.

    Not with simsimd's `out`: in 6.5.16 every such call loses a reference to None, until Python ends for want of it.
    """
    import simsimd

    return np.asarray(simsimd.sqeuclidean(code, codes))


def _least(values: Squares, count: int) -> Positions:
    """Positions of the `count` least values, in their order."""
    if count >= len(values):
        return np.arange(len(values))
    return np.sort(np.argpartition(values, count - 1)[:count])
