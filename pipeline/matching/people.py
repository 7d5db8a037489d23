"""Several templates a person: how far a probe is from the person, given how far it is from each template."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.matching.scores import Comparison, scores
from pipeline.types import Embedding

Rule = Callable[[NDArray[np.float64], NDArray[np.float64]], NDArray[np.float64]]


def _least(distances: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(distances.min(axis=1))


def _mean(distances: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(distances.mean(axis=1))


def _weighted(distances: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(distances @ (weights / weights.sum()))


RULES: Mapping[str, Rule] = {"nearest": _least, "mean": _mean, "weighted": _weighted}
"""By name (`matching.templates`): the smallest distance; the mean; the mean weighted by `Template.weight`."""


def people_distances(
    probes: Sequence[Embedding],
    gallery: Sequence[Embedding],
    owners: Sequence[str],
    weights: Sequence[float],
    how: Comparison,
) -> NDArray[np.float64]:
    """How far every probe is from every person, N×M, as the settings say; people in the order of `to_people`.

    Args:
        probes: N embeddings.
        gallery: T templates.
        owners: Whose each template is.
        weights: How much each template counts.
        how: How they are compared.

    Raises:
        ConfigError: Embeddings cannot be compared.
    """
    return to_people(scores(probes, gallery, owners, how), owners, weights, how.config.templates)


def to_people(
    distances: NDArray[np.float64], owners: Sequence[str], weights: Sequence[float], rule: str
) -> NDArray[np.float64]:
    """Distances of N probes to M people, in the order in which `owners` first names them, from those to T templates.

    distances: N×T; owners, weights: T, whose each template is and how much it counts.
    """
    columns: dict[str, list[int]] = {}
    for column, owner in enumerate(owners):
        columns.setdefault(owner, []).append(column)
    found = np.zeros((len(distances), len(columns)))
    exact, weight = distances.astype(np.float64), np.asarray(weights, np.float64)
    for number, own in enumerate(columns.values()):  # few templates each; people differ in how many they have
        found[:, number] = RULES[rule](exact[:, own], weight[own])
    return found
