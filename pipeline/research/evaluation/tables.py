"""The figures of a protocol: rank-k, mAP, mINP and tables by view, in percent as the papers print them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from pipeline.errors import ConfigError, InputError
from pipeline.research.evaluation.datasets.features import DatasetFeatures, Names
from pipeline.research.evaluation.datasets.protocols import ByView, Pairs, Types, Whole
from pipeline.research.evaluation.datasets.ranking import Mask, Ranking, Search
from pipeline.research.evaluation.datasets.rerank import reranked_distances
from pipeline.research.evaluation.datasets.retrieval import Retrieval, ranked

RANKS = (1, 5, 10, 20)
CMC_RANKS = 20

Table = NDArray[np.float64]
Precision = Literal["float16", "float32"]


@dataclass(frozen=True)
class ViewTables:
    """Percent of every view of the probes (rows) against every view of the gallery; NaN where there are no samples.

    ranks: k → V×V, each cell rounded to two decimals before anything is averaged, as the papers' tables are.
    """

    views: Sequence[str]
    ranks: Mapping[int, Table]
    precision: Table
    penalty: Table

    def by_view(self, table: Table) -> Table:
        """The mean over the gallery's views of each view of the probes; its own counts where there is no other."""
        if len(table) == 1:
            return np.asarray(table[0])
        counted = np.isfinite(table) & ~np.eye(len(table), dtype=np.bool_)
        sums, counts = np.where(counted, table, 0).sum(axis=1), counted.sum(axis=1)
        return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)

    def mean(self, table: Table) -> float:
        """Over all views of the probes."""
        return _mean(self.by_view(table))


@dataclass(frozen=True)
class Condition:
    """Figures in percent. ranks: k → rate; n: probes; unanswerable: those whose person is not in the gallery.

    cmc: the curve from rank 1. tables: by view, where the protocol has them; identical: the means with identical views
    left in. reid: figures of person re-identification beside those by view (CCPG).
    """

    n: int
    ranks: Mapping[int, float]
    precision: float
    penalty: float
    cmc: Table
    unanswerable: int
    tables: ViewTables | None = None
    identical: Mapping[int, float] = field(default_factory=dict)
    reid: Condition | None = None


def by_view(protocol: ByView, ranking: Ranking) -> dict[str, Condition]:
    """Every condition of the probes, each view against each. Raises InputError where no samples are of these types."""
    views = [view for view in np.unique(ranking.data.views).tolist() if view not in protocol.without]
    sides = {name: (types, protocol.gallery) for name, types in protocol.conditions.items()}
    return _view_conditions(_select(sides, ranking.data), views, ranking)


def cross_view(protocol: ByView, ranking: Ranking) -> dict[str, Condition]:
    """Every condition of the probes against the gallery's samples of all views, but never the own person's from the own
    view (Hou et al., "A Comprehensive Study on the Evaluation of Silhouette-based Gait Recognition", 2022).

    Figures are means over the probes' views, each rounded to two decimals before. Raises ConfigError for a protocol
    without such a split, InputError where no samples are of its types.
    """
    if protocol.whole is None:
        raise ConfigError("--cross-view: this protocol has no cross-view gallery; casia-b and oumvlp have.")
    conditions, gallery_types = protocol.whole
    seen = ranking.data.views
    sides = _select({name: (types, gallery_types) for name, types in conditions.items()}, ranking.data)
    searches = {
        name: [Search(probes & (seen == view), gallery, same_view=False) for view in np.unique(seen[probes]).tolist()]
        for name, (probes, gallery) in sides.items()
    }
    found = iter(ranking.retrieve([one for some in searches.values() for one in some]))
    conditions_found = {}
    for name, some in searches.items():
        each = [next(found) for _ in some]
        conditions_found[name] = Condition(
            n=int(sides[name][0].sum()),
            ranks={k: _mean([_percent(one.cmc(k)[-1]) for one in each]) for k in RANKS},
            precision=_mean([_percent(one.mean_precision()) for one in each]),
            penalty=_mean([_percent(one.mean_penalty()) for one in each]),
            cmc=100 * np.array([_mean(column) for column in zip(*(one.cmc(CMC_RANKS) for one in each), strict=True)]),
            unanswerable=sum(int((~one.answerable).sum()) for one in each),
        )
    return conditions_found


def pairs(protocol: Pairs, ranking: Ranking) -> dict[str, Condition]:
    """Every condition with its own gallery, by view and as person re-identification.

    Raises InputError where no samples are of these types.
    """
    cameras = np.array([view.partition("_")[0] for view in ranking.data.views.tolist()], np.str_)
    ranking = replace(ranking, data=replace(ranking.data, views=cameras))
    sides = _select(protocol.conditions, ranking.data)
    reid = [_condition(one) for one in ranking.retrieve([Search(*some, same_view=False) for some in sides.values()])]
    found = _view_conditions(sides, np.unique(cameras).tolist(), ranking)
    return {name: replace(one, reid=other) for (name, one), other in zip(found.items(), reid, strict=True)}


def whole(
    protocol: Whole,
    ranking: Ranking,
    listed: Sequence[str] = (),
    rerank: Precision | None = None,
) -> dict[str, Condition]:
    """All probes against the whole gallery, views and cameras regardless.

    Args:
        protocol: Which types are probes, and which the gallery.
        ranking: Both, and how they are compared.
        listed: Names (identity-type-view) of the probes, or of the gallery, for protocols that list them.
        rerank: By k-reciprocal neighbours, in this precision (OpenGait: float16).

    Raises:
        InputError: Where there are no probes or no gallery.
    """
    data = ranking.data
    if protocol.probes is not None:
        is_probe = protocol.probes.of(data.types)
    else:
        names = zip(data.labels.tolist(), data.types.tolist(), data.views.tolist(), strict=True)
        is_probe = np.isin(["-".join(name) for name in names], list(listed)) != protocol.lists_gallery
    is_gallery = protocol.gallery.of(data.types) if protocol.gallery is not None else ~is_probe
    if not is_probe.any() or not is_gallery.any():
        raise InputError(
            f"{is_probe.sum()} probes and {is_gallery.sum()} gallery walks among {len(data)}: this is not what the "
            f"protocol expects. Types here: {_few(data.types)}."
        )
    if rerank is None:
        return {"all": _condition(*ranking.retrieve([Search(is_probe, is_gallery)]))}
    sides, half = (data.features[is_probe], data.features[is_gallery]), rerank == "float16"
    found = torch.from_numpy(reranked_distances(*sides, ranking.metric, ranking.device, half=half))
    return {"all": _condition(ranked(found, data.labels[is_probe, None] == data.labels[None, is_gallery]))}


def class_scores(data: DatasetFeatures, names: Sequence[str]) -> dict[str, float]:
    """accuracy, and macro-averaged precision, recall and F1, in percent; features are N×classes×P scores.

    The class is the largest mean over parts; the truth is the sample's type. A class that nobody is, or is taken for,
    has no precision and counts as 0. Raises InputError for other types or another number of scores.
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


def _select(conditions: Mapping[str, tuple[Types, Types]], data: DatasetFeatures) -> dict[str, tuple[Mask, Mask]]:
    """Masks of the probes and the gallery of every condition that has both. Raises InputError where none has."""
    found = {}
    for name, (probe_types, gallery_types) in conditions.items():
        probes, gallery = probe_types.of(data.types), gallery_types.of(data.types)
        if probes.any() and gallery.any():
            found[name] = probes, gallery
    if not found:
        raise InputError(
            f"none of the {len(data)} walks are of the types that this protocol compares. "
            f"Types here: {_few(data.types)}. Is it the right --protocol?"
        )
    return found


def _condition(found: Retrieval) -> Condition:
    cmc = 100 * found.cmc(CMC_RANKS)
    return Condition(
        n=len(found.first),
        ranks={k: float(cmc[k - 1]) for k in RANKS},
        precision=100 * found.mean_precision(),
        penalty=100 * found.mean_penalty(),
        cmc=cmc,
        unanswerable=int((~found.answerable).sum()),
    )


def _view_conditions(
    sides: Mapping[str, tuple[Mask, Mask]], views: Sequence[str], ranking: Ranking
) -> dict[str, Condition]:
    cells: dict[tuple[str, int, int], Search] = {}
    for name, (probes, gallery) in sides.items():
        by_row, by_column = (
            [(place, side & (ranking.data.views == view)) for place, view in enumerate(views)]
            for side in (probes, gallery)
        )
        cells |= {
            (name, row, column): Search(some, others)
            for row, some in by_row
            for column, others in by_column
            if some.any() and others.any()
        }
    retrieved = dict(zip(cells, ranking.retrieve(list(cells.values())), strict=True))
    conditions = {}
    for name, (probes, _) in sides.items():
        mine = {
            (row, column): (cells[other, row, column].probes[probes], one)
            for (other, row, column), one in retrieved.items()
            if other == name
        }
        conditions[name] = _view_condition(mine, views, int(probes.sum()))
    return conditions


def _view_condition(cells: Mapping[tuple[int, int], tuple[Mask, Retrieval]], views: Sequence[str], n: int) -> Condition:
    """cells: (view of the probes, view of the gallery) → which of the condition's n probes, and what was found."""
    size = len(views), len(views)
    ranks = {k: np.full(size, np.nan) for k in RANKS}
    precision, penalty, cmc = np.full(size, np.nan), np.full(size, np.nan), np.full((*size, CMC_RANKS), np.nan)
    answered = np.zeros(n, np.bool_)
    for cell, (some, found) in cells.items():
        everybody = np.ones(len(found.first), np.bool_)  # who is not in this view counts as wrong, as in the papers
        cmc[cell] = found.cmc(CMC_RANKS, everybody)
        for k, table in ranks.items():
            table[cell] = _percent(cmc[cell][k - 1])
        precision[cell] = _percent(found.mean_precision())
        penalty[cell] = _percent(found.mean_penalty())
        answered[some] |= found.answerable
    tables = ViewTables(views, ranks, precision, penalty)
    curves = np.array([tables.mean(cmc[:, :, k]) for k in range(CMC_RANKS)])
    return Condition(
        n=n,
        ranks={k: tables.mean(table) for k, table in ranks.items()},
        precision=tables.mean(precision),
        penalty=tables.mean(penalty),
        cmc=100 * curves,
        unanswerable=int((~answered).sum()),
        tables=tables,
        identical={k: _mean(table) for k, table in ranks.items()},
    )


def _mean(values: ArrayLike) -> float:
    """Of those that are known; NaN of none."""
    known = np.asarray(values, np.float64)
    known = known[np.isfinite(known)]
    return float(known.mean()) if len(known) else float("nan")


def _percent(rate: float) -> float:
    """A rate as percent with two decimals."""
    return float(np.round(100 * rate, 2))


def _few(names: Names) -> str:
    different = np.unique(names).tolist()
    return ", ".join(different[:8]) + (", …" if len(different) > 8 else "")
