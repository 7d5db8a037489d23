"""From embeddings to the distances that decide: back-end, distance, normalisation, as the settings say."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.config import MatchingConfig
from pipeline.matching.backends import fit
from pipeline.matching.distance import distance_matrix, refuse_mixture
from pipeline.matching.normalisation import among_the_gallery
from pipeline.types import Embedding


def scores(
    probes: Sequence[Embedding], gallery: Sequence[Embedding], people: Sequence[str | int], config: MatchingConfig
) -> NDArray[np.float64]:
    """How far every probe is from every gallery walk, N×M, smaller is more alike; people: whose each gallery walk is.

    Distances by the metric; with matching.score_norm deviations, which can be negative.
    Raises ConfigError for embeddings that cannot be compared, and for a gallery too small for what is wanted of it.
    """
    refuse_mixture([*probes, *gallery])
    if not probes or not gallery:
        return np.zeros((len(probes), len(gallery)))
    if (backend := fit(config.backend, gallery, people, config.metric)) is not None:
        probes, gallery = backend.project(probes), backend.project(gallery)
    distances = distance_matrix(probes, gallery, config.metric).astype(np.float64)
    if config.score_norm == "none":
        return distances
    whose = np.unique(np.array([str(person) for person in people]), return_inverse=True)[1]
    within = distance_matrix(gallery, gallery, config.metric).astype(np.float64)
    return among_the_gallery(config.score_norm, distances, within, whose)
