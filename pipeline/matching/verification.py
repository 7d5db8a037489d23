"""Verification: the probability that two walks are one person's, and how far that probability can be relied on.

No gallery is searched, so nothing but the two walks, whoever was seen beside them, and made-up people say what their
distance is worth. Four things are not known from two walks, and each is drawn again and again (Efron and Tibshirani,
An Introduction to the Bootstrap, 1993): which made-up people there happen to be; which stretch of each walk was filmed;
how far people are apart on this camera; and by how much nearer a person's own walks are than two people's, given other
views and clothes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import ConfigError
from pipeline.matching.evidence import APART, SEED, STEEPEST, Floats, Usual, fit_logit
from pipeline.matching.scores import Cohort, Comparison, scores
from pipeline.types import Embedding

PRIOR = 0.5  # of "the same person", before anybody has looked
FITS, DRAWS = 100, 2000  # of made-up people; of everything together
GUESSED = 2.0  # for how many distances to people who were seen here that counts which made-up people tell
ONE_CAMERA = (0.55, 1.0)  # how far people are apart on one camera, beside made-up people, who are filmed by many each
INTERVAL = 0.9  # share of the draws that lie in it
NOBODY = np.zeros(0)


@dataclass(frozen=True, slots=True)
class PairEvidence:
    """What the distance of two walks says, as F draws of made-up people tell it.

    Attributes:
        means, deviations: Of distances between two people: F each.
        slopes, offsets: The logarithm of how much likelier z deviations are between walks of one person than between
            those of two is −slope·z − offset: F each.
    """

    means: Floats
    deviations: Floats
    slopes: Floats
    offsets: Floats

    @classmethod
    def of(cls, cohort: Cohort, how: Comparison) -> PairEvidence:
        """Fit a logistic regression on pairs of walks, as many of one person as of two, in every draw of people.

        Args:
            cohort: Made-up people as the encoder sees them.
            how: How walks are compared.
        """
        between = apart(cohort.embeddings, cohort.embeddings, how)
        whose, person = np.unique(np.array(cohort.people), return_inverse=True)
        walks = [np.flatnonzero(person == one) for one in range(len(whose))]
        found = []
        for number in range(FITS):
            draw = np.random.default_rng([SEED, number])
            drawn = draw.choice(len(whose), len(whose)).tolist()
            own = np.concatenate([_pairs(between[np.ix_(walks[one], walks[one])]) for one in drawn])
            rows = np.concatenate([walks[one] for one in drawn])
            others = between[np.ix_(rows, rows)][person[rows][:, None] != person[rows]]
            usual = Usual.of(others)
            z = (np.concatenate([own, draw.choice(others, len(own))]) - usual.mean) / usual.deviation
            same = np.arange(len(z)) < len(own)
            found.append((usual.mean, usual.deviation, *fit_logit(z[:, None], same[:, None])))
        return cls(*np.array(found).T)

    def draws(self, stretches: Floats, strangers: Floats = NOBODY) -> Floats:
        """The probability that two walks are one person's, in DRAWS draws of all that is not known.

        Args:
            stretches: R×S distances of R stretches of the one walk to S stretches of the other, each as long as the
                made-up people's walks: the distance of shorter ones is larger, by chance alone.
            strangers: Distances of either walk to people who are not its own: they say how far people are apart here.
        """
        draw = np.random.default_rng(SEED)
        fit, nearer = np.arange(DRAWS) % len(self.means), draw.choice(APART, DRAWS)
        shifts = sum(
            draw.choice(means - means.mean(), DRAWS) / math.sqrt(max(len(means) - 1, 1))
            for means in (stretches.mean(axis=1), stretches.mean(axis=0))
        )
        mean, deviation = self._usual(draw.uniform(*ONE_CAMERA, DRAWS), strangers)
        z = (stretches.mean() + shifts - mean) / deviation
        ratio = -nearer * self.slopes[fit] * z - nearer**2 * self.offsets[fit]
        odds = np.exp(np.clip(ratio, -STEEPEST, STEEPEST)) * PRIOR / (1 - PRIOR)
        return np.asarray(odds / (1 + odds))

    def usual(self, strangers: Floats = NOBODY) -> float:
        """The mean distance between two people here, as it is taken to be."""
        return float(self._usual(np.full(DRAWS, np.mean(ONE_CAMERA)), strangers)[0].mean())

    def _usual(self, camera: Floats, strangers: Floats) -> tuple[Floats, Floats]:
        """Mean and deviation of distances between two people, in each draw.

        Made-up people count as much as GUESSED distances to people who were seen here.
        """
        fit = np.arange(DRAWS) % len(self.means)
        means, deviations = self.means[fit], self.deviations[fit]
        positive = means > deviations  # normalised scores lie around 0, whatever the camera
        before = np.where(positive, camera, 1) * means
        mean = (GUESSED * before + strangers.sum()) / (GUESSED + len(strangers))
        return mean, deviations * np.where(positive, mean / np.where(positive, means, 1), 1)


@dataclass(frozen=True, slots=True)
class Verdict:
    """probability: that the two are one person, from the mean of the draws; interval: INTERVAL of them lie in it."""

    probability: float
    interval: tuple[float, float]

    @classmethod
    def of(cls, draws: Floats) -> Verdict:
        low, high = np.quantile(draws, [(1 - INTERVAL) / 2, (1 + INTERVAL) / 2])
        return cls(float(draws.mean()), (float(low), float(high)))

    @property
    def same(self) -> bool | None:
        """None where the interval reaches to both sides of one half: nothing can be told."""
        low, high = self.interval
        return True if low > PRIOR else False if high < PRIOR else None


@dataclass(frozen=True, slots=True)
class Alikeness:
    """How far two walks differ in M measures, and how far others do.

    Attributes:
        differences: M.
        two_people: M, the median difference between walks of two made-up people.
        one_person: M, the same between walks of one.
    """

    differences: Floats
    two_people: Floats
    one_person: Floats

    @classmethod
    def of(cls, differences: Floats, cohort: Floats, people: NDArray[np.int64]) -> Alikeness:
        """differences: M, not a number where a measure is missing; cohort: K×K×M between K walks; people: whose."""
        upper = np.triu(np.ones((len(people), len(people)), np.bool_), 1)
        own = people[:, None] == people
        return cls(differences, *(np.nanmedian(cohort[upper & which], axis=0) for which in (~own, own)))

    def shares(self) -> list[tuple[float, float, bool]]:
        """Of each measure: the difference and one person's as shares of two people's; whether it is nearer to one's."""
        share, own = (values / np.maximum(self.two_people, 1e-9) for values in (self.differences, self.one_person))
        return list(zip(share.tolist(), own.tolist(), (share < (own + 1) / 2).tolist(), strict=True))


def apart(some: Sequence[Embedding], others: Sequence[Embedding], how: Comparison) -> Floats:
    """Distances of N walks to M others, N×M, where nobody is enrolled.

    Raises ConfigError for embeddings that cannot be compared, and for settings that learn from many people without a
    cohort: two walks are no gallery.
    """
    if wants_a_gallery(how):
        raise ConfigError(
            "matching.transform and matching.score_norm learn from many people, and here are two. Set matching.cohort, "
            "or leave them out."
        )
    return scores(some, others, [""] * len(others), how)


def wants_a_gallery(how: Comparison) -> bool:
    """Whether the settings learn from many people, and no cohort is there to learn from."""
    return how.cohort is None and (how.config.transform != "none" or how.config.score_norm != "none")


def _pairs(between: Floats) -> Floats:
    """Each pair once."""
    return np.asarray(between[np.triu_indices(len(between), 1)])
