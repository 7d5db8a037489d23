"""Which parts of two walks are alike: the distance between them, part by part, and beside that to other people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.matching.distance import Metric, lengths, refuse_mixture
from pipeline.types import Embedding, FloatArray


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far two walks are apart in each of P parts.

    distances: P float32, in the metric's own measure; typical: P float32, the median of the first walk's distances to
    the other people of the second one's video, or None where there are none.
    """

    distances: FloatArray
    typical: FloatArray | None

    @property
    def ratios(self) -> FloatArray:
        """distances / typical, P: below 1 where the two are more alike than the first and most others.

        Where there is nobody to compare with: of the mean over all parts. 1 where a part tells nothing.
        """
        of = self.typical if self.typical is not None else np.full_like(self.distances, self.distances.mean())
        nothing = of <= 1e-9
        return np.asarray(np.where(nothing, 1, self.distances / np.where(nothing, 1, of)), np.float32)


def part_distances(walk: Embedding, others: Sequence[Embedding], metric: Metric) -> FloatArray:
    """Distances of one walk to M others in each part, M×P float32.

    euclidean and frobenius: L2 over the C values of a part (the mean over parts, or the root of the sum of squares, is
    the distance of the walks); cosine: 1 − cosine (the mean is the distance).
    Raises ConfigError for embeddings that cannot be compared.
    """
    refuse_mixture([walk, *others])
    if not others:
        return np.zeros((0, walk.parts.shape[1]), np.float32)
    one, many = walk.parts.astype(np.float64), np.stack([other.parts for other in others]).astype(np.float64)
    if metric == "cosine":
        one, many = one / lengths(one, axis=0), many / lengths(many, axis=1)
        return np.asarray(np.clip(1 - (one * many).sum(axis=1), 0, 2), np.float32)
    return np.asarray(np.linalg.norm(many - one, axis=1), np.float32)


def agreement(walk: Embedding, person: Embedding, others: Sequence[Embedding], metric: Metric) -> Agreement:
    """Where `walk` and `person` agree, `others` being the people to compare with (these two are left out)."""
    themselves = {(walk.video, walk.track_id), (person.video, person.track_id)}
    strangers = [other for other in others if (other.video, other.track_id) not in themselves]
    distances = part_distances(walk, [person, *strangers], metric)
    return Agreement(distances[0], np.median(distances[1:], axis=0) if strangers else None)
