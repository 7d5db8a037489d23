"""Filmed scenes: the truth agrees with itself and with the pictures, and the same show gives the same bytes."""

from __future__ import annotations

import os
import re
from pathlib import Path

import numpy as np
import pytest
from processes import run_program

from pipeline.commands.synth import synth_videos
from pipeline.errors import ConfigError
from pipeline.research.synth.scene import COCO_JOINTS, Truth, film_scene
from pipeline.research.synth.videos import Show, cast, stage, write_video
from pipeline.video import open_video

SHOW = Show(people=3, seed=4, seconds=4.0, size=(426, 240), fps=5.0)


def filmed(number: int, show: Show = SHOW) -> list[tuple[np.ndarray, Truth]]:
    rng = np.random.default_rng([show.seed, 1, number])
    setting, walkers = stage(show, number, rng)
    return list(film_scene(setting, walkers, show.seconds, rng))


@pytest.fixture(scope="module")
def lanes() -> list[tuple[np.ndarray, Truth]]:
    return filmed(1)


def test_masks_fill_the_boxes_of_those_in_full_view(lanes) -> None:
    checked = 0
    for _, truth in lanes:
        for number in np.flatnonzero(truth.visibility > 0.999):
            rows, columns = np.nonzero(truth.owner == number + 1)
            around = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
            assert np.abs(np.array(around) - truth.boxes[number]).max() <= 1.6
            checked += 1
    assert checked > 20


def test_hidden_pixels_lower_the_visibility_and_nothing_else_does(lanes) -> None:
    hidden = 0
    for _, truth in lanes:
        assert (truth.visibility >= 0).all() and (truth.visibility <= 1).all()
        for number, box in enumerate(truth.boxes):
            seen = np.count_nonzero(truth.owner == number + 1)
            assert (seen == 0) == (truth.visibility[number] == 0)
            x1, y1, x2, y2 = box
            others = [other for k, other in enumerate(truth.boxes) if k != number and other[2] > 0]
            apart = all(x2 <= other[0] or other[2] <= x1 or y2 <= other[1] or other[3] <= y1 for other in others)
            inside = x1 > 0 and y1 > 0 and x2 < SHOW.size[0] and y2 < SHOW.size[1]
            if apart and inside:
                assert truth.visibility[number] == 1
            hidden += 0.02 < truth.visibility[number] < 0.95 and inside
    assert hidden >= 1  # they do cross


def test_joints_lie_on_their_walker_where_they_are_said_to(lanes) -> None:
    shares = []
    for _, truth in lanes:
        for number in np.flatnonzero(truth.visibility > 0.999):
            joints = truth.joints[number]
            x1, y1, x2, y2 = truth.boxes[number]
            assert (joints[:, 0] > x1 - 2).all() and (joints[:, 0] < x2 + 2).all()
            assert (joints[:, 1] > y1 - 2).all() and (joints[:, 1] < y2 + 2).all()
            order = [COCO_JOINTS.index(name) for name in ("nose", "shoulder_L", "hip_L", "knee_L", "ankle_L")]
            assert (np.diff(joints[order, 1]) > 0).all()
            shares.append(joints[:, 2].mean())
    assert np.mean(shares) > 0.9


def test_walkers_stand_out_from_the_picture_behind_them(lanes) -> None:
    """On a tripod: the median picture is the empty street; where a walker is, the picture differs."""
    pictures = np.stack([picture for picture, _ in lanes]).astype(float)
    street = np.median(pictures, axis=0)
    difference = np.abs(pictures - street).max(axis=-1)
    owner = np.stack([truth.owner for _, truth in lanes])
    assert difference[owner > 0].mean() > 4 * difference[owner == 0].mean()


def test_in_the_gallery_everybody_walks_alone_and_sideways() -> None:
    show = Show(people=4, seed=1, seconds=10.0, size=(426, 240), fps=2.5)
    visibility = np.stack([truth.visibility for _, truth in filmed(0, show)])
    assert ((visibility > 0.98).sum(axis=0) >= 8).all()  # each for three seconds and more
    assert ((visibility > 0) & (visibility < 0.98)).sum() <= 16  # but for entering and leaving


@pytest.mark.parametrize("number", [1, 2, 3, 4])
@pytest.mark.parametrize("people", [3, 4])
def test_nobody_is_hidden_most_of_the_time(number: int, people: int) -> None:
    show = Show(people=people, seed=0, seconds=10.0, size=(426, 240), fps=2.5)
    truths = [truth for _, truth in filmed(number, show)]
    for person in range(people):
        seen = [truth.visibility[person] for truth in truths if truth.boxes[person].any()]
        assert np.median(seen) > 0.8


def test_a_hand_moves_the_picture_and_the_truth_with_it() -> None:
    show = Show(people=1, seed=4, seconds=2.0, size=(426, 240), fps=10.0, handheld=True)
    still, shaken = filmed(1, show), filmed(2, show)
    corner = np.s_[:40, :40]
    first, last = still[0][0][corner].astype(float), still[-1][0][corner].astype(float)
    assert np.abs(first - last).mean() < 6  # noise alone
    moved = [
        np.abs(a[corner].astype(float) - b[corner]).mean() for (a, _), (b, _) in zip(shaken, shaken[5:], strict=False)
    ]
    assert max(moved) > 1.5 * np.abs(first - last).mean()
    for _, truth in shaken:
        if truth.visibility[0] > 0.999:
            rows, columns = np.nonzero(truth.owner)
            around = np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])
            assert np.abs(around - truth.boxes[0]).max() <= 1.6


def test_the_same_people_walk_in_every_video() -> None:
    rng = np.random.default_rng(0)
    for number in range(3):
        _, walkers = stage(SHOW, number, rng)
        for walker, who in zip(walkers, cast(SHOW), strict=True):
            assert walker.who.body == who.body
            assert (walker.who.gait.coefficients == who.gait.coefficients).all()


def test_bytes_do_not_depend_on_the_number_of_threads(tmp_path: Path) -> None:
    """Of OpenCV, and of the libraries below NumPy, which read theirs from the environment when they are loaded."""
    for count in ("1", "2"):
        (tmp_path / count).mkdir()
        environment = {**os.environ, "OPENBLAS_NUM_THREADS": count, "OMP_NUM_THREADS": count, "MKL_NUM_THREADS": count}
        run_program("film", tmp_path / count, count, env=environment)
    files = ("probe1.mp4", "probe1.gt.txt", "probe1.truth.npz", "masks.npy")
    assert {path.name for path in (tmp_path / "1").iterdir()} >= set(files)
    for file in files:
        assert (tmp_path / "1" / file).read_bytes() == (tmp_path / "2" / file).read_bytes(), file


def test_files_have_the_same_bytes_again_and_agree(tmp_path: Path) -> None:
    show = Show(people=2, seed=2, seconds=1.2, size=(320, 180), fps=10.0)
    for name in ("one", "other"):
        write_video(tmp_path / name / "probe1.mp4", show, 1)
    for file in ("probe1.mp4", "probe1.gt.txt", "probe1.truth.npz"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "other" / file).read_bytes(), file
    with open_video(tmp_path / "one/probe1.mp4") as video:
        frames = [frame.image for frame in video]
    with np.load(tmp_path / "one/probe1.truth.npz", allow_pickle=False) as truth:
        assert len(frames) == 12 == len(truth["owner"])
        assert truth["owner"].shape[1:] == frames[0].shape[:2] == (180, 320)
        assert truth["joints"].shape == (12, 2, 17, 3) and truth["joint_names"].tolist() == list(COCO_JOINTS)
        for line in (tmp_path / "one/probe1.gt.txt").read_text().splitlines():
            assert re.fullmatch(r"\d+,\d+(,\d+\.\d){4},1,1,[01]\.\d\d", line)
            frame, number, x, y, width, height, _, _, visible = (float(value) for value in line.split(","))
            box = truth["boxes"][int(frame) - 1, int(number) - 1]
            assert np.abs([x - box[0], y - box[1], x + width - box[2], y + height - box[3]]).max() < 0.11
            assert abs(visible - truth["visibility"][int(frame) - 1, int(number) - 1]) < 0.006


def test_numbers_that_make_no_sense(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--people"):
        synth_videos(tmp_path, people=0, probes=1, seed=0, seconds=1.0, handheld=False)
    with pytest.raises(ConfigError, match="--seconds"):
        synth_videos(tmp_path, people=1, probes=1, seed=0, seconds=float("nan"), handheld=False)
    assert not any(tmp_path.iterdir())
