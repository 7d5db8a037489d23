"""The figures of a protocol: rank-k, mAP, mINP and tables by view, in percent as the papers print them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from pipeline.errors import ConfigError, InputError
from pipeline.research.evaluation.datasets.distances import Metric
from pipeline.research.evaluation.datasets.features import DatasetFeatures
from pipeline.research.evaluation.datasets.protocols import ByView, Pairs, Types, Whole
from pipeline.research.evaluation.datasets.rerank import reranked_distances
from pipeline.research.evaluation.datasets.retrieval import Names, Retrieval, Walks, ranked, retrieve

RANKS = (1, 5, 10, 20)
CMC_RANKS = 20

Table = NDArray[np.float64]


@dataclass(frozen=True)
class ViewTables:
    """Percent of every view of the probes (rows) against every view of the gallery; NaN where there are no walks.

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


def by_view(protocol: ByView, data: DatasetFeatures, metric: Metric, device: str = "cpu") -> dict[str, Condition]:
    """Every condition of the probes, each view against each. Raises InputError where no walks are of these types."""
    views = [view for view in np.unique(data.views).tolist() if view not in protocol.without]
    found = {}
    for name, types in protocol.conditions.items():
        probes, gallery = _of(types, data), _of(protocol.gallery, data)
        if len(probes) and len(gallery):
            found[name] = _view_condition(probes, gallery, views, metric, device)
    return _something(found, data)


def cross_view(protocol: ByView, data: DatasetFeatures, metric: Metric, device: str = "cpu") -> dict[str, Condition]:
    """Every condition of the probes against the gallery's walks of all views, but never the own person's from the own
    view (Hou et al., "A Comprehensive Study on the Evaluation of Silhouette-based Gait Recognition", 2022).

    Figures are means over the probes' views, each rounded to two decimals before. Raises ConfigError for a protocol
    without such a split, InputError where no walks are of its types.
    """
    if protocol.whole is None:
        raise ConfigError("--cross-view: this protocol has no cross-view gallery; casia-b and oumvlp have.")
    conditions, gallery_types = protocol.whole
    found = {}
    for name, types in conditions.items():
        probes, gallery = _of(types, data), _of(gallery_types, data)
        if not len(probes) or not len(gallery):
            continue
        each = [
            retrieve(probes.select(probes.views == view), gallery, metric, device, same_view=False)
            for view in np.unique(probes.views).tolist()
        ]
        found[name] = Condition(
            n=len(probes),
            ranks={k: _mean([_rounded(one.cmc(k)[-1]) for one in each]) for k in RANKS},
            precision=_mean([_rounded(one.mean_precision()) for one in each]),
            penalty=_mean([_rounded(one.mean_penalty()) for one in each]),
            cmc=100 * np.array([_mean(column) for column in zip(*(one.cmc(CMC_RANKS) for one in each), strict=True)]),
            unanswerable=sum(int((~one.answerable).sum()) for one in each),
        )
    return _something(found, data)


def pairs(protocol: Pairs, data: DatasetFeatures, metric: Metric, device: str = "cpu") -> dict[str, Condition]:
    """Every condition with its own gallery, by view and as person re-identification.

    Raises InputError where no walks are of these types.
    """
    cameras = np.array([view.partition("_")[0] for view in data.views.tolist()], np.str_)
    data = dataclasses.replace(data, views=cameras)
    found = {}
    for name, (probe_types, gallery_types) in protocol.conditions.items():
        probes, gallery = _of(probe_types, data), _of(gallery_types, data)
        if len(probes) and len(gallery):
            condition = _view_condition(probes, gallery, np.unique(cameras).tolist(), metric, device)
            reid = _condition(retrieve(probes, gallery, metric, device, same_view=False))
            found[name] = dataclasses.replace(condition, reid=reid)
    return _something(found, data)


def whole(
    protocol: Whole,
    data: DatasetFeatures,
    metric: Metric,
    device: str = "cpu",
    *,
    listed: Sequence[str] = (),
    rerank: bool = False,
    half: bool = False,
) -> dict[str, Condition]:
    """All probes against the whole gallery, views and cameras regardless.

    listed: names (identity-type-view) of the probes, for protocols that list them. rerank: by k-reciprocal neighbours;
    half: in float16, as OpenGait does. Raises InputError where there are no probes or no gallery.
    """
    if protocol.probes is not None:
        is_probe = protocol.probes.of(data.types)
    else:
        names = zip(data.labels.tolist(), data.types.tolist(), data.views.tolist(), strict=True)
        wanted = set(listed)
        is_probe = np.array(["-".join(name) in wanted for name in names], np.bool_)
    is_gallery = protocol.gallery.of(data.types) if protocol.gallery is not None else ~is_probe
    probes, gallery = data.walks.select(is_probe), data.walks.select(is_gallery)
    if not len(probes) or not len(gallery):
        raise InputError(
            f"{len(probes)} probes and {len(gallery)} gallery walks among {len(data)}: this is not what the protocol "
            f"expects. Types here: {_few(data.types)}."
        )
    if not rerank:
        return {"all": _condition(retrieve(probes, gallery, metric, device))}
    found = torch.from_numpy(reranked_distances(probes.features, gallery.features, metric, device, half=half))
    return {"all": _condition(ranked([(slice(0, len(probes)), found)], probes, gallery))}


def _of(types: Types, data: DatasetFeatures) -> Walks:
    return data.walks.select(types.of(data.types))


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


def _view_condition(probes: Walks, gallery: Walks, views: Sequence[str], metric: Metric, device: str) -> Condition:
    size = len(views), len(views)
    ranks = {k: np.full(size, np.nan) for k in RANKS}
    precision, penalty, cmc = np.full(size, np.nan), np.full(size, np.nan), np.full((*size, CMC_RANKS), np.nan)
    answered = np.zeros(len(probes), np.bool_)
    for row, probe_view in enumerate(views):
        some = probes.views == probe_view
        for column, gallery_view in enumerate(views):
            others = gallery.views == gallery_view
            if not some.any() or not others.any():
                continue
            found = retrieve(probes.select(some), gallery.select(others), metric, device)
            everybody = np.ones(len(found.first), np.bool_)  # who is not in this view counts as wrong, as in the papers
            cmc[row, column] = found.cmc(CMC_RANKS, everybody)
            for k, table in ranks.items():
                table[row, column] = _rounded(cmc[row, column, k - 1])
            precision[row, column] = _rounded(found.mean_precision())
            penalty[row, column] = _rounded(found.mean_penalty())
            answered[some] |= found.answerable
    tables = ViewTables(views, ranks, precision, penalty)
    curves = np.array([tables.mean(cmc[:, :, k]) for k in range(CMC_RANKS)])
    return Condition(
        n=len(probes),
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


def _rounded(rate: float) -> float:
    """A rate as percent with two decimals."""
    return float(np.round(100 * rate, 2))


def _something(found: dict[str, Condition], data: DatasetFeatures) -> dict[str, Condition]:
    if not found:
        raise InputError(
            f"none of the {len(data)} walks are of the types that this protocol compares. "
            f"Types here: {_few(data.types)}. Is it the right --protocol?"
        )
    return found


def _few(names: Names) -> str:
    different = np.unique(names).tolist()
    return ", ".join(different[:8]) + (", …" if len(different) > 8 else "")
