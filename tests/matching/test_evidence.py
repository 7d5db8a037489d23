"""What a distance says where nobody has labels: strangers stay unknown, and as many names are right as is said."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from pipeline.config import MatchingConfig, RecognitionConfig, RuntimeConfig
from pipeline.jobs.people import People, Said
from pipeline.jobs.strangers import newcomers
from pipeline.matching.evidence import CohortDistances, Evidence, Judged, Usual, deviations, posteriors
from pipeline.matching.match import Settled
from pipeline.matching.scores import Cohort
from pipeline.recognition import open_encoder
from pipeline.recognition.made_up import made_up_walks
from pipeline.types import Embedding, Modality, Tracklet

VALUES = 6  # of a walk: people are points, their walks lie around them


def walks(seed, people, each, apart=1.0, spread=0.35, scale=1.0):
    """Embeddings and whose they are. apart: of people, in each value; spread: of a person's walks."""
    draw = np.random.default_rng(seed)
    whose = np.repeat(np.arange(people), each)
    values = scale * (draw.normal(0, apart, (people, VALUES))[whose] + draw.normal(0, spread, (len(whose), VALUES)))
    return [
        Embedding("v", row + 1, one[:, None].astype(np.float32), "m", "", 30) for row, one in enumerate(values)
    ], whose.tolist()


def cohort_of(**settings):
    return Cohort(*walks(7, 60, 3, **settings))


def cohort_distances():
    cohort = cohort_of()
    values = np.stack([one.parts[:, 0] for one in cohort.embeddings]).astype(float)
    return CohortDistances(np.linalg.norm(values[:, None] - values, axis=2), np.array(cohort.people))


def enrolled(templates, owners, cohort, **settings):
    names = {str(owner): f"person {owner}" for owner in owners}
    found = People.of_tracks(templates, MatchingConfig(**settings), lambda: cohort)
    return People(
        names,
        {name: name for name in names.values()},
        templates,
        list(map(str, owners)),
        [1.0] * len(owners),
        found.how,
        found.made_up,
    )


def searched(seed, scale=1.0, spread=0.35, known=8, strangers=8, cohort=None):
    """Answers of the walks of known people and of strangers, and whose those are."""
    every, whose = walks(seed, known + strangers, 5, spread=spread, scale=scale)
    gallery = [row for row, who in enumerate(whose) if who < known and row % 5 < 2]
    probes = [row for row, who in enumerate(whose) if row % 5 >= 2]
    people = enrolled(
        [every[row] for row in gallery], [whose[row] for row in gallery], cohort or cohort_of(spread=spread)
    )
    answers = people.match([every[row] for row in probes], [], {})
    return [(answer, whose[row]) for answer, row in zip(answers, probes, strict=True)]


@pytest.mark.parametrize("scale", [1.0, 0.01], ids=["distances as in the cohort", "a hundredth of them"])
def test_strangers_come_as_near_as_the_limit_as_often_as_is_promised_whatever_the_size_of_distances(scale):
    cohort = cohort_of()
    near = []
    for seed in range(30):
        every, whose = walks(100 + seed, 16, 3, scale=scale)
        gallery = [row for row, who in enumerate(whose) if who < 8 and row % 3 < 2]
        people = enrolled([every[row] for row in gallery], [whose[row] for row in gallery], cohort)
        probes = [one for row, one in enumerate(every) if row not in gallery]
        of = [who for row, who in enumerate(whose) if row not in gallery]
        usual = people.usual(probes, np.zeros((len(probes), len(probes)), bool))
        found = deviations(people.distances(probes), usual).min(axis=1)
        near += [value <= people.evidence.limit for value, who in zip(found, of, strict=True) if who >= 8]
    assert 0.05 <= np.mean(near) <= 0.15


def test_of_the_names_given_as_many_are_right_as_is_said():
    answers = [one for seed in range(20) for one in searched(seed, spread=0.55)]
    names = [
        (answer.confidence, answer.identity == f"person {who}") for answer, who in answers if answer.status == "known"
    ]
    said, right = np.mean(names, axis=0)
    assert len(names) > 100 and abs(said - right) < 0.1 and min(one[0] for one in names) >= 0.5


def test_an_encoder_that_tells_nobody_apart_names_hardly_anybody():
    answers = [one for seed in range(10) for one in searched(seed, spread=8.0)]
    assert np.mean([answer.status == "known" for answer, _ in answers]) < 0.02


def test_clear_walks_are_known_and_a_strangers_is_unknown_with_the_reason():
    every, whose = walks(4, 12, 2, spread=0.2)
    people = enrolled(every[:20:2], list(range(10)), cohort_of(spread=0.2))
    *known, stranger, _ = people.match(every[1::2], [], {})
    named = [
        (answer.identity, f"person {who}") for answer, who in zip(known, whose[:20:2], strict=True) if answer.identity
    ]
    assert len(named) >= 4 and all(name == own for name, own in named)
    clearest = max(known, key=lambda answer: answer.confidence)
    assert clearest.confidence > 0.9 and clearest.reason.startswith("nearest of 10 at ")
    assert max(one.probability for one in clearest.candidates) == clearest.confidence
    likeliest = max(stranger.candidates, key=lambda one: one.probability)
    assert stranger.status == "unknown" and stranger.identity is None
    assert stranger.reason == f"most like {likeliest.identity} ({likeliest.probability:.0%}), too unsure for a name"
    assert math.isclose(stranger.confidence + sum(one.probability for one in stranger.candidates), 1, rel_tol=1e-9)


def test_no_name_is_given_below_the_confidence_that_is_asked_for():
    every, _ = walks(2, 12, 2, spread=0.5)
    answers = {
        least: enrolled(every[:20:2], list(range(10)), cohort_of(spread=0.5), min_confidence=least).match(
            every[1:20:2], [], {}
        )
        for least in (0.0, 0.95)
    }
    named = {least: sum(answer.status == "known" for answer in found) for least, found in answers.items()}
    assert named[0.0] > named[0.95]
    assert all(a.confidence >= 0.95 for a in answers[0.95] if a.status == "known")


def test_two_in_the_same_frames_are_never_one_person_and_help_to_tell_each_other():
    evidence = Evidence(3, 2.0, 2.0, -1.0, (0.0, 0.3))
    found = np.array([[-3.0, 0.5, 0.5], [-2.0, -1.9, 0.5]])
    apart, together = (posteriors(found, np.array([[False, seen], [seen, False]]), evidence) for seen in (False, True))
    np.testing.assert_allclose(apart.sum(axis=1), 1)
    np.testing.assert_allclose(together.sum(axis=1), 1)
    assert apart[1].argmax() == 0 and together[1].argmax() == 1
    assert together[:, 0].sum() <= 1 + 1e-6 < apart[:, 0].sum()


def seen(track_id):
    return Tracklet("v", track_id, np.arange(9), np.zeros((9, 4), np.float32), np.ones(9, np.float32), 25.0)


def test_people_in_one_frame_tell_how_far_people_are_apart():
    every, _ = walks(3, 4, 1)
    people = enrolled(every[:1], [0], cohort_of())
    alone, beside = (people.usual(every[1:], np.full((3, 3), one) & ~np.eye(3, dtype=bool)) for one in (False, True))
    assert (alone.pairs, beside.pairs) == (0, 3)
    assert (
        people.decision(0)["from"] == "cohort"
        and enrolled(every, [0, 1, 2, 3], cohort_of()).decision(9)["from"] == "self"
    )


def test_the_more_people_are_enrolled_the_nearer_one_has_to_come():
    cohort = cohort_distances()
    limits = [cohort.evidence(count).limit for count in (10, 30, 1000, 100_000)]
    assert limits == sorted(limits, reverse=True) and np.isfinite(limits).all()


def test_what_was_never_looked_at_tells_nothing():
    usual = Usual.of(np.array([1.0, 2.0, np.inf]))
    assert (usual.mean, usual.pairs) == (1.5, 2)
    found = deviations(np.array([[1.0, np.inf], [2.0, 1.0]]), usual)
    assert np.isinf(found[0, 1]) and np.isfinite(found[1]).all()
    assert posteriors(np.zeros((2, 0)), np.zeros((2, 2), bool), Evidence(1, 1.0, 1.0, 0.0, (0.0, 1.0))).tolist() == [
        [1.0],
        [1.0],
    ]


def test_the_made_up_people_are_there_in_all_that_a_video_gives():
    found, people = made_up_walks()
    assert len(found) == len(people) == 180 and len(set(people)) == 60
    for walk in found[::20]:
        shapes = {name: frames.data[:].shape[1:] for name, frames in walk.modalities.items()}
        assert shapes == {
            Modality.SILHOUETTES: (64, 44),
            Modality.KEYPOINTS: (17, 3),
            Modality.SKELETON_MAPS: (2, 64, 64),
        }


def test_an_encoder_knows_made_up_people_again_better_than_by_chance():
    walks, people = made_up_walks()
    encoder = open_encoder(RecognitionConfig(encoder="gei", mirroring="heading"), RuntimeConfig(), None)
    parts = np.stack([one.parts.ravel() for one in encoder.encode(walks)])
    between = np.linalg.norm(parts[:, None] - parts, axis=2)
    found = CohortDistances(between, np.array(people)).evidence(10)
    assert found.slope > 0.3 and found.alike < 0


def test_unknown_walks_are_one_person_where_that_is_likelier_than_two():
    every, _ = walks(11, 12, 2, spread=0.15)
    people = enrolled(every[:12:2], list(range(6)), cohort_of(spread=0.15))
    tracklets = [
        Tracklet("v", one.track_id, np.arange(9) + 20 * row, np.zeros((9, 4), np.float32), np.ones(9, np.float32), 25.0)
        for row, one in enumerate(every[12:])
    ]
    groups = [newcomer.tracks for newcomer in newcomers(every[12:], tracklets, *people.alike(every[12:], tracklets))]
    pairs = [tuple(("v", one.track_id) for one in every[row : row + 2]) for row in range(12, 24, 2)]
    assert sum(pair in groups for pair in pairs) >= 5
    assert all(len({(number - 13) // 2 for _, number in group}) == 1 for group in groups)


def judged(own, others, count=20):
    return [Judged(own, tuple(others), len(others) + (own is not None))] * count


def test_walks_of_which_a_person_said_who_it_is_tell_what_a_deviation_is_worth():
    cohort = cohort_distances()
    told_nothing = cohort.evidence(6)
    near = cohort.evidence(6, judged=judged(-4.0, [0.0, 0.5, 1.0]))
    no_nearer = cohort.evidence(6, judged=judged(0.5, [0.0, 0.5, 1.0]))
    deviation = np.array([told_nothing.alike - 1])
    assert no_nearer.ratio(deviation) < told_nothing.ratio(deviation) and no_nearer.slope < near.slope
    look_alikes = cohort.evidence(6, judged=judged(None, [-6.0, 0.0, 0.5]))
    assert look_alikes.limit < told_nothing.limit and look_alikes.ratio(deviation) < told_nothing.ratio(deviation)
    assert cohort.evidence(6, judged=[]) == told_nothing


def test_what_a_person_said_decides_and_tells_of_those_in_the_same_frames():
    evidence = Evidence(3, 2.0, 2.0, -1.0, (0.0, 0.3))
    found = np.array([[-3.0, 0.5, 0.5], [-2.5, -1.9, 0.5]])
    together = ~np.eye(2, dtype=bool)
    told = posteriors(found, together, evidence, {0: 1})
    assert told[0, 1] > 0.999 and told[1, 1] < 1e-6 and told[1].argmax() == 0
    nobody = posteriors(found, together, evidence, {0: -1})
    assert nobody[0, -1] == 1 and nobody[1, 0] > posteriors(found, together, evidence)[1, 0]


@pytest.mark.parametrize("threshold", [None, 0.9, "off"], ids=str)
def test_the_answer_is_what_a_person_said_however_it_is_decided(threshold):
    every, _ = walks(5, 6, 2, spread=0.2)
    people = enrolled(every[::2], list(range(6)), cohort_of(spread=0.2), threshold=threshold)
    first, second = (every[1].video, every[1].track_id), (every[3].video, every[3].track_id)
    said = Said({first: Settled("person 4", "ana said so")}, {second: {"1"}})
    one, other = replace(people, said=said).match(every[1:4:2], [], {})
    assert (one.identity, one.reason) == ("person 4", "ana said so") and one.confidence == pytest.approx(1)
    assert other.identity != "person 1" and "person 1" not in [candidate.identity for candidate in other.candidates]
    assert people.match(every[1:4:2], [], {})[0].identity != "person 4"
