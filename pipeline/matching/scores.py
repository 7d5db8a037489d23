"""From embeddings to the distances that decide: back-end, distance, normalisation, as the settings say."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.config import MatchingConfig
from pipeline.matching.backends import fit
from pipeline.matching.cohort import read_cohort
from pipeline.matching.distance import distance_matrix, refuse_mixture
from pipeline.matching.normalisation import against_a_cohort, among_the_gallery
from pipeline.types import Embedding


def scores(
    probes: Sequence[Embedding], gallery: Sequence[Embedding], people: Sequence[str | int], config: MatchingConfig
) -> NDArray[np.float64]:
    """How far every probe is from every gallery walk, N×M, smaller is more alike; people: whose each gallery walk is.

    Distances by the metric; with matching.score_norm deviations, which can be negative.
    Raises ConfigError for embeddings that cannot be compared, and for a gallery (or matching.cohort)
    too small for what is wanted of it.
    """
    cohort = read_cohort(Path(config.cohort)) if config.cohort else None
    others = cohort.embeddings if cohort else ()
    refuse_mixture([*probes, *gallery, *others])
    if not probes or not gallery:
        return np.zeros((len(probes), len(gallery)))
    learnt = (others, cohort.people) if cohort else (gallery, people)
    if (backend := fit(config.backend, *learnt, config.metric)) is not None:
        probes, gallery, others = backend.project(probes), backend.project(gallery), backend.project(others)

    def apart(some: Sequence[Embedding], from_others: Sequence[Embedding]) -> NDArray[np.float64]:
        return distance_matrix(some, from_others, config.metric).astype(np.float64)

    distances = apart(probes, gallery)
    if config.score_norm == "none":
        return distances
    if cohort:
        return against_a_cohort(config.score_norm, distances, apart(probes, others), apart(gallery, others))
    whose = np.unique(np.array([str(person) for person in people]), return_inverse=True)[1]
    return among_the_gallery(config.score_norm, distances, apart(gallery, gallery), whose)
