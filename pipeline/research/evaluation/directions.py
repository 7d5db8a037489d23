"""Does it matter which way people walk: the same probes against walks in their own and in the other direction only."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.research.evaluation.ranks import FloatMatrix, Labels, Scores, score


@dataclass(frozen=True, slots=True)
class ByDirection:
    """Scores of the probes `rows` (K of N) against the gallery walks of their direction, and of the opposite one.

    Both are of the same probes among the same people: those who have usable gallery walks either way.
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
        score(np.where(wanted, some, np.inf), probes, gallery, len(both_ways)) for wanted in (alike, ~alike)
    )
    return ByDirection(rows, same, opposite)
