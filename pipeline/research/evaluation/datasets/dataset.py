"""`gait evaluate dataset`: features of a dataset's test set, and the figures that its protocol asks for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from pipeline.errors import ConfigError, InputError
from pipeline.research.arranging.partitions import probes_of
from pipeline.research.evaluation.datasets.features import DatasetFeatures
from pipeline.research.evaluation.datasets.protocols import (
    PROTOCOLS,
    ByView,
    Classes,
    Pairs,
    Submission,
    Whole,
    identities_of_test,
)
from pipeline.research.evaluation.datasets.ranking import Ranking
from pipeline.research.evaluation.datasets.retrieval import Metric
from pipeline.research.evaluation.datasets.submission import PROBE, submission
from pipeline.research.evaluation.tables import Condition, by_view, class_scores, cross_view, pairs, whole
from pipeline.research.training.data.dataset import (
    Partition,
    Sample,
    list_samples,
    read_partition,
    subfolders,
)


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What is computed. cross_view: casia-b and oumvlp against a gallery of all views; rerank: None is what is
    usual (hid only); as_opengait: with its quirks (rerank.py, submission.py); listed: names of samples (see Whole).
    """

    protocol: str
    metric: Metric
    cross_view: bool = False
    rerank: bool | None = None
    as_opengait: bool = False
    listed: Sequence[str] = ()

    def __post_init__(self) -> None:
        kind = PROTOCOLS[self.protocol]
        if self.cross_view and not isinstance(kind, ByView):
            raise ConfigError(f"--cross-view: {self.protocol} is not evaluated by view; casia-b and oumvlp are.")
        if isinstance(kind, Whole) and kind.probes is None and not self.listed:
            raise ConfigError(
                f"--protocol {self.protocol}: the partition must list the "
                f"{'gallery as GALLERY_SET' if kind.lists_gallery else 'probes as PROBE_SET'}. Give it as --partition."
            )
        if self.rerank and not (isinstance(kind, Whole) or self.protocol == "hid"):
            raise ConfigError(f"--rerank: {self.protocol} is not re-ranked; gait3d, freegait, grew and hid can be.")


@dataclass(frozen=True, slots=True)
class Answer:
    """Figures by condition, scores of classes in percent, or a file for a competition's server."""

    conditions: Mapping[str, Condition] = field(default_factory=dict)
    scores: Mapping[str, float] = field(default_factory=dict)
    submission: str | None = None


def samples_of_test_set(
    root: Path, partition: Path | None, protocol: str, files: Sequence[bool] | Sequence[int] | None = None
) -> tuple[list[Sample], tuple[str, ...]]:
    """The samples of a dataset's test set, and the names of its probes (or gallery) where the partition lists them.

    partition: its JSON; None: the authors' rule where they have one, or everybody for a submission. files: which of a
    folder's files, as OpenGait's data_in_use.
    Raises InputError for a dataset or a partition that cannot be read, ConfigError where one is needed.
    """
    if partition is not None:
        sets = read_partition(partition)
        return list_samples(root, sets.test, files), listed_samples(protocol, sets)
    if not root.is_dir():
        raise InputError(f"{root}: no such dataset folder. Expected ROOT/identity/type/view/*.pkl.")
    here = [folder.name for folder in subfolders(root)]
    chosen = identities_of_test(protocol, here)
    if isinstance(PROTOCOLS[protocol], Submission) and set(chosen or ()) <= {PROBE}:
        chosen = here
    if chosen is None:
        raise ConfigError(
            f"--protocol {protocol}: which identities are the test set? Give its JSON as --partition FILE "
            '({"TRAIN_SET": […], "TEST_SET": […]}; freegait: "PROBE_SET", ccgr-mini: "GALLERY_SET", too).'
        )
    return list_samples(root, chosen, files), probes_of(protocol)


def listed_samples(protocol: str, partition: Partition) -> tuple[str, ...]:
    """The names of samples in a partition that a protocol goes by: its probes, or its gallery."""
    kind = PROTOCOLS[protocol]
    return tuple(kind.listed(partition)) if isinstance(kind, Whole) else ()


def evaluate(chosen: Evaluation, ranking: Ranking) -> Answer:
    """What the protocol says of these features. Raises GaitError where they are not what it expects."""
    protocol, data, metric, device = PROTOCOLS[chosen.protocol], ranking.data, ranking.metric, ranking.device
    match protocol:
        case ByView():
            return Answer((cross_view if chosen.cross_view else by_view)(protocol, ranking))
        case Pairs():
            return Answer(pairs(protocol, ranking))
        case Whole():
            precision: Literal["float16", "float32"] = "float16" if chosen.as_opengait else "float32"
            rerank = precision if chosen.rerank else None
            return Answer(whole(protocol, ranking, chosen.listed, rerank))
        case Classes():
            return Answer(scores=class_scores(data, protocol.names))
        case Submission():
            how = {"rerank": chosen.rerank is not False, "as_opengait": chosen.as_opengait}
            return Answer(submission=submission(protocol, data, metric, device, **how))


def as_tree(chosen: Evaluation, data: DatasetFeatures, answer: Answer) -> dict[str, Any]:
    """The report as JSON: rates between 0 and 1, tables by view as V×V lists with None where there are no samples."""
    return {
        "schema": 1,
        "protocol": chosen.protocol,
        "gallery": "cross-view" if chosen.cross_view else "as usual",
        "metric": chosen.metric,
        "reranked": bool(chosen.rerank),
        "as_opengait": chosen.as_opengait,
        "model": data.model,
        "checkpoint_sha256": data.checkpoint_sha256,
        "walks": len(data),
        "identities": len(np.unique(data.labels)),
        "conditions": {name: _condition(one) for name, one in answer.conditions.items()},
        "scores": {name: _rate(value) for name, value in answer.scores.items()},
    }


def _condition(one: Condition) -> dict[str, Any]:
    tree: dict[str, Any] = {
        **{f"rank{k}": _rate(value) for k, value in one.ranks.items()},
        "map": _rate(one.precision),
        "minp": _rate(one.penalty),
        "n": one.n,
        "unanswerable": one.unanswerable,
        "cmc": [_rate(value) for value in one.cmc],
    }
    if one.tables is not None:
        rank1 = one.tables.ranks[1]
        tree["views"] = list(one.tables.views)
        tree["by_view"] = [_rate(value) for value in one.tables.by_view(rank1)]
        tree["table"] = [[_rate(value) for value in row] for row in rank1]
        tree["identical_views_included"] = {f"rank{k}": _rate(value) for k, value in one.identical.items()}
    if one.reid is not None:
        tree["reid"] = _condition(one.reid)
    return tree


def _rate(percent: float) -> float | None:
    return round(float(percent) / 100, 8) if np.isfinite(percent) else None
