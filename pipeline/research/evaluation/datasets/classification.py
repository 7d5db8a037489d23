"""Scores of networks that answer with a class or a mask instead of an identity: Scoliosis1K, segmentation."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pipeline.errors import InputError
from pipeline.research.evaluation.datasets.features import DatasetFeatures


def class_scores(data: DatasetFeatures, names: Sequence[str]) -> dict[str, float]:
    """accuracy, and macro-averaged precision, recall and F1, in percent; features are N×classes×P scores.

    The class is the largest mean over parts; the truth is the walk's type. A class that nobody is, or is taken for, has
    no precision and counts as 0. Raises InputError for other types or another number of scores.
    """
    unknown = sorted(set(data.types.tolist()) - set(names))
    if unknown or data.features.shape[1] != len(names):
        raise InputError(
            f"expected {len(names)} scores for the types {', '.join(names)}, found {data.features.shape[1]}"
            f"{' and the type ' + unknown[0] if unknown else ''}."
        )
    truth = np.array([list(names).index(name) for name in data.types.tolist()])
    answer = data.features.mean(axis=-1).argmax(axis=1)
    right = np.array([np.sum((truth == one) & (answer == one)) for one in range(len(names))], np.float64)
    given, true = np.bincount(answer, minlength=len(names)), np.bincount(truth, minlength=len(names))
    seen = (given > 0) | (true > 0)
    precision, recall = right / np.maximum(given, 1), right / np.maximum(true, 1)
    f1 = 2 * right / np.maximum(given + true, 1)
    return {
        "accuracy": 100 * float((truth == answer).mean()),
        **{
            name: 100 * float(values[seen].mean())
            for name, values in (("precision", precision), ("recall", recall), ("f1", f1))
        },
    }
