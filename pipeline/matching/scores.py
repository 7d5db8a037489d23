"""From embeddings to the distances that decide: discriminant, distance, normalisation, as the settings say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.config import MatchingConfig
from pipeline.matching.discriminants import Discriminant, fit
from pipeline.matching.distance import Metric, distance_matrix, refuse_mixture
from pipeline.matching.score_normalisation import against_a_cohort, among_the_gallery
from pipeline.types import Embedding


@dataclass(frozen=True, slots=True)
class Cohort:
    """Embeddings of people who are neither searched for nor enrolled, and whose each is."""

    embeddings: Sequence[Embedding]
    people: Sequence[str | int]


@dataclass(frozen=True, slots=True)
class Comparison:
    """How embeddings are compared.

    Attributes:
        config: The settings.
        cohort: Of matching.cohort, where it is set.
        transform: Of the settings, where it is fitted already; else it is fitted on the cohort or on the gallery.
    """

    config: MatchingConfig
    cohort: Cohort | None = None
    transform: Discriminant | None = None


def scores(
    probes: Sequence[Embedding], gallery: Sequence[Embedding], people: Sequence[str | int], how: Comparison
) -> NDArray[np.float64]:
    """How far every probe is from every gallery embedding, N×M, smaller is more alike.

    With matching.score_norm distances are deviations from those to strangers, which can be negative.

    Args:
        probes: N embeddings.
        gallery: M embeddings.
        people: Whose each gallery embedding is.
        how: How they are compared.

    Raises:
        ConfigError: Embeddings cannot be compared, or the gallery or the cohort is too small for the settings.
    """
    cohort, norm = how.cohort, how.config.score_norm
    others = cohort.embeddings if cohort else ()
    refuse_mixture([*probes, *gallery, *others])
    if not probes or not gallery:
        return np.zeros((len(probes), len(gallery)))
    measure = _Measure.of(cohort or Cohort(gallery, people), how)
    probes, gallery, others = measure.seen(probes), measure.seen(gallery), measure.seen(others)
    distances = measure.apart(probes, gallery)
    if norm == "none":
        return distances
    if cohort:
        return against_a_cohort(norm, distances, measure.apart(probes, others), measure.apart(gallery, others))
    whose = np.unique(np.array([str(person) for person in people]), return_inverse=True)[1]
    return among_the_gallery(norm, distances, measure.apart(gallery, gallery), whose)


def scores_among(
    strangers: Sequence[Embedding], gallery: Sequence[Embedding], people: Sequence[str | int], how: Comparison
) -> NDArray[np.float64]:
    """How far people who are nobody of the gallery are from one another, N×N, on the scale of `scores`.

    So one threshold serves both. The gallery's people are strangers to them: without a cohort, the gallery is theirs.
    Raises ConfigError as `scores` does.
    """
    if not strangers:
        return np.zeros((0, 0))
    others = how.cohort or Cohort(gallery, people)
    refuse_mixture([*strangers, *gallery, *others.embeddings])
    measure = _Measure.of(others, how)
    strangers = measure.seen(strangers)
    distances = measure.apart(strangers, strangers)
    if how.config.score_norm == "none" or not others.embeddings:
        return distances
    to_others = measure.apart(strangers, measure.seen(others.embeddings))
    return against_a_cohort(how.config.score_norm, distances, to_others, to_others)


@dataclass(frozen=True, slots=True)
class _Measure:
    """What distances are measured by: the metric, after a discriminant or without."""

    metric: Metric
    discriminant: Discriminant | None

    @classmethod
    def of(cls, learnt: Cohort, how: Comparison) -> _Measure:
        """learnt: what a transform is fitted on that is not fitted yet."""
        transform = how.transform
        if transform is None and how.config.transform == "lda":
            transform = fit(learnt.embeddings, learnt.people, how.config.metric)
        return cls(how.config.metric, transform)

    def seen(self, walks: Sequence[Embedding]) -> Sequence[Embedding]:
        return self.discriminant.project(walks) if self.discriminant else walks

    def apart(self, some: Sequence[Embedding], others: Sequence[Embedding]) -> NDArray[np.float64]:
        """Of walks as they are seen."""
        return distance_matrix(some, others, self.metric).astype(np.float64)
