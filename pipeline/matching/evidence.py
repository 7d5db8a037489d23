"""What a distance says: the probability that two walks are one person's, learnt without anybody's name.

People here, on this camera, are compared with one another already. Nearly every distance of a probe walk to the
enrolled is one between different people. So the run itself tells which distances are usual, for each walk and for each
of the enrolled (S-norm: Kenny, Odyssey 2010, with the enrolled in the cohort's place); what is left is told in
deviations. How much a deviation is worth comes from made-up people whom the same encoder looked at and whose names are
known: searches among them are simulated, and a conditional logit (McFadden 1974) is fitted on the answers, and on those
that a person has told.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

FPIR = 0.1  # share of the searches for strangers that may come as near as the limit
FROM_HERE = 20  # distances between people of this run, from which on "usual" is told from the run

# For how many distances it counts: what is usual of everybody, in what is usual of one walk and of one enrolled person;
# and what is known before, in what is found.
ROWS = COLUMNS = USUAL = 4.0
DRAWS, SEED = 100, 1
MADE_UP = 50.0  # for how many searches whose answer a person told those among made-up people count
STEPS, ROUNDS = 30, 60
APART = (1.0, 0.85, 0.7, 0.55, 0.4)
STEEPEST = 60.0  # of logarithms of odds
SETTLED = 1e12  # odds of what a person said
NORMAL = NormalDist()


@dataclass(frozen=True, slots=True)
class Usual:
    """How far walks of different people are apart. pairs: how many distances of this run stand behind it."""

    mean: float
    deviation: float
    pairs: int = 0

    @classmethod
    def of(cls, distances: Floats, before: Usual | None = None) -> Usual:
        """Of distances between different people. Infinite ones tell nothing.

        before: of other people; only how widely they spread, given their mean, is taken over. It counts as two of them.
        """
        seen = distances[np.isfinite(distances)]
        if not len(seen):
            return before or NOTHING_KNOWN
        mean, squares, count = float(seen.mean()), float(seen.var()) * len(seen), len(seen)
        if before is not None:
            larger = mean / before.mean if before.mean > before.deviation else 1.0
            squares, count = squares + 2 * (before.deviation * larger) ** 2, count + 2
        return cls(mean, max(math.sqrt(squares / count), 1e-9), len(seen))


NOTHING_KNOWN = Usual(1.0, 1.0)


@dataclass(frozen=True, slots=True)
class Judged:
    """A search whose answer a person told: a pair of one person, and pairs of two.

    own: the deviation of the right one of those who were searched; None where it is nobody of them. others: those of
    the others; far ones may be missing. people: how many were searched.
    """

    own: float | None
    others: tuple[float, ...]
    people: int


def deviations(distances: Floats, usual: Usual, aside: int = 1) -> Floats:
    """Take the middle of each row and of each column from N×M distances, and divide by what is left of their spread.

    The nearest of a row may be the walk's own person, so it does not count for what is usual.

    Args:
        distances: N×M.
        usual: What is known before.
        aside: How many of the nearest of each row do not count.
    """
    rows, columns = distances.shape
    counted = np.isfinite(distances).astype(np.float64)
    if rows and columns > aside:
        np.put_along_axis(counted, np.argpartition(distances, aside - 1, axis=1)[:, :aside], 0, axis=1)
    values = np.where(np.isfinite(distances), distances, 0.0)
    of_row, of_column, mean = np.zeros(rows), np.zeros(columns), usual.mean
    for _ in range(5):
        left = values - of_row[:, None] - of_column
        mean = (USUAL * usual.mean + (counted * left).sum()) / (USUAL + counted.sum())
        of_row = (counted * (values - mean - of_column)).sum(axis=1) / (counted.sum(axis=1) + ROWS)
        of_column = (counted * (values - mean - of_row[:, None])).sum(axis=0) / (counted.sum(axis=0) + COLUMNS)
    left = values - mean - of_row[:, None] - of_column
    learnt = sum((side / (side + prior)).sum() for side, prior in ((counted.sum(1), ROWS), (counted.sum(0), COLUMNS)))
    freedom = max(float(counted.sum() - learnt), 1.0)
    spread = (USUAL * usual.deviation**2 + (counted * left**2).sum()) / (USUAL + freedom)
    deviation = math.sqrt(max(spread, 1e-18))
    return np.where(np.isfinite(distances), left / deviation, np.inf)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What deviations are worth in a search among `people` enrolled.

    slope, offset: the logarithm of how much likelier a deviation z is between walks of one person than between those of
    two is −slope·z − offset. limit: as near as this come strangers in one search of ten. spread: the share of strangers
    that came as near in the simulated searches, 2.5th and 97.5th percentile over groups of as many strangers.
    """

    people: int
    slope: float
    offset: float
    limit: float
    spread: tuple[float, float]

    def ratio(self, deviation: Floats, apart: float = 1.0) -> Floats:
        """The logarithm of the likelihood ratio.

        apart: by what share of the made-up people's separation one's own walks are nearer here.
        """
        return np.clip(-apart * self.slope * deviation - apart**2 * self.offset, -STEEPEST, STEEPEST)

    @property
    def alike(self) -> float:
        """The deviation at which two walks are as likely one person's as two people's."""
        return -self.offset / self.slope


@dataclass(frozen=True)  # without slots: what is derived is kept
class CohortDistances:
    """K walks of made-up people, compared with one another as the run's are. between: K×K; people: K, whose each is."""

    between: Floats
    people: NDArray[np.int64]

    @cached_property
    def usual(self) -> Usual:
        """Of walks of different people."""
        found = Usual.of(self.between[self.people[:, None] != self.people])
        return Usual(found.mean, found.deviation)

    def evidence(self, people: int, templates: int = 1, judged: Sequence[Judged] = ()) -> Evidence:
        """What a deviation is worth in a search among so many people with so many templates each.

        A cohort of P people can play a gallery of P/2; for more people the limit goes on as a normal distribution's.
        Every search whose answer a person told counts as much as a share 1 / MADE_UP of those that are played.
        """
        played = max(1, min(people, len(self._walks) // 2))
        searches = [self._search(np.random.default_rng([SEED, draw]), played, templates) for draw in range(DRAWS)]
        found = np.concatenate([values for values, _ in searches])
        own = np.concatenate([same for _, same in searches])
        slope, offset = fit_logit(found, own, judged)
        nearest = [values[~same.any(axis=1)].min(axis=1) for values, same in searches]
        strangers = np.concatenate(nearest)
        as_near = [min(one.others) + _one_of(played) - _one_of(one.people) for one in judged if one.own is None]
        each = round(len(strangers) / (MADE_UP / 2))  # half of those that are played are for strangers
        told = np.repeat(np.array(as_near), each)
        limit = float(np.quantile(np.concatenate([strangers, told]), FPIR))
        low, high = np.quantile([(one <= limit).mean() for one in nearest], [0.025, 0.975])
        more = _one_of(people) - _one_of(played)
        return Evidence(people, slope, offset, limit + more, (float(low), float(high)))

    @cached_property
    def _walks(self) -> dict[int, NDArray[np.int64]]:
        """Which rows of `between` are each person's."""
        return {person: np.flatnonzero(self.people == person) for person in np.unique(self.people).tolist()}

    def _search(self, draw: np.random.Generator, enrolled: int, templates: int) -> tuple[Floats, NDArray[np.bool_]]:
        """Deviations of the other walks of enrolled and of as many strangers; which of them are of the same person."""
        chosen = draw.permutation(list(self._walks))[: 2 * enrolled]
        gallery, probes = [], []
        for place, person in enumerate(chosen.tolist()):
            walks = draw.permutation(self._walks[person])
            kept = min(templates, len(walks) - 1) if place < enrolled else 0
            gallery += [walks[:kept]] if place < enrolled else []
            probes += walks[kept:].tolist()
        rows, owners = np.concatenate(gallery), np.repeat(np.arange(len(gallery)), list(map(len, gallery)))
        first = np.searchsorted(owners, np.arange(len(gallery)))
        nearest = np.minimum.reduceat(self.between[np.ix_([*probes, *rows], rows)], first, axis=1)
        distances, within = nearest[: len(probes)], nearest[len(probes) :]
        same = self.people[probes][:, None] == chosen[:enrolled]
        others = within[owners[:, None] != np.arange(len(gallery))]
        return deviations(distances, Usual.of(others, self.usual)), same


def posteriors(
    found: Floats, exclusive: NDArray[np.bool_], evidence: Evidence, settled: Mapping[int, int] | None = None
) -> Floats:
    """How likely each of M people is, and, last, nobody of them: N×(M+1), rows sum to 1.

    How many of the walks are of enrolled people is estimated from all of them together. So is whether one's own walks
    are nearer here by as much as among made-up people, or by less, as in other views and clothes. Tracks that were seen
    together are not one person: belief propagation for data association (Williams and Lau, IEEE T-AES 50, 2014) reckons
    with it.

    Args:
        found: N×M deviations.
        exclusive: N×N, who was seen together.
        evidence: What deviations are worth.
        settled: By row, the column that a person said it is, −1 for nobody. Such rows tell of the others, too.
    """
    rows, columns = found.shape
    settled = settled or {}
    if not rows or not columns:
        return np.ones((rows, columns + 1))
    people, others = max(evidence.people, columns), exclusive.sum(axis=1)
    shares = np.linspace(0.02, 0.98, 49)
    fewer = np.array([_left_over(people, share, others) for share in shares])  # 49×N
    best = -math.inf
    for apart in APART:
        ratio = evidence.ratio(found, apart)
        weight = np.exp(ratio).sum(axis=1) / fewer
        each = np.log((1 - shares)[:, None] + shares[:, None] * weight)
        for row, column in settled.items():
            stranger = column < 0 or not np.isfinite(found[row, column])  # to the walks of that person that are there
            each[:, row] = np.log(1 - shares if stranger else shares * np.exp(ratio[row, column]) / fewer[:, row])
        likely = each.sum(axis=1) + np.log(shares * (1 - shares))
        at = int(likely.argmax())
        if likely[at] > best:
            best = float(likely[at])
            odds = np.exp(ratio) * (shares[at] / (1 - shares[at]) / fewer[at])[:, None]
    for row, column in settled.items():
        odds[row] = np.where(np.arange(columns) == column, SETTLED, 0.0)
    free = np.ones_like(odds)  # what the others say of each person: not theirs
    for _ in range(ROUNDS if exclusive.any() else 0):
        claimed = odds / np.maximum(1 + (odds * free).sum(axis=1, keepdims=True) - odds * free, 1e-12)
        before, free = free, 1 / (1 + exclusive.astype(np.float64) @ claimed)
        if np.abs(free - before).max() < 1e-9:
            break
    weights = np.concatenate([odds * free, np.ones((rows, 1))], axis=1)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


def _left_over(people: int, share: float, others: NDArray[np.int64]) -> Floats:
    """Among how many people a walk has to choose, in the mean, when others in the same frames have chosen: N.

    share: of the walks, how many are of enrolled people; others: N, how many were seen together with each.
    """
    taken = np.clip(share * (others + 1), 1, people)
    ways = np.array([math.lgamma(people + 1) - math.lgamma(people - one + 1) for one in taken.tolist()])
    return np.asarray(np.exp(ways / taken))


def _one_of(people: int) -> float:
    """The deviation that the nearest of so many undercuts in one search of ten, were they normal."""
    return NORMAL.inv_cdf(1 - (1 - FPIR) ** (1 / max(people, 1)))


def fit_logit(found: Floats, own: NDArray[np.bool_], judged: Sequence[Judged] = ()) -> tuple[float, float]:
    """Slope and offset of the conditional logit of N searches among M people; strangers as often as enrolled.

    found: N×M deviations; own: N×M, which of them are of the walk's own person; judged: further searches.
    """
    share = float(own.any(axis=1).mean())
    prior, weight = np.full(len(found), math.log(share / found.shape[1] / (1 - share))), np.ones(len(found))
    if judged:
        known = (sum(one.own is not None for one in judged) + 1) / (len(judged) + 2)
        more, theirs = _as_rows(judged, found.shape[1])
        weight = np.append(weight, np.full(len(judged), len(found) / MADE_UP))
        prior = np.append(prior, [math.log(known / one.people / (1 - known)) for one in judged])
        wide = ((0, 0), (0, more.shape[1] - found.shape[1]))
        found = np.concatenate([np.pad(found, wide, constant_values=np.inf), more])
        own = np.concatenate([np.pad(own, wide), theirs])
    there = np.isfinite(found)
    values, weight = np.where(there, found, 0.0), weight / weight.sum()
    weights = np.array([1.0, 0.5])
    features = np.stack([-values, -np.ones_like(values)], axis=-1)  # N×M×2
    for _ in range(STEPS):
        odds = there * np.exp(np.clip(features @ weights + prior[:, None], -STEEPEST, STEEPEST))
        likely = odds / (1 + odds.sum(axis=1, keepdims=True))
        gradient = ((own - likely)[..., None] * features).sum(axis=1).T @ weight - 1e-3 * weights
        mean = (likely[..., None] * features).sum(axis=1)
        squares = np.einsum("nm,nmi,nmj->ij", weight[:, None] * likely, features, features)
        step = np.linalg.solve(squares - mean.T @ (weight[:, None] * mean) + 1e-3 * np.eye(2), gradient)
        weights = weights + step * min(1.0, 1.0 / max(float(np.abs(step).max()), 1e-12))
        if np.abs(step).max() < 1e-7:
            break
    return max(float(weights[0]), 0.05), float(weights[1])


def _as_rows(judged: Sequence[Judged], columns: int) -> tuple[Floats, NDArray[np.bool_]]:
    """Deviations of searches that a person told of, the right one first, and where that is; infinite where no more are.

    columns: at least so many.
    """
    width = max(columns, *(1 + len(one.others) for one in judged))
    found, own = np.full((len(judged), width), np.inf), np.zeros((len(judged), width), np.bool_)
    for row, one in enumerate(judged):
        found[row, 1 : 1 + len(one.others)] = one.others
        if one.own is not None:
            found[row, 0], own[row, 0] = one.own, True
    return found, own
