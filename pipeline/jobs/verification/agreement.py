"""Which regions of the body and which joints of two walks agree, beside made-up people."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.drawing.silhouettes import in_regions
from pipeline.jobs.verification.answer import JointAgreement, PartAgreement
from pipeline.matching.distance import Metric
from pipeline.matching.evidence import Floats
from pipeline.matching.parts import part_distances
from pipeline.matching.scores import Cohort
from pipeline.matching.verification import Alikeness
from pipeline.pose.angles import MEASURES, angle_measures
from pipeline.recognition.layers.strips import by_rows, strips_of
from pipeline.recognition.made_up import made_up_walks
from pipeline.types import SILHOUETTE_HEIGHT, Embedding, GaitSequence, Modality


def parts_of(
    one: Sequence[Embedding], other: Sequence[Embedding], cohort: Cohort, metric: Metric, scale: float
) -> tuple[PartAgreement, ...]:
    """The regions of the body; the parts as they are where they are no strips of it.

    Args:
        one: Stretches of the first walk.
        other: Of the second.
        cohort: Made-up people.
        metric: Of distances.
        scale: How many times as far as made-up people two people are apart here.
    """
    count = one[0].parts.shape[1]
    strips = strips_of(one[0].model, count)
    names, weights = [f"part {number}" for number in range(1, count + 1)], np.eye(count)
    if strips is not None:
        alone = [in_regions(by_rows(part, strips, SILHOUETTE_HEIGHT)) for part in weights.astype(np.float32)]
        names, weights = list(alone[0]), np.array([list(regions.values()) for regions in alone])  # P×R

    def between(some: Sequence[Embedding], others: Sequence[Embedding]) -> Floats:
        """N×M×R."""
        return np.stack([part_distances(walk, others, metric) for walk in some]) @ weights

    usual = between(cohort.embeddings, cohort.embeddings)
    found = Alikeness.of(between(one, other).mean(axis=(0, 1)) / scale, usual, np.array(cohort.people))
    return tuple(PartAgreement(name, *shares) for name, shares in zip(names, found.shares(), strict=True))


def joints_of(
    one: Sequence[GaitSequence], other: Sequence[GaitSequence], min_score: float
) -> tuple[JointAgreement, ...]:
    """The joints that were seen of both walks, in the mean over their stretches. min_score: of a joint."""
    first, second = (_mean([_angles(stretch, min_score) for stretch in side]) for side in (one, other))
    walks, people = made_up_walks()
    usual = np.stack([_angles(walk, min_score) for walk in walks])
    found = Alikeness.of(np.abs(first - second), np.abs(usual[:, None] - usual), np.array(people))
    rows = zip(MEASURES, first.tolist(), second.tolist(), found.shares(), strict=True)
    return tuple(
        JointAgreement(joint, measure, a, b, *shares) for (joint, measure), a, b, shares in rows if np.isfinite(a - b)
    )


def _angles(walk: GaitSequence, min_score: float) -> Floats:
    return angle_measures(walk.modalities[Modality.KEYPOINTS].data[:], min_score)


def _mean(rows: list[NDArray[np.float64]]) -> Floats:
    """Over those that are numbers."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # NumPy's, of joints that were not seen
        return np.asarray(np.nanmean(np.reshape(rows, (-1, len(MEASURES))), axis=0))
