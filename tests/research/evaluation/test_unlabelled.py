"""How honest "unknown" is without a labelled clip, on people whose distances are known."""

from __future__ import annotations

import json
from functools import cache

import numpy as np

from pipeline.commands.evaluate import show_unlabelled
from pipeline.config import MatchingConfig
from pipeline.matching.scores import Cohort
from pipeline.research.evaluation.openset import draw_splits
from pipeline.research.evaluation.unlabelled import without_labels
from pipeline.types import Embedding

PEOPLE, WALKS = 12, 4
SHARES = ("fpir", "named_strangers", "named_rightly")


def walks(people, apart, seed):
    """WALKS points in six dimensions around each person's own, and whose they are."""
    rng = np.random.default_rng(seed)
    whose = np.repeat(np.arange(people), WALKS)
    points = apart * rng.standard_normal((people, 6))[whose] + rng.standard_normal((len(whose), 6))
    embeddings = [Embedding("v", n, one[:, None].astype(np.float32), "points", "", 30) for n, one in enumerate(points)]
    return embeddings, whose


@cache
def figures(people, apart):
    found, whose = walks(people, apart, seed=1)
    cohort, others = walks(40, apart, seed=2)
    probe = np.arange(len(whose)) % WALKS > 0  # one walk of each is enrolled

    def side(wanted):
        return [one for one, taken in zip(found, wanted, strict=True) if taken]

    return without_labels(
        side(probe),
        side(~probe),
        (whose[probe], whose[~probe]),
        lambda: Cohort(cohort, others.tolist()),
        MatchingConfig(metric="euclidean"),
        draw_splits(people, 10),
    )


def test_people_who_are_far_apart_are_named_and_few_strangers_are():
    far, near = figures(PEOPLE, apart=6), figures(PEOPLE, apart=0.2)
    assert far["named_rightly"] > 0.8 and near["named_rightly"] < 0.2
    assert far["right"] > 0.9 and far["named_strangers"] < 0.1


def test_shares_have_intervals_over_people_that_hold_them():
    found = figures(PEOPLE, apart=2)
    for name in SHARES:
        low, high = found[f"{name}_ci95"]
        assert 0 <= low <= found[name] <= high <= 1 and high - low > 0.02
    assert json.loads(json.dumps(found)) == found


def test_intervals_are_printed_with_the_shares(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "240")
    found = figures(PEOPLE, apart=2)
    show_unlabelled({"points": {"unlabelled": found}})
    low, high = (round(100 * bound) for bound in found["named_rightly_ci95"])
    assert f"{100 * found['named_rightly']:.1f} [{low}–{high}]" in capsys.readouterr().out
