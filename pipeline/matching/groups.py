"""Groups of walks that are near one another, by joining the nearest."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def join_nearest(
    between: Floats, linkage: Callable[[Floats], np.float64], fewest: int = 1, farthest: float = np.inf
) -> list[list[int]]:
    """Join the two nearest groups again and again.

    Args:
        between: N×N distances.
        linkage: How far two groups are apart, of the distances between their members: np.max (complete linkage) or
            np.min (single linkage).
        fewest: Groups at which it ends.
        farthest: Groups that are farther apart stay two.

    Returns:
        The groups: rows of `between`.
    """
    groups = [[row] for row in range(len(between))]
    while len(groups) > fewest:
        pairs = [
            (float(linkage(between[np.ix_(one, other)])), i, j)
            for i, one in enumerate(groups)
            for j, other in enumerate(groups[:i])
        ]
        least, i, j = min(pairs)
        if least > farthest:
            break
        groups[j] += groups.pop(i)
    return groups
