"""Back-ends between embedding and distance: what differs within a person is made to count less.

whitening   every part is brought to unit covariance, over all walks
lda         to unit covariance within people, then projected on what tells people apart (Fisher 1936; Belhumeur et al.,
            PAMI 1997; the first step alone is WCCN, Hatch et al., Interspeech 2006)

Both are fitted part by part on the gallery, whose people are known. There are far more values
than walks, so covariances are shrunk towards a multiple of the unit matrix by as much as Ledoit and Wolf (2004) derive.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import ConfigError
from pipeline.matching.distance import Metric, lengths
from pipeline.types import Embedding

BackendName = Literal["none", "whitening", "lda"]
BACKENDS = get_args(BackendName)
LEAST_WALKS = 3

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Backend:
    """A fitted back-end.

    mean: P×C; projection: P×C×D, a part's row of values times it; unit: parts are brought to unit length first.
    """

    name: str
    mean: Floats
    projection: Floats
    unit: bool

    def apply(self, parts: Floats) -> Floats:
        """N×P×C → N×P×D."""
        centred = parts / lengths(parts, axis=2) if self.unit else parts
        return np.asarray(np.einsum("npc,pcd->npd", centred - self.mean, self.projection))

    def project(self, embeddings: Sequence[Embedding]) -> list[Embedding]:
        """The same walks with their parts projected; `model` says so, so that nobody compares the two."""
        if not embeddings:
            return []
        projected = self.apply(stacked(embeddings))
        return [
            replace(one, parts=np.ascontiguousarray(parts.T, np.float32), model=f"{one.model}|{self.name}")
            for one, parts in zip(embeddings, projected, strict=True)
        ]


def fit(name: str, embeddings: Sequence[Embedding], people: Sequence[str | int], metric: Metric) -> Backend | None:
    """Fit on walks whose people are known; None for "none". metric: cosine brings parts to unit length first.

    Raises ConfigError for an unknown name and for walks that are too few: lda wants two people with two walks each.
    """
    if name == "none":
        return None
    if name not in BACKENDS:
        raise ConfigError(f"matching.backend: {name!r}; expected {', '.join(BACKENDS)}.")
    whose = np.unique(np.array([str(person) for person in people]), return_inverse=True)[1]
    counts = np.bincount(whose) if len(whose) else np.zeros(0, np.int64)
    if len(embeddings) < LEAST_WALKS or (name == "lda" and (counts >= 2).sum() < 2):
        wanted = "two people with two walks each" if name == "lda" else f"{LEAST_WALKS} walks"
        raise ConfigError(
            f"matching.backend {name} wants at least {wanted} to learn from; there are {len(embeddings)} walks of "
            f"{len(counts)} people. Add walks to the gallery, or leave it at none."
        )
    parts, unit = stacked(embeddings), metric == "cosine"
    if unit:
        parts /= lengths(parts, axis=2)
    mean = parts.mean(axis=0)
    if name == "whitening":
        projection = np.stack([_inverse_root(shrunk_covariance(part)) for part in np.moveaxis(parts - mean, 1, 0)])
    else:
        projection = _discriminant(parts - mean, whose, counts)
    return Backend(name, mean, projection, unit)


def stacked(embeddings: Sequence[Embedding]) -> Floats:
    """N×P×C float64."""
    return np.stack([embedding.parts.T for embedding in embeddings]).astype(np.float64)


def shrunk_covariance(centred: Floats, freedom: int | None = None) -> Floats:
    """Covariance C×C of N centred rows, shrunk as by Ledoit and Wolf (J. Multivariate Analysis 88, 2004).

    freedom: degrees of freedom that centring has left, N unless told: fewer after centring on the means of groups.
    """
    count, values = centred.shape
    covariance = centred.T @ centred / count
    level = float(np.trace(covariance)) / values
    spread = float(((covariance - level * np.eye(values)) ** 2).sum())
    squares = (centred**2).sum(axis=1)
    noise = float((squares**2).sum() / count - (covariance**2).sum()) / count
    share = min(1.0, max(0.0, noise / spread)) if spread > 0 else 1.0
    shrunk = (1 - share) * covariance + share * level * np.eye(values)
    return np.asarray(shrunk * (count / max(freedom or count, 1)))


def _inverse_root(covariance: Floats) -> Floats:
    values, vectors = np.linalg.eigh(covariance)
    floor = max(float(values[-1]) * 1e-10, 1e-12)
    return np.asarray((vectors / np.sqrt(np.maximum(values, floor))) @ vectors.T)


def _discriminant(centred: Floats, whose: NDArray[np.int64], counts: NDArray[np.int64]) -> Floats:
    """P×C×D of N×P×C: within people to unit covariance, then the D directions in which their means differ."""
    people = len(counts)
    means = np.stack([centred[whose == person].mean(axis=0) for person in range(people)])
    within = centred - means[whose]
    several = counts[whose] >= 2  # one walk of a person has no spread
    freedom = int(several.sum() - (counts >= 2).sum())
    kept = min(people - 1, centred.shape[2])
    found = []
    for part in range(centred.shape[1]):
        whiten = _inverse_root(shrunk_covariance(within[several, part], freedom))
        between = (means[:, part] * np.sqrt(counts)[:, None]) @ whiten
        directions = np.linalg.svd(between, full_matrices=False)[2][:kept]
        found.append(whiten @ directions.T)
    return np.stack(found)
