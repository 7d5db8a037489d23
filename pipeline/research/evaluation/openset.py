"""The open set: some people are enrolled, the others are strangers who must stay unknown.

Who is enrolled is drawn again and again. Every probe clip is a search: of an enrolled person it should name that
person, of a stranger nobody. The searches of all draws together give one threshold for a false positive rate and the
rate of right names at it. Intervals are bootstrap over people, who count in every draw as often as they are drawn.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.matching.confidence import left_out_in_turn, nearest_and_gap, share_at, threshold_at
from pipeline.research.evaluation.ranks import FloatMatrix, Labels, person_distances

RATES = (0.01, 0.1)
SPLITS = 50
DRAWS = 1000
DET_POINTS = np.unique(np.round(np.geomspace(0.002, 1, 60), 6))

Enrolled = NDArray[np.bool_]  # of P people
Distances = Callable[[Enrolled], FloatMatrix]  # N probes × M gallery clips, infinite where not enrolled or unusable


@dataclass(frozen=True, slots=True)
class Searches:
    """All searches of all draws.

    probe: which clip; person: whose; enrolled: whether that person was; nearest: the distance of the nearest person;
    gap: how much farther the next one is; right: whether the nearest is the right one.
    """

    probe: NDArray[np.int64]
    person: Labels
    enrolled: NDArray[np.bool_]
    nearest: NDArray[np.float64]
    gap: NDArray[np.float64]
    right: NDArray[np.bool_]


def draw_splits(people: int, splits: int = SPLITS, seed: int = 0) -> list[Enrolled]:
    """Half of the people, drawn anew each time."""
    rng = np.random.default_rng(seed)
    return [np.isin(np.arange(people), rng.permutation(people)[: people // 2]) for _ in range(splits)]


def search(distances: Distances, probe_people: Labels, gallery_people: Labels, splits: Sequence[Enrolled]) -> Searches:
    """Search for every probe in every draw; those that cannot be used are never found, and never falsely."""
    parts = []
    for enrolled in splits:
        to_people = person_distances(distances(enrolled), gallery_people, len(enrolled))
        nearest, gap = nearest_and_gap(to_people)
        own = to_people[np.arange(len(to_people)), probe_people]
        right = np.isfinite(own) & ((to_people <= own[:, None]).sum(axis=1) == 1)  # ties count against us
        parts.append(Searches(np.arange(len(nearest)), probe_people, enrolled[probe_people], nearest, gap, right))
    return Searches(*(np.concatenate([getattr(part, name) for part in parts]) for name in Searches.__slots__))


def open_set_figures(searches: Searches, people: int, splits: int, seed: int = 0) -> dict[str, Any]:
    """TPIR at each FPIR with its interval, the DET curve, and how well confidences are calibrated.

    Rates between 0 and 1. "tpir@fpir=0.01": {tpir, ci95, threshold, enough}: `enough` is whether a single draw has the
    strangers' searches that this rate asks for; where it is false, the same clips in several draws had to do.
    """
    strangers = ~searches.enrolled
    per_split = strangers.sum() / splits
    figures: dict[str, Any] = {
        "enrolled": people // 2,
        "people": people,
        "splits": splits,
        "searches": len(searches.person),
        "strangers_clips": round(float(per_split), 1),
    }
    weights = (
        np.random.default_rng(seed).multinomial(people, np.full(people, 1 / people), size=DRAWS).astype(np.float64)
    )
    for rate in RATES:
        threshold, tpir = _tpir(searches, rate)
        drawn = [_tpir(searches, rate, counts[searches.person])[1] for counts in weights]
        drawn = [value for value in drawn if math.isfinite(value)]
        interval = [round(float(v), 6) for v in np.percentile(drawn, [2.5, 97.5])] if len(drawn) > 1 else None
        figures[f"tpir@fpir={rate:g}"] = {
            "tpir": _number(tpir),
            "ci95": interval,
            "threshold": _number(threshold),
            "enough": bool(rate * per_split >= 1),
        }
    figures["det"] = {
        "fpir": [float(rate) for rate in DET_POINTS],
        "fnir": [_number(1 - _tpir(searches, float(rate))[1]) for rate in DET_POINTS],
    }
    figures["confidence"] = _confidence(searches)
    return figures


def equal_error_rate(distances: FloatMatrix, probe_people: Labels, gallery_people: Labels, people: int) -> float:
    """Verification: where as many claims of others pass as right claims fail; every probe claims to be everybody.

    Claims with clips that cannot be used always fail.
    """
    to_people = person_distances(distances, gallery_people, people)
    own = np.zeros(to_people.shape, np.bool_)
    own[np.arange(len(own)), probe_people] = True
    genuine, others = np.sort(to_people[own]), np.sort(to_people[~own])
    finite = np.unique(to_people[np.isfinite(to_people)])
    if not len(finite) or not len(others):
        return math.nan
    missed = 1 - np.searchsorted(genuine, finite, side="right") / len(genuine)
    passed = np.searchsorted(others, finite, side="right") / len(others)
    at = int(np.argmin(np.abs(missed - passed)))
    return float((missed[at] + passed[at]) / 2)


def _tpir(searches: Searches, rate: float, weights: NDArray[np.float64] | None = None) -> tuple[float | None, float]:
    weights = np.ones(len(searches.person)) if weights is None else weights
    strangers, enrolled = ~searches.enrolled, searches.enrolled
    threshold = threshold_at(rate, searches.nearest[strangers], weights[strangers])
    if threshold is None:
        return None, math.nan
    return threshold, share_at(threshold, searches.nearest[enrolled], searches.right[enrolled], weights[enrolled])


def _confidence(searches: Searches) -> dict[str, Any] | None:
    """How reliable confidences are; None where nothing can be fitted."""
    found = left_out_in_turn(searches.nearest, searches.gap, searches.right, searches.person)
    if found is None:
        return None
    return {
        "said": [_number(value) for value in found.said],
        "happened": [_number(value) for value in found.happened],
        "count": found.count.tolist(),
        "ece": _number(found.error),
        "brier": _number(found.brier),
    }


def _number(value: float | None) -> float | None:
    return round(float(value), 6) if value is not None and math.isfinite(value) else None
