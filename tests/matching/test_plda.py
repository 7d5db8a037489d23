"""PLDA against the two Gaussians that it compares, and on walks drawn from its own model."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from pipeline.config import MatchingConfig
from pipeline.errors import ConfigError
from pipeline.matching.covariance import people_means, shrunk_covariance, within_people
from pipeline.matching.discriminants import fit
from pipeline.matching.match import match_distances
from pipeline.matching.people import to_people
from pipeline.matching.scores import scores
from pipeline.profiles import load_config
from pipeline.types import Embedding

PARTS, VALUES = 3, 6
MATCHING = MatchingConfig(backend="plda")


@pytest.fixture
def rng():
    return np.random.default_rng(5)


def walk(parts, number=1):
    """Of P×C values."""
    return Embedding("v", number + 1, np.asarray(parts.T, np.float32), "made", "", 10)


def oblique(rng, sizes):
    """A covariance with oblique directions of these variances."""
    directions = np.linalg.qr(rng.standard_normal((VALUES, VALUES)))[0]
    return directions @ np.diag(sizes) @ directions.T


class Crowd:
    """People drawn from the model, with covariances of their own in every part."""

    def __init__(self, rng, people=40, within=(0.05, 40)):
        self.rng = rng
        between = np.stack([np.linalg.cholesky(oblique(rng, np.geomspace(0.2, 2, VALUES))) for _ in range(PARTS)])
        self.within = np.stack([np.linalg.cholesky(oblique(rng, np.geomspace(*within, VALUES))) for _ in range(PARTS)])
        self.means = 3 + np.einsum("npc,pdc->npd", rng.standard_normal((people, PARTS, VALUES)), between)

    def walks(self, counts):
        people = np.repeat(np.arange(len(self.means)), counts)
        spread = self.rng.standard_normal((len(people), PARTS, VALUES))
        parts = self.means[people] + np.einsum("npc,pdc->npd", spread, self.within)
        return [walk(one, number) for number, one in enumerate(parts)], people


def test_the_distance_is_that_of_two_gaussians(rng):
    """Evaluated as they stand, with 2C×2C covariances, by SciPy; people have one walk to five."""
    gallery, people = Crowd(rng).walks(rng.integers(1, 6, 40))
    probes = [walk(3 + 2 * rng.standard_normal((PARTS, VALUES))) for _ in range(7)]
    found = scores(probes, gallery, people.tolist(), MATCHING)

    values = np.stack([one.parts.T for one in gallery]).astype(np.float64)
    means, counts = people_means(values, people), np.bincount(people)
    spread, freedom = within_people(values, means, people)
    centre = means.mean(axis=0)
    expected = np.zeros_like(found)
    for part in range(PARTS):
        within = shrunk_covariance(spread[:, part], freedom)
        root = np.linalg.cholesky(within)  # another root than the code takes: B must not depend on it
        whitened = np.linalg.solve(root, (means - centre)[:, part].T).T
        sizes, basis = np.linalg.eigh(shrunk_covariance(whitened, len(counts) - 1))
        between = root @ basis @ np.diag(np.maximum(sizes - (1 / counts).mean(), 0)) @ basis.T @ root.T
        both = within + between
        one_person = multivariate_normal(np.tile(centre[part], 2), np.block([[both, between], [between, both]]))
        anybody = multivariate_normal(centre[part], both)
        for row, probe in enumerate(probes):
            for column in range(len(gallery)):
                a, b = probe.parts.T[part], values[column, part]
                ratio = one_person.logpdf(np.concatenate([a, b])) - anybody.logpdf(a) - anybody.logpdf(b)
                expected[row, column] -= ratio / PARTS
    assert np.allclose(found, expected, atol=1e-4 * np.abs(expected).max())
    assert found.min() < 0 < found.max()


def test_it_finds_people_better_than_plain_distances_and_says_who_is_nobody(rng):
    """Walks differ forty times as much in some directions as people do, which plain distances cannot know."""
    crowd = Crowd(rng)
    gallery, people = crowd.walks(4)
    probes, whose = crowd.walks(3)

    def right(backend):
        found = scores(probes, gallery, people.tolist(), MatchingConfig(backend=backend))
        return np.mean(people[found.argmin(axis=1)] == whose)

    assert right("plda") > right("none") + 0.2

    def strangers_apart(backend):
        """Area under the curve of pairs of one person against pairs of two."""
        found = scores(probes, gallery, people.tolist(), MatchingConfig(backend=backend))
        same = whose[:, None] == people[None]
        ranks = found.ravel().argsort().argsort()
        return 1 - (ranks[same.ravel()].mean() - same.sum() / 2) / (~same).sum()

    assert strangers_apart("plda") > strangers_apart("none") + 0.1


def test_its_logarithms_are_those_of_true_odds(rng):
    """Of pairs that are said to be as likely of one person as of two, about half would be, were there equally many of
    each kind: fitted on one half of the people, looked at in the other."""
    crowd = Crowd(rng, people=400, within=(0.5, 4))
    walks, people = crowd.walks(3)
    learnt = [one for one, person in zip(walks, people, strict=True) if person < 200]
    backend = fit("plda", learnt, people[people < 200].tolist(), "euclidean")
    others, whose = walks[600:], people[600:]
    ratios = -PARTS * backend.between(others, others, "euclidean")
    same, pairs = whose[:, None] == whose[None], ~np.eye(len(whose), dtype=bool)
    one, two = ratios[same & pairs], ratios[~same]
    for said in (-1, 0, 1):
        of_one, of_two = np.mean(np.abs(one - said) < 0.5), np.mean(np.abs(two - said) < 0.5)
        assert of_one / (of_one + of_two) == pytest.approx(1 / (1 + np.exp(-said)), abs=0.1)


def test_negative_distances_are_answers_like_others(rng):
    crowd = Crowd(rng, people=12)
    gallery, people = crowd.walks(4)
    probes, _ = crowd.walks(1)
    names = [f"person {person}" for person in range(12)]
    distances = to_people(scores(probes, gallery, people.tolist(), MATCHING), people, np.ones(len(people)), "nearest")
    config = load_config("light", ["matching.backend=plda", f"matching.threshold={np.median(distances.min(axis=1))}"])
    assert config.matching.threshold < 0
    matches = match_distances(probes, names, distances, [], {}, config.matching)
    known = distances.min(axis=1) <= config.matching.threshold
    assert [match.status == "known" for match in matches] == known.tolist()
    for match in matches:
        assert match.confidence > 0.3
        assert [one.distance for one in match.candidates] == sorted(one.distance for one in match.candidates)


def test_a_threshold_below_nought_is_for_distances_that_can_be(tmp_path):
    with pytest.raises(ConfigError, match="must be above 0"):
        load_config("light", ["matching.backend=lda", "matching.threshold=-1"])


def test_the_cosine_brings_parts_to_length_one(rng):
    """Walks that are told apart by their direction stay so when they are louder."""
    gallery, people = Crowd(rng).walks(4)
    config = MatchingConfig(backend="plda", metric="cosine")
    probes = gallery[:5]
    louder = [walk(3 * one.parts.T) for one in probes]
    plain, loud = (scores(some, gallery, people.tolist(), config) for some in (probes, louder))
    assert np.allclose(plain, loud, atol=1e-3)


def test_people_who_do_not_differ_are_as_likely_one_as_two(rng):
    gallery = [walk(rng.standard_normal((PARTS, VALUES))) for _ in range(400)]
    found = scores(gallery[:5], gallery, np.repeat(np.arange(4), 100).tolist(), MATCHING)
    assert np.abs(found).max() < 0.2


@pytest.mark.parametrize("people", [[1, 2, 3, 4], [1, 1, 2, 3], []])
def test_it_wants_two_people_with_two_walks_each(rng, people):
    found = [walk(rng.standard_normal((PARTS, VALUES))) for _ in people]
    with pytest.raises(ConfigError, match="two people with two walks each"):
        fit("plda", found, people, "euclidean")
