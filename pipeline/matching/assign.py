"""One-to-one assignment: tracks that are seen in the same frame never share an identity.

Which tracks exclude each other is a graph. Tracks that never meet may share an identity (one person, whose track
broke), so the problem is a weighted graph colouring rather than one assignment. It is solved exactly where that is
quick:

1. each connected component of the graph on its own; a component whose members all exclude each other is a plain
   linear assignment (`lap`);
2. otherwise, a first answer by linear assignment of one clique after the other, repeated while it gets cheaper;
3. then, up to LARGEST_EXACT tracks, branch and bound from that answer, until the optimum is proven or the budget of
   steps is spent. So small problems are solved exactly, and large ones never name two tracks of one frame alike.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import lap
import numpy as np
from numpy.typing import NDArray

from pipeline.types import Tracklet

UNKNOWN = -1
LARGEST_EXACT = 64
BUDGET = 50_000  # steps of branch and bound for one component: about a second


def covisible(tracklets: Sequence[Tracklet]) -> NDArray[np.bool_]:
    """Which tracks share at least one frame of one video: N×N, symmetric, false on the diagonal."""
    count = len(tracklets)
    videos = np.array([tracklet.video for tracklet in tracklets], np.str_)
    spans = np.array([_span(tracklet) for tracklet in tracklets], np.int64).reshape(count, 2)
    first, last = spans[:, 0], spans[:, 1]
    overlap = (videos[:, None] == videos) & (first[:, None] <= last) & (first <= last[:, None])
    together = np.zeros((count, count), np.bool_)
    for i, j in np.argwhere(np.triu(overlap, 1)):  # few pairs, and their frame lists differ in length
        shared = np.isin(tracklets[i].frame_indices, tracklets[j].frame_indices, assume_unique=True)
        together[i, j] = together[j, i] = shared.any()
    return together


def _span(tracklet: Tracklet) -> tuple[int, int]:
    return (int(tracklet.frame_indices[0]), int(tracklet.frame_indices[-1])) if len(tracklet) else (0, -1)


def assign(distances: NDArray[Any], exclusive: NDArray[np.bool_], threshold: float, budget: int = BUDGET) -> list[int]:
    """The identity of every track, at the least total cost: a column of `distances`, or UNKNOWN for the threshold.

    distances: N tracks × M identities, infinite where it is not them; exclusive: N×N symmetric, tracks that must not
    share an identity.
    An identity farther than the threshold is never assigned. An infinite threshold names as many tracks as it can.
    The same input always gives the same answer, ties included.
    """
    rows, columns = distances.shape
    if exclusive.shape != (rows, rows):
        raise ValueError(f"distances {distances.shape} and exclusive {exclusive.shape} must have the same tracks")
    if columns == 0:
        return [UNKNOWN] * rows
    costs = distances.astype(np.float64)
    lowest = min(0.0, float(costs.min(initial=0.0)))  # deviations can be negative, costs here cannot
    costs, threshold = costs - lowest, threshold - lowest
    dearer_than_all = (float(costs.max(initial=0.0, where=np.isfinite(costs))) + 1) * (
        rows + 1
    )  # stands for an infinite threshold
    unknown = min(float(threshold) * (1 + 1e-9), dearer_than_all)  # at the very threshold a track is known
    answer = [UNKNOWN] * rows
    for members in _components(exclusive):
        problem = _Component(costs[members], exclusive[np.ix_(members, members)], unknown)
        for row, identity in zip(members, problem.solve(budget), strict=True):
            answer[row] = identity
    return answer


def _components(exclusive: NDArray[np.bool_]) -> Iterator[list[int]]:
    left = set(range(len(exclusive)))
    while left:
        waiting, found = [min(left)], set[int]()
        while waiting:
            row = waiting.pop()
            if row not in found:
                found.add(row)
                waiting += np.flatnonzero(exclusive[row]).tolist()
        left -= found
        yield sorted(found)


class _Component:
    """Tracks that are linked by chains of exclusion."""

    def __init__(self, costs: NDArray[np.float64], exclusive: NDArray[np.bool_], unknown: float) -> None:
        self._costs, self._unknown = costs, unknown
        self._rivals = [np.flatnonzero(row).tolist() for row in exclusive]
        self._clique = int(exclusive.sum()) == len(costs) * (len(costs) - 1)

    def solve(self, budget: int) -> list[int]:
        everybody = range(len(self._costs))
        if self._clique:
            return self._assign_clique(everybody, [UNKNOWN] * len(everybody))
        answer = self._descend()
        return self._branch_and_bound(answer, budget) if len(answer) <= LARGEST_EXACT else answer

    def _cost(self, answer: Sequence[int]) -> float:
        return float(sum(self._cost_of(row, identity) for row, identity in enumerate(answer)))

    def _cost_of(self, row: int, identity: int) -> float:
        return self._unknown if identity == UNKNOWN else float(self._costs[row, identity])

    def _descend(self) -> list[int]:
        """Assign clique after clique, the others held fixed, for as long as the total falls."""
        answer = [UNKNOWN] * len(self._costs)
        cliques = list(dict.fromkeys(self._clique_of(row) for row in range(len(answer))))
        cost = np.inf
        while (now := self._cost(answer)) < cost - 1e-12:
            cost = now
            for clique in cliques:
                better = self._assign_clique(clique, answer)
                if self._cost(better) < self._cost(answer):
                    answer = better
        return answer

    def _clique_of(self, row: int) -> tuple[int, ...]:
        """A maximal set of mutually exclusive tracks around `row`, the most entangled first."""
        clique = [row]
        for other in sorted(self._rivals[row], key=lambda rival: (-len(self._rivals[rival]), rival)):
            if all(other in self._rivals[member] for member in clique):
                clique.append(other)
        return tuple(sorted(clique))

    def _assign_clique(self, clique: Sequence[int], answer: Sequence[int]) -> list[int]:
        """The best identities of mutually exclusive tracks, given those of all others."""
        members = list(clique)
        costs = self._costs[members]
        for position, row in enumerate(members):
            taken = {answer[rival] for rival in self._rivals[row] if rival not in members} - {UNKNOWN}
            costs[position, list(taken)] = np.inf
        # One of a track's cheapest len(members) identities is always left by the others: no need to look farther.
        columns = np.unique(np.argsort(costs, axis=1, kind="stable")[:, : len(members)])
        own = np.full((len(members), len(members)), self._unknown)  # being unknown: a column for each of them
        table = np.concatenate([costs[:, columns], own], axis=1)
        table[table > self._unknown] = 2 * self._unknown * (len(members) + 1) + 1  # finite, and never worth it
        _, chosen, _ = lap.lapjv(table, extend_cost=True)
        better = list(answer)
        for position, row in enumerate(members):
            better[row] = int(columns[chosen[position]]) if chosen[position] < len(columns) else UNKNOWN
        return better

    def _branch_and_bound(self, best: list[int], budget: int) -> list[int]:
        """Depth first, the most entangled track first, its cheapest identity first; bounded by everybody's cheapest."""
        order = sorted(range(len(best)), key=lambda row: (-len(self._rivals[row]), row))
        options = [self._options(row) for row in range(len(best))]
        rest = [0.0] * (len(order) + 1)  # lower bound of what the tracks from a depth on cost
        for depth in range(len(order) - 1, -1, -1):
            rest[depth] = rest[depth + 1] + options[order[depth]][0][0]
        least, steps = self._cost(best), 0
        answer: list[int | None] = [None] * len(best)

        def search(depth: int, spent: float) -> None:
            nonlocal best, least, steps
            if depth == len(order):
                best, least = [UNKNOWN if identity is None else identity for identity in answer], spent
                return
            row = order[depth]
            taken = {answer[rival] for rival in self._rivals[row]}
            for cost, identity in options[row]:
                if spent + cost + rest[depth + 1] >= least - 1e-12 or steps >= budget:
                    break
                if identity == UNKNOWN or identity not in taken:
                    steps += 1
                    answer[row] = identity
                    search(depth + 1, spent + cost)
            answer[row] = None

        search(0, 0.0)
        return best

    def _options(self, row: int) -> list[tuple[float, int]]:
        """(cost, identity) that can be part of an optimum, cheapest first; being unknown is the last of them."""
        known = sorted((float(cost), column) for column, cost in enumerate(self._costs[row]) if cost <= self._unknown)
        # Its rivals cannot take all of the cheapest len(rivals) + 1, so it never needs one beyond them.
        return [*known[: len(self._rivals[row]) + 1], (self._unknown, UNKNOWN)]
