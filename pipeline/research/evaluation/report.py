"""The figures of an evaluation on labelled clips, by encoder and condition, with their intervals and differences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.research.evaluation.bootstrap import Interval, PeopleBootstrap
from pipeline.research.evaluation.directions import ByDirection
from pipeline.research.evaluation.manifest import POOLED
from pipeline.research.evaluation.ranks import Labels, Scores, mean_scores

CMC_RANKS = 20  # the curve's length in the report

Report = dict[str, dict[str, dict[str, Any]]]  # name → condition or "pooled" → figures


@dataclass(frozen=True)
class Compared:
    """One encoder's scores on all probes; several members (seeds) count as their mean.

    directions: a member each; gallery: walks to compare with; gallery_unusable: those with too few silhouettes;
    open_set: a member's figures each (openset.py), where they were asked for.
    """

    name: str
    members: Sequence[Scores]
    directions: Sequence[ByDirection]
    gallery: int
    gallery_unusable: int
    open_set: Sequence[dict[str, Any]] = ()

    @cached_property
    def mean(self) -> Scores:
        return mean_scores(self.members)


def report(compared: Sequence[Compared], conditions: Sequence[str], people: Labels, seed: int = 0) -> Report:
    """Rates between 0 and 1 of every encoder in every condition of the probes, and pooled.

    conditions, people: of the N probes. Each entry has rank1, rank5, map, n (probes), ci95 (of rank1), rank5_ci95,
    map_ci95, people, unusable (probes, counted as wrong), gallery, gallery_unusable, cmc, directions (rank-1 against
    gallery walks in the probe's and in the opposite direction; None where nobody has both), and against: the
    differences to every other encoder with their paired intervals. Intervals are None with one person only. The pooled
    entry has open_set, too, where it was asked for: the figures of openset.py, of the first member.
    """
    groups: dict[str, NDArray[np.int64]] = {
        condition: np.flatnonzero(np.array(conditions) == condition) for condition in dict.fromkeys(conditions)
    }
    groups[POOLED] = np.arange(len(conditions))
    tree: Report = {one.name: {} for one in compared}
    for condition, rows in groups.items():
        bootstrap = PeopleBootstrap(people[rows], seed)
        for one in compared:
            entry = _figures(one, rows, bootstrap)
            entry["directions"] = _directions(one, rows, people, seed)
            entry["against"] = {
                other.name: _difference(one, other, rows, bootstrap) for other in compared if other is not one
            }
            if condition == POOLED and one.open_set:
                entry["open_set"] = one.open_set[0]
            tree[one.name][condition] = entry
    return tree


def _figures(one: Compared, rows: NDArray[np.int64], bootstrap: PeopleBootstrap) -> dict[str, Any]:
    values = _values(one.mean, rows)
    entry: dict[str, Any] = {name: _rounded(value.mean()) for name, value in values.items()}
    entry |= {
        "n": len(rows),
        "ci95": _pair(bootstrap.interval(values["rank1"])),
        "rank5_ci95": _pair(bootstrap.interval(values["rank5"])),
        "map_ci95": _pair(bootstrap.interval(values["map"])),
        "people": bootstrap.people,
        "unusable": int((~one.mean.usable[rows]).sum()),
        "gallery": one.gallery,
        "gallery_unusable": one.gallery_unusable,
        "cmc": [_rounded(rate) for rate in one.mean.within[rows].mean(axis=0)[:CMC_RANKS]],
    }
    if len(one.members) > 1:
        entry["rank1_of_each"] = [_rounded(member.within[rows, 0].mean()) for member in one.members]
    return entry


def _directions(one: Compared, rows: NDArray[np.int64], people: Labels, seed: int) -> dict[str, Any] | None:
    wanted = np.isin(one.directions[0].rows, rows)  # usability, and so the rows, are the same for every seed
    if not wanted.any():
        return None
    bootstrap = PeopleBootstrap(people[one.directions[0].rows[wanted]], seed)
    same, opposite = (
        mean_scores([getattr(member, name) for member in one.directions]).within[wanted, 0]
        for name in ("same", "opposite")
    )
    return {
        "n": int(wanted.sum()),
        **{
            name: {"rank1": _rounded(values.mean()), "ci95": _pair(bootstrap.interval(values))}
            for name, values in (("same", same), ("opposite", opposite), ("difference", same - opposite))
        },
    }


def _difference(one: Compared, other: Compared, rows: NDArray[np.int64], bootstrap: PeopleBootstrap) -> dict[str, Any]:
    mine, theirs = _values(one.mean, rows), _values(other.mean, rows)
    rank1, precision = (mine[name] - theirs[name] for name in ("rank1", "map"))
    return {
        "rank1": _rounded(rank1.mean()),
        "ci95": _pair(bootstrap.interval(rank1)),
        "map": _rounded(precision.mean()),
        "map_ci95": _pair(bootstrap.interval(precision)),
    }


def _values(scores: Scores, rows: NDArray[np.int64]) -> dict[str, NDArray[np.float64]]:
    """What is averaged, probe by probe; with fewer than five people the fifth rank is the last."""
    last = min(5, scores.within.shape[1]) - 1
    return {"rank1": scores.within[rows, 0], "rank5": scores.within[rows, last], "map": scores.precision[rows]}


def _pair(interval: Interval | None) -> list[float] | None:
    return None if interval is None else [_rounded(interval.low), _rounded(interval.high)]


def _rounded(value: float) -> float:
    return round(float(value), 6)
