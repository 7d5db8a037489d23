"""The figures of an evaluation on labelled clips, by encoder and condition, with their intervals and differences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.research.evaluation.manifest import POOLED
from pipeline.research.evaluation.ranks import ByDirection, Labels, PeopleBootstrap, Scores, mean_scores

CMC_RANKS = 20  # the curve's length in the report

Report = dict[str, dict[str, dict[str, Any]]]  # name → condition or "pooled" → figures
Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Compared:
    """One encoder's scores on all probes; several members (seeds) count as their mean.

    directions: a member each; gallery: clips to compare with; gallery_unusable: those with too few usable frames;
    open_set: the first member's figures (openset.py), where they were computed.
    """

    name: str
    members: Sequence[Scores]
    directions: Sequence[ByDirection]
    gallery: int
    gallery_unusable: int
    open_set: dict[str, Any] | None = None

    @cached_property
    def mean(self) -> Scores:
        return mean_scores(self.members)

    def values(self, rows: Rows) -> dict[str, NDArray[np.float64]]:
        """What is averaged, probe by probe; with fewer than five people the fifth rank is the last."""
        last = min(5, self.mean.within.shape[1]) - 1
        within = self.mean.within[rows]
        return {"rank1": within[:, 0], "rank5": within[:, last], "map": self.mean.precision[rows]}


def report(compared: Sequence[Compared], conditions: Sequence[str], people: Labels, seed: int = 0) -> Report:
    """Rates between 0 and 1 of every encoder in every condition of the probes, and pooled.

    Args:
        compared: The encoders.
        conditions: Of the N probes.
        people: Of the N probes.
        seed: Of the intervals.

    Returns:
        Entries with rank1, rank5, map, n (probes), ci95 (of rank1), rank5_ci95, map_ci95, people, unusable (probes,
        counted as wrong), gallery, gallery_unusable, cmc, directions (rank-1 against gallery clips in the probe's and
        in the opposite direction; None where nobody has both), and against: the differences to every other encoder with
        their paired intervals. Intervals are None with one person only. The pooled entry has open_set, too, where it
        was computed: the figures of openset.py, of the first member.
    """
    names = np.array(conditions)
    groups = {condition: np.flatnonzero(names == condition) for condition in dict.fromkeys(conditions)}
    groups[POOLED] = np.arange(len(conditions))
    tree: Report = {one.name: {} for one in compared}
    for condition, rows in groups.items():
        bootstrap = PeopleBootstrap(people[rows], seed)
        values = {one.name: one.values(rows) for one in compared}
        for one in compared:
            mine = values[one.name]
            entry = _figures(one, rows, bootstrap)
            entry["directions"] = _directions(one, rows, people, seed)
            entry["against"] = {
                other.name: _means({key: mine[key] - values[other.name][key] for key in ("rank1", "map")}, bootstrap)
                for other in compared
                if other is not one
            }
            if condition == POOLED and one.open_set:
                entry["open_set"] = one.open_set
            tree[one.name][condition] = entry
    return tree


def _figures(one: Compared, rows: Rows, bootstrap: PeopleBootstrap) -> dict[str, Any]:
    entry = _means(one.values(rows), bootstrap)
    entry |= {
        "n": len(rows),
        "people": bootstrap.people,
        "unusable": int((~one.mean.usable[rows]).sum()),
        "gallery": one.gallery,
        "gallery_unusable": one.gallery_unusable,
        "cmc": [_rounded(rate) for rate in one.mean.within[rows].mean(axis=0)[:CMC_RANKS]],
    }
    if len(one.members) > 1:
        entry["rank1_of_each"] = [_rounded(member.within[rows, 0].mean()) for member in one.members]
    return entry


def _directions(one: Compared, rows: Rows, people: Labels, seed: int) -> dict[str, Any] | None:
    chosen = np.isin(one.directions[0].rows, rows)  # usability, and so the rows, are the same for every seed
    if not chosen.any():
        return None
    bootstrap = PeopleBootstrap(people[one.directions[0].rows[chosen]], seed)
    same, opposite = (
        mean_scores([getattr(member, name) for member in one.directions]).within[chosen, 0]
        for name in ("same", "opposite")
    )
    ways = {"same": same, "opposite": opposite, "difference": same - opposite}
    return {"n": int(chosen.sum()), **{name: _means({"rank1": rates}, bootstrap) for name, rates in ways.items()}}


def _means(values: dict[str, NDArray[np.float64]], bootstrap: PeopleBootstrap) -> dict[str, Any]:
    """The mean of each and its interval, called ci95 for rank1 and NAME_ci95 for others."""
    found: dict[str, Any] = {}
    for name, rates in values.items():
        interval = bootstrap.interval(rates)
        found[name] = _rounded(rates.mean())
        found["ci95" if name == "rank1" else f"{name}_ci95"] = interval and [_rounded(bound) for bound in interval]
    return found


def _rounded(value: float) -> float:
    return round(float(value), 6)
