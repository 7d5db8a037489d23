"""The kinematics: rigid segments, feet that stand, angles and steps within what was measured."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.research.synth.motion import INDEX, JOINTS, angles_at, population, stride, vary, walk
from pipeline.research.synth.silhouette import Person, person

PEOPLE = 60
SEGMENTS = [
    *(pair for side in "LR" for pair in ((f"hip_{side}", f"knee_{side}"), (f"knee_{side}", f"ankle_{side}"))),
    *(pair for side in "LR" for pair in ((f"shoulder_{side}", f"elbow_{side}"), (f"elbow_{side}", f"wrist_{side}"))),
    *((f"heel_{side}", f"toe_{side}") for side in "LR"),
    *(("pelvis", "neck"), ("neck", "head"), ("head", "vertex"), ("hip_L", "hip_R"), ("shoulder_L", "shoulder_R")),
]
PHASES = np.arange(64) / 64


@pytest.fixture(scope="module")
def people() -> list[Person]:
    return [person((17, number)) for number in range(PEOPLE)]


def test_segments_keep_their_lengths(people: list[Person]) -> None:
    for who in people[:10]:
        steps = walk(who.body, vary(who.gait, np.random.default_rng(1)), np.arange(60) / 25, 0.3, bend=0.1)
        assert steps.joints.shape == (60, len(JOINTS), 3)
        for start, end in SEGMENTS:
            length = np.linalg.norm(steps.joints[:, INDEX[end]] - steps.joints[:, INDEX[start]], axis=1)
            assert np.ptp(length) < 1e-9, (start, end)


def test_lengths_are_those_of_the_body(people: list[Person]) -> None:
    body = people[0].body
    joints = walk(body, people[0].gait, np.zeros(1), 0.0).joints[0]
    for start, end, length in (
        ("hip_L", "knee_L", body.thigh),
        ("knee_R", "ankle_R", body.shank),
        ("pelvis", "neck", body.trunk),
        ("neck", "vertex", body.neck_head),
        ("elbow_L", "wrist_L", body.forearm),
        ("heel_R", "toe_R", body.foot),
    ):
        assert np.linalg.norm(joints[INDEX[end]] - joints[INDEX[start]]) == pytest.approx(length)


def test_a_foot_is_always_on_the_ground_and_none_below(people: list[Person]) -> None:
    feet = [INDEX[f"{joint}_{side}"] for side in "LR" for joint in ("heel", "toe")]
    for who in people[:10]:
        joints = walk(who.body, who.gait, np.arange(50) / 25, 0.0).joints
        assert joints[:, feet, 2].min(axis=1) == pytest.approx(np.zeros(50), abs=1e-9)
        assert joints[..., 2].max() < 1.03 * who.body.stature


def test_mean_angles_are_the_measured_ones(people: list[Person]) -> None:
    """Over people they tend to the mean of the 42 adults (legs) and of the children (arms, trunk)."""
    drawn = np.array([who.gait.coefficients for who in people])
    expected = population().mean
    error = 4.5 * drawn.std(axis=0) / np.sqrt(PEOPLE)
    assert (np.abs(drawn.mean(axis=0) - expected) < error + 1e-3 + 0.06 * np.abs(expected)).all()


def test_people_differ_as_much_as_those_measured(people: list[Person]) -> None:
    """Hip flexion of the adults: 8.6 and knee 5.5 degrees between people, of the 42: 7.3 and 5.4."""
    for name, low, high in (("hip_flexion_R", 6, 10), ("knee_flexion_R", 4, 8)):
        angles = np.array([np.rad2deg(angles_at(who.gait, PHASES)[name]) for who in people])
        assert low < np.sqrt(angles.var(axis=0).mean()) < high


def test_one_person_differs_less_from_walk_to_walk(people: list[Person]) -> None:
    rng = np.random.default_rng(5)
    within = []
    for who in people[:20]:
        walks = [np.rad2deg(angles_at(vary(who.gait, rng), PHASES)["hip_flexion_L"]) for _ in range(6)]
        within.append(np.var(walks, axis=0).mean())
    assert 1 < np.sqrt(np.mean(within)) < 4  # measured: 1.9 degrees, without a change of speed


def test_angles_stay_within_what_joints_do(people: list[Person]) -> None:
    rng = np.random.default_rng(6)
    limits = {
        "knee_flexion": (0, 90),
        "hip_flexion": (-35, 65),
        "elbow_flexion": (0, 90),
        "ankle_dorsiflexion": (-45, 45),
    }
    for who in people:
        angles = angles_at(vary(who.gait, rng), PHASES)
        for name, (low, high) in limits.items():
            for side in "LR":
                degrees = np.rad2deg(angles[f"{name}_{side}"])
                assert low <= degrees.min() and degrees.max() <= high, (name, degrees.min(), degrees.max())


def test_steps_and_speed_are_those_of_adults(people: list[Person]) -> None:
    """H2A's 51 adults: step 0.717 ± 0.059 leg lengths, speed 1.24 ± 0.16 m/s, cadence 120 ± 10 a minute."""
    strides = np.array([stride(who.body, who.gait) for who in people])
    steps = strides / 2 / [who.body.leg for who in people]
    cadences = np.array([who.gait.cadence for who in people])
    speeds = strides * cadences / 120
    assert 0.66 < steps.mean() < 0.78 and 0.03 < steps.std() < 0.14
    assert 1.0 < speeds.mean() < 1.35 and 0.08 < speeds.std() < 0.3
    assert 116 < cadences.mean() < 124 and 6 < cadences.std() < 14


def test_standing_feet_hardly_slide(people: list[Person]) -> None:
    """In mid-stance (20 to 40 % of the cycle) the ankle moves at less than a fifth of the walking speed."""
    slides = []
    for who in people[:20]:
        seconds = 120 / who.gait.cadence
        ankle = walk(who.body, who.gait, PHASES * seconds, 0.0).joints[:, INDEX["ankle_R"], 0]
        slides.append(abs(ankle[25] - ankle[13]) / (12 / 64 * stride(who.body, who.gait)))
    assert np.mean(slides) < 0.2


def test_a_bent_path_turns_the_walker(people: list[Person]) -> None:
    who = people[0]
    steps = walk(who.body, who.gait, np.arange(50) / 25, 0.0, bend=0.2)
    length = stride(who.body, who.gait) * who.gait.cadence / 120 * 49 / 25
    assert steps.facing[-1] == pytest.approx(0.2 * length)
    assert steps.joints[-1, INDEX["pelvis"], 1] > 0.2  # to the left


def test_the_same_seed_is_the_same_person_and_another_is_not() -> None:
    assert person((3, 4)).body == person((3, 4)).body != person((3, 5)).body
    assert (person((3, 4)).gait.coefficients == person((3, 4)).gait.coefficients).all()
