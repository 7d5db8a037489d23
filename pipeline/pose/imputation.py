"""Filling in joints that were not found, from frames in which the others are alike (k nearest neighbours)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]

NEIGHBOURS = 4


def impute(rows: Matrix, neighbours: int = NEIGHBOURS) -> Matrix:
    """Rows T×C with every 0 filled by the mean of that column in the most alike rows that have it.

    They are weighted by 1 / distance, which is taken over the columns that both rows have and scaled to all of them;
    a row that shares none with any other gets the column's mean. Where a column is 0 in every row, nothing is filled:
    OpenGait's pretreatment, with scikit-learn's KNNImputer, then leaves everything as it is.
    """
    there = rows != 0
    if there.all() or not there.any(axis=0).all():
        return rows
    filled = rows.copy()
    for receiver in np.flatnonzero(~there.all(axis=1)):
        shared = there & there[receiver]
        count = shared.sum(axis=1)
        squared = np.where(shared, rows - rows[receiver], 0) ** 2
        with np.errstate(divide="ignore", invalid="ignore"):
            distance = np.sqrt(squared.sum(axis=1) * (rows.shape[1] / count))  # NaN where nothing is shared
        for column in np.flatnonzero(~there[receiver]):
            donors = np.flatnonzero(there[:, column])
            filled[receiver, column] = _mean(rows[donors, column], distance[donors], neighbours)
    return filled


def _mean(values: Matrix, distances: Matrix, neighbours: int) -> float:
    known = ~np.isnan(distances)
    if not known.any():
        return float(values.mean())
    nearest = np.argsort(distances, kind="stable")[:neighbours]  # NaN comes last
    values, distances = values[nearest], distances[nearest]
    if (distances == 0).any():
        return float(values[distances == 0].mean())
    weights = np.where(np.isnan(distances), 0, 1 / distances)
    return float(np.average(values, weights=weights))
