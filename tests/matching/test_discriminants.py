"""LDA on walks whose covariances are known."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.errors import ConfigError
from pipeline.matching.discriminants import fit, shrunk_covariance, stack_parts
from pipeline.matching.distance import distance_matrix
from pipeline.matching.scores import Comparison, scores
from pipeline.profiles import load_config
from pipeline.types import Embedding

PARTS, VALUES, PEOPLE = 3, 6, 20


def walks(rng, per_person, within, between=1.0):
    """Walks of PEOPLE people whose means differ in all directions alike and whose walks differ by `within` (C×C)."""
    means = between * rng.standard_normal((PEOPLE, PARTS, VALUES))
    people = np.repeat(np.arange(PEOPLE), per_person)
    spread = rng.standard_normal((len(people), PARTS, VALUES)) @ np.linalg.cholesky(within).T
    return [walk(parts, i) for i, parts in enumerate(means[people] + spread)], people


def mixed(rng):
    """A covariance whose directions are oblique and whose sizes differ eightfold."""
    directions = np.linalg.qr(rng.standard_normal((VALUES, VALUES)))[0]
    return directions @ np.diag(np.geomspace(0.5, 4, VALUES)) @ directions.T


def walk(parts, number=1):
    return Embedding("v", number + 1, np.asarray(parts.T, np.float32), "made", "", 10)


@pytest.fixture
def rng():
    return np.random.default_rng(3)


def test_lda_gives_unit_covariance_within_people(rng):
    found, people = walks(rng, 200, mixed(rng))
    projected = stack_parts(fit(found, people, "euclidean").project(found))
    for part in range(PARTS):
        means = np.stack([projected[people == person, part].mean(axis=0) for person in range(PEOPLE)])
        assert np.allclose(np.cov((projected[:, part] - means[people]).T), np.eye(projected.shape[2]), atol=0.1)


def test_lda_finds_people_whom_what_varies_within_hides(rng):
    """One direction varies a lot within people: it drowns the others in plain distances."""
    gallery, people = walks(rng, 4, np.diag([400.0, *[0.04] * (VALUES - 1)]))
    probes = [walk(one.parts.T + np.eye(VALUES)[0] * 20 * rng.standard_normal((PARTS, 1))) for one in gallery]
    config = load_config("light", ["matching.metric=euclidean"]).matching

    def right(matching):
        return np.mean(people[scores(probes, gallery, people.tolist(), Comparison(matching)).argmin(axis=1)] == people)

    assert right(config) < 0.7
    assert right(config.model_copy(update={"transform": "lda"})) > 0.95


def test_lda_keeps_no_more_directions_than_people_can_differ_in(rng):
    found, people = walks(rng, 3, np.eye(VALUES))
    some = people < 3
    discriminant = fit([one for one, taken in zip(found, some, strict=True) if taken], people[some], "euclidean")
    assert discriminant.projection.shape == (PARTS, VALUES, 2)


def test_the_shrunk_covariance_is_better_than_the_plain_one_with_few_rows(rng):
    """Against the true one, and it can be inverted although there are fewer rows than values."""
    truth = np.diag(np.linspace(0.5, 2, 40))
    rows = rng.standard_normal((15, 40)) @ np.sqrt(truth)
    plain, shrunk = rows.T @ rows / 15, shrunk_covariance(rows, 15)
    assert np.linalg.norm(shrunk - truth) < 0.6 * np.linalg.norm(plain - truth)
    assert np.linalg.eigvalsh(shrunk)[0] > 0.1


def test_projected_walks_are_not_compared_with_plain_ones(rng):
    found, people = walks(rng, 3, np.eye(VALUES))
    projected = fit(found, people, "euclidean").project(found)
    with pytest.raises(ConfigError, match="cannot be compared"):
        distance_matrix(found[:2], projected[:2], "euclidean")


@pytest.mark.parametrize("people", [[1, 2, 3, 4], [1, 1], []], ids=str)
def test_too_few_walks_are_refused(rng, people):
    found, _ = walks(rng, 1, np.eye(VALUES))
    with pytest.raises(ConfigError, match="two people with two walks each"):
        fit(found[: len(people)], people, "euclidean")
