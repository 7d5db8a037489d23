"""Several templates a person, and which unknown tracks are one person."""

from __future__ import annotations

import dataclasses
from itertools import permutations

import numpy as np
import pytest

from pipeline.config import MatchingConfig
from pipeline.errors import GalleryError
from pipeline.jobs.strangers import newcomers, refuse_no_threshold
from pipeline.matching.people import RULES, to_people
from pipeline.matching.scores import Comparison, scores, scores_among
from pipeline.types import Embedding, Tracklet

DISTANCES = np.array([[0.1, 0.4, 0.3], [0.5, 0.2, 0.9]], np.float32)  # two probes to Ada, Bo and Ada again


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("nearest", [[0.1, 0.4], [0.5, 0.2]]),
        ("mean", [[0.2, 0.4], [0.7, 0.2]]),
        ("weighted", [[0.15, 0.4], [0.6, 0.2]]),
    ],
)
def test_a_persons_distance_is_that_of_the_templates_by_the_rule(rule, expected):
    found = to_people(DISTANCES, ["ada", "bo", "ada"], [0.9, 0.5, 0.3], rule)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_the_rules_are_those_of_the_settings():
    assert set(RULES) == set(MatchingConfig.model_fields["templates"].annotation.__args__)


def test_without_probes_or_people_there_are_no_distances():
    assert to_people(np.zeros((0, 3), np.float32), ["a", "b", "a"], [1, 1, 1], "nearest").shape == (0, 2)
    assert to_people(np.zeros((2, 0), np.float32), [], [], "weighted").shape == (2, 0)


def test_longer_and_cleaner_walks_weigh_more(made):
    def weight(frames, share):
        return dataclasses.replace(made(), frames_used=frames, quality={"usable_share": share}).weight

    assert weight(60, 1.0) == weight(600, 1.0) == 1
    assert 0 < weight(1, 0.0) < weight(20, 0.9) < weight(30, 0.9) < weight(30, 1.0) < 1


def walk(video, track, value, first=0):
    embedding = Embedding(video, track, np.full((1, 1), value, np.float32), "gei-16", "", 30)
    frames = np.arange(first, first + 10)
    return embedding, Tracklet(video, track, frames, np.zeros((10, 4), np.float32), np.ones(10, np.float32), 25.0)


def grouped(*walks, threshold=1.0):
    return [newcomer.tracks for newcomer in found(walks, MatchingConfig(threshold=threshold))]


def found(walks, config):
    embeddings = [embedding for embedding, _ in walks]
    apart = scores_among(embeddings, [], [], Comparison(config))
    return newcomers(embeddings, [track for _, track in walks], apart, config.threshold)


def test_unknown_tracks_that_are_alike_and_were_never_seen_together_are_one_person():
    walks = [walk("a", 1, 0.0), walk("a", 2, 0.3), walk("a", 3, 0.4, first=50), walk("b", 1, 5.0)]
    for order in permutations(walks):  # whatever the order
        assert grouped(*order) == [(("a", 1),), (("a", 2), ("a", 3)), (("b", 1),)]


def test_a_chain_of_look_alikes_is_not_one_person():
    walks = [walk("a", 1, 0.0), walk("b", 1, 0.9), walk("c", 1, 1.8)]
    assert len(grouped(*walks)) == 2


def test_newcomers_have_names_of_their_own():
    walks = [walk("a", 1, 0.0), walk("a", 2, 9.0)]
    one, other = found(walks, MatchingConfig(threshold=1.0))
    assert one.identity != other.identity and one.name == f"unknown-{one.identity[:8]}" != other.name
    assert found([], MatchingConfig(threshold=1.0)) == []


@pytest.mark.parametrize(
    "settings",
    [{"transform": "lda"}, {"score_norm": "s"}, {"score_norm": "z"}],
)
def test_strangers_are_compared_on_the_scale_of_the_gallery_s_distances(settings):
    """Those whom the gallery's own variation takes apart are one person; plain distances say the contrary."""
    rng = np.random.default_rng(0)
    spread = np.array([[30.0], [0.3], [0.3]])  # within a person the first value varies most

    def walks_of(who, count):
        centre = np.random.default_rng(100 + who).normal(size=(3, 1)) * [[1.0], [3.0], [3.0]]
        return [
            Embedding("g", 1, (centre + rng.normal(size=(3, 1)) * spread).astype(np.float32), "gei-16", "", 30)
            for _ in range(count)
        ]

    gallery = [walk for who in range(40) for walk in walks_of(who, 4)]
    people = [str(who) for who in range(40) for _ in range(4)]
    config = MatchingConfig(**settings)
    one, other = walks_of(50, 2), walks_of(51, 2)
    among = scores_among([*one, *other], gallery, people, Comparison(config))
    if config.transform != "none":
        assert max(among[0, 1], among[2, 3]) < among[:2, 2:].min()
        assert scores_among([*one, *other], gallery, people, Comparison(MatchingConfig()))[0, 1] > 0
    direct = scores(one, gallery, people, Comparison(config))
    expected = scores_among([*one, *gallery], gallery, people, Comparison(config))[:2, 2:]
    if config.score_norm == "none":
        np.testing.assert_allclose(expected, direct, rtol=1e-6, atol=1e-6)
    else:  # to the enrolled themselves strangers are the others of them: nearly the same
        assert np.corrcoef(expected.ravel(), direct.ravel())[0, 1] > 0.95


def test_where_the_nearest_is_always_named_nobody_is_unknown():
    with pytest.raises(GalleryError, match=r"matching\.threshold=off: nobody is unknown"):
        refuse_no_threshold(MatchingConfig(threshold="off"))
    refuse_no_threshold(MatchingConfig())
