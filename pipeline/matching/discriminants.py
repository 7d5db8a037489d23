"""Back-ends between embedding and distance: what differs within a person is made to count less.

whitening   every part is brought to unit covariance, over all walks
lda         to unit covariance within people, then projected on what tells people apart (Fisher 1936; Belhumeur et al.,
            PAMI 1997; the first step alone is WCCN, Hatch et al., Interspeech 2006)
plda        the distance is how much less likely it is that two walks are of one person than of two (plda.py): below 0
            where it is likelier

All are fitted part by part on the gallery, whose people are known, or on a cohort. There are far more values than
walks, so covariances are shrunk towards a multiple of the unit matrix by as much as Ledoit and Wolf (2004) derive.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import ConfigError
from pipeline.matching.covariance import inverse_root, people_means, shrunk_covariance, within_people
from pipeline.matching.distance import Metric, distance_matrix, lengths, refuse_mixture
from pipeline.matching.plda import fit_plda, minus_log_ratios
from pipeline.types import Embedding

BackendName = Literal["none", "whitening", "lda", "plda"]
BACKENDS = get_args(BackendName)
LEAST_WALKS = 3

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Backend:
    """A fitted back-end.

    mean: P×C; projection: P×C×D, a part's row of values times it; unit: parts are brought to unit length first;
    share: P×D, and constant: what plda.py makes distances of; None where the metric does.
    """

    name: str
    mean: Floats
    projection: Floats
    unit: bool
    share: Floats | None = None
    constant: float = 0.0

    def apply(self, parts: Floats) -> Floats:
        """N×P×C → N×P×D."""
        centred = parts / lengths(parts, axis=2) if self.unit else parts
        projected = (centred - self.mean).transpose(1, 0, 2) @ self.projection
        return np.asarray(projected.transpose(1, 0, 2))

    def project(self, embeddings: Sequence[Embedding]) -> list[Embedding]:
        """The same walks with their parts projected; `model` says so, so that nobody compares the two."""
        if not embeddings:
            return []
        projected = self.apply(stacked(embeddings))
        return [
            replace(one, parts=np.ascontiguousarray(parts.T, np.float32), model=f"{one.model}|{self.name}")
            for one, parts in zip(embeddings, projected, strict=True)
        ]

    def between(self, walks: Sequence[Embedding], others: Sequence[Embedding], metric: Metric) -> Floats:
        """How far walks are apart, N×M."""
        return self.distances(self.project(walks), self.project(others), metric)

    def distances(self, projected: Sequence[Embedding], others: Sequence[Embedding], metric: Metric) -> Floats:
        """How far walks that have been projected are apart, N×M; those of plda can be negative."""
        if self.share is None or not projected or not others:
            return distance_matrix(projected, others, metric).astype(np.float64)
        refuse_mixture([*projected, *others])
        return minus_log_ratios(stacked(projected), stacked(others), self.share, self.constant)


def fit(name: str, embeddings: Sequence[Embedding], people: Sequence[str | int], metric: Metric) -> Backend | None:
    """Fit on walks whose people are known; None for "none". metric: cosine brings parts to unit length first.

    Raises ConfigError for an unknown name and for walks that are too few: lda and plda want two people with two walks
    each.
    """
    if name == "none":
        return None
    if name not in BACKENDS:
        raise ConfigError(f"matching.backend: {name!r}; expected {', '.join(BACKENDS)}.")
    whose = np.unique(np.array([str(person) for person in people]), return_inverse=True)[1]
    _refuse_too_few(name, np.bincount(whose) if len(whose) else np.zeros(0, np.int64))
    parts, unit = stacked(embeddings), metric == "cosine"
    if unit:
        parts /= lengths(parts, axis=2)
    if name == "plda":
        model = fit_plda(parts, whose)
        return Backend(name, model.mean, model.projection, unit, model.share, model.constant)
    mean = parts.mean(axis=0)
    parts -= mean
    if name == "whitening":
        projection = np.stack([inverse_root(shrunk_covariance(part)) for part in np.moveaxis(parts, 1, 0)])
    else:
        projection = _discriminant(parts, whose)
    return Backend(name, mean, projection, unit)


def _refuse_too_few(name: str, counts: NDArray[np.int64]) -> None:
    """counts: of walks, a person each."""
    of_people = name != "whitening"
    if counts.sum() < LEAST_WALKS or (of_people and (counts >= 2).sum() < 2):
        wanted = "two people with two walks each" if of_people else f"{LEAST_WALKS} walks"
        raise ConfigError(
            f"matching.backend {name} wants at least {wanted} to learn from; there are {counts.sum()} walks of "
            f"{len(counts)} people. Add walks to the gallery, or leave it at none."
        )


def stacked(embeddings: Sequence[Embedding]) -> Floats:
    """N×P×C float64."""
    return np.stack([embedding.parts.T for embedding in embeddings]).astype(np.float64)


def _discriminant(centred: Floats, whose: NDArray[np.int64]) -> Floats:
    """P×C×D of N×P×C: within people to unit covariance, then the D directions in which their means differ."""
    counts = np.bincount(whose)
    means = people_means(centred, whose)
    within, freedom = within_people(centred, means, whose)
    kept = min(len(counts) - 1, centred.shape[2])
    found = []
    for part in range(centred.shape[1]):
        whiten = inverse_root(shrunk_covariance(within[:, part], freedom))
        between = (means[:, part] * np.sqrt(counts)[:, None]) @ whiten
        directions = np.linalg.eigh(between.T @ between)[1][:, ::-1][:, :kept]
        found.append(whiten @ directions)
    return np.stack(found)
