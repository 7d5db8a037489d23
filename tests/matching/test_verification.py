"""One walk against one: how likely they are one person's, how sure that is, and what agrees."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.config import MatchingConfig
from pipeline.errors import ConfigError
from pipeline.matching.scores import Cohort, Comparison
from pipeline.matching.verification import Alikeness, PairEvidence, Verdict, apart
from pipeline.types import Embedding

VALUES = 6  # of a walk: people are points, their walks lie around them
HOW = Comparison(MatchingConfig(metric="euclidean"))


def walks(seed, people, each, spread=0.5):
    draw = np.random.default_rng(seed)
    whose = np.repeat(np.arange(people), each)
    values = draw.normal(0, 1, (people, VALUES))[whose] + draw.normal(0, spread, (len(whose), VALUES))
    found = [Embedding("v", n, one[:, None].astype(np.float32), "m", "", 30) for n, one in enumerate(values, 1)]
    return found, whose


@pytest.fixture(scope="module")
def evidence():
    made_up, whose = walks(7, 60, 3)
    return PairEvidence.of(Cohort(made_up, whose.tolist()), HOW)


@pytest.fixture(scope="module")
def judged(evidence):
    """The verdicts on pairs of other people's walks, by whether they are one person's."""
    every, whose = walks(100, 30, 2)
    between = apart(every, every, HOW)
    pairs = [(i, j) for i in range(60) for j in range(i)]
    found = [(Verdict.of(evidence.draws(between[i : i + 1, j : j + 1])), whose[i] == whose[j]) for i, j in pairs]
    return {side: [verdict for verdict, same in found if same == side] for side in (True, False)}


def test_one_person_is_rarely_called_two_and_two_are_rarely_called_one(judged):
    said = {side: [verdict.same for verdict in verdicts] for side, verdicts in judged.items()}
    assert said[True].count(False) <= 0.1 * len(said[True]) and said[False].count(True) <= 0.05 * len(said[False])
    assert said[True].count(True) >= 0.3 * len(said[True]) and said[False].count(False) >= 0.5 * len(said[False])


def test_a_verdict_is_given_only_where_the_interval_leaves_no_doubt(judged):
    for verdict in (*judged[True], *judged[False]):
        low, high = verdict.interval
        assert 0 <= low <= verdict.probability <= high <= 1
        assert verdict.same is (True if low > 0.5 else False if high < 0.5 else None)


def test_who_is_seen_beside_them_tells_how_far_people_are_apart_here(evidence):
    """The same distance is near where others are far, and far where everybody is near."""
    usual = evidence.usual()
    found = np.full((1, 1), 0.6 * usual)
    far, near = (Verdict.of(evidence.draws(found, np.full(8, times * usual))) for times in (1.2, 0.6))
    assert far.probability > Verdict.of(evidence.draws(found)).probability > near.probability
    assert far.same is True and near.same is not True


def test_a_walk_that_varies_widens_the_interval(evidence):
    level = 0.7 * evidence.usual()
    steady, varied = np.full((3, 3), level), level + np.array([[-0.5], [0.0], [0.5]]) * np.ones(3)
    (low, high), (lower, higher) = (Verdict.of(evidence.draws(found)).interval for found in (steady, varied))
    assert lower < low - 0.02 and higher > high + 0.02


def test_the_same_walks_give_the_same_answer(evidence):
    found = np.full((2, 2), evidence.usual())
    assert np.array_equal(evidence.draws(found), evidence.draws(found))


def test_settings_that_learn_from_many_people_want_a_cohort():
    every, _whose = walks(1, 4, 2)
    how = Comparison(MatchingConfig(transform="lda"))
    with pytest.raises(ConfigError, match=r"Set matching\.cohort"):
        apart(every[:1], every[1:], how)
    cohort = Cohort(*walks(2, 10, 3))
    assert apart(every[:1], every[1:], Comparison(how.config, cohort)).shape == (1, 7)


def test_what_differs_as_between_two_people_does_not_agree():
    draw = np.random.default_rng(0)
    people = np.repeat(np.arange(20), 3)
    values = draw.normal(0, 1, 20)[people] + draw.normal(0, 0.2, 60)
    cohort = np.repeat(np.abs(values[:, None] - values)[..., None], 3, axis=2)
    (near, one, yes), (far, _, no), (missing, _, neither) = Alikeness.of(
        np.array([0.1, 1.5, np.nan]), cohort, people
    ).shares()
    assert near < one < 0.5 < far and yes and not no
    assert np.isnan(missing) and not neither
