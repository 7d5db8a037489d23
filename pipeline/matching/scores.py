"""From embeddings to the distances that decide: discriminant, distance, normalisation, as the settings say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.config import MatchingConfig
from pipeline.gallery.cohort import Cohort, read_cohort
from pipeline.matching.discriminants import Discriminant, fit
from pipeline.matching.distance import Metric, distance_matrix, refuse_mixture
from pipeline.matching.score_normalisation import against_a_cohort, among_the_gallery
from pipeline.types import Embedding


def scores(
    probes: Sequence[Embedding],
    gallery: Sequence[Embedding],
    people: Sequence[str | int],
    config: MatchingConfig,
    fitted: Discriminant | None = None,
) -> NDArray[np.float64]:
    """How far every probe is from every gallery walk, N×M, smaller is more alike; people: whose each gallery walk is.

    fitted: the discriminant of matching.transform; unless given, it is fitted on matching.cohort or on the gallery.
    Distances by the metric; with matching.score_norm deviations from those to strangers, which can be negative.
    Raises ConfigError for embeddings that cannot be compared, and for a gallery (or matching.cohort) too small for what
    is wanted of it.
    """
    cohort = read_cohort(config.cohort) if config.cohort else None
    others = cohort.embeddings if cohort else ()
    refuse_mixture([*probes, *gallery, *others])
    if not probes or not gallery:
        return np.zeros((len(probes), len(gallery)))
    measure = _Measure.of(cohort or Cohort(gallery, people), config, fitted)
    probes, gallery, others = measure.seen(probes), measure.seen(gallery), measure.seen(others)
    distances = measure.apart(probes, gallery)
    if config.score_norm == "none":
        return distances
    if cohort:
        return against_a_cohort(
            config.score_norm, distances, measure.apart(probes, others), measure.apart(gallery, others)
        )
    whose = np.unique(np.array([str(person) for person in people]), return_inverse=True)[1]
    return among_the_gallery(config.score_norm, distances, measure.apart(gallery, gallery), whose)


def scores_among(
    strangers: Sequence[Embedding],
    gallery: Sequence[Embedding],
    people: Sequence[str | int],
    config: MatchingConfig,
    fitted: Discriminant | None = None,
) -> NDArray[np.float64]:
    """How far walks of people who are nobody of the gallery are from one another, N×N, on the scale of `scores`.

    So one threshold serves both. To them the gallery's people are strangers: where there is no matching.cohort, the
    gallery is theirs. Raises ConfigError as `scores` does.
    """
    if not strangers:
        return np.zeros((0, 0))
    others = read_cohort(config.cohort) if config.cohort else Cohort(gallery, people)
    refuse_mixture([*strangers, *gallery, *others.embeddings])
    measure = _Measure.of(others, config, fitted)
    strangers = measure.seen(strangers)
    distances = measure.apart(strangers, strangers)
    if config.score_norm == "none" or not others.embeddings:
        return distances
    to_others = measure.apart(strangers, measure.seen(others.embeddings))
    return against_a_cohort(config.score_norm, distances, to_others, to_others)


@dataclass(frozen=True, slots=True)
class _Measure:
    """What distances are measured by: the metric, after a discriminant or without."""

    metric: Metric
    discriminant: Discriminant | None

    @classmethod
    def of(cls, learnt: Cohort, config: MatchingConfig, fitted: Discriminant | None) -> _Measure:
        """learnt: what a discriminant learns from that is not fitted yet."""
        if fitted is None and config.transform == "lda":
            fitted = fit(learnt.embeddings, learnt.people, config.metric)
        return cls(config.metric, fitted)

    def seen(self, walks: Sequence[Embedding]) -> Sequence[Embedding]:
        return self.discriminant.project(walks) if self.discriminant else walks

    def apart(self, some: Sequence[Embedding], others: Sequence[Embedding]) -> NDArray[np.float64]:
        """Of walks as they are seen."""
        return distance_matrix(some, others, self.metric).astype(np.float64)
