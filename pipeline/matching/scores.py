"""From embeddings to the distances that decide: back-end, distance, normalisation, as the settings say."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.config import MatchingConfig
from pipeline.matching.backends import Backend, fit
from pipeline.matching.cohort import read_cohort
from pipeline.matching.distance import distance_matrix, refuse_mixture
from pipeline.matching.normalisation import against_a_cohort, among_the_gallery
from pipeline.types import Embedding


def scores(
    probes: Sequence[Embedding],
    gallery: Sequence[Embedding],
    people: Sequence[str | int],
    config: MatchingConfig,
    fitted: Backend | None = None,
) -> NDArray[np.float64]:
    """How far every probe is from every gallery walk, N×M, smaller is more alike; people: whose each gallery walk is.

    fitted: the back-end of matching.backend; unless given, it is fitted on matching.cohort or on the gallery.
    Distances by the metric or the back-end; with matching.score_norm deviations from those to strangers. Deviations and
    plda's distances can be negative. Raises ConfigError for embeddings that cannot be compared, and for a gallery (or
    matching.cohort) too small for what is wanted of it.
    """
    cohort = read_cohort(config.cohort) if config.cohort else None
    others = cohort.embeddings if cohort else ()
    refuse_mixture([*probes, *gallery, *others])
    if not probes or not gallery:
        return np.zeros((len(probes), len(gallery)))
    learnt = (others, cohort.people) if cohort else (gallery, people)
    if (backend := fitted or fit(config.backend, *learnt, config.metric)) is not None:
        probes, gallery, others = backend.project(probes), backend.project(gallery), backend.project(others)

    def apart(some: Sequence[Embedding], from_others: Sequence[Embedding]) -> NDArray[np.float64]:
        if backend is not None:
            return backend.distances(some, from_others, config.metric)
        return distance_matrix(some, from_others, config.metric).astype(np.float64)

    distances = apart(probes, gallery)
    if config.score_norm == "none":
        return distances
    if cohort:
        return against_a_cohort(config.score_norm, distances, apart(probes, others), apart(gallery, others))
    whose = np.unique(np.array([str(person) for person in people]), return_inverse=True)[1]
    return among_the_gallery(config.score_norm, distances, apart(gallery, gallery), whose)
