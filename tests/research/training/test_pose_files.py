"""Published poses, in GaitGraph's CSV and OUMVLP-Pose's folders."""

from __future__ import annotations

import json

import numpy as np
import pytest

from pipeline.commands.dataset import pretreat_command
from pipeline.errors import InputError
from pipeline.research.training.data.dataset import list_samples, read_sample
from pipeline.research.training.data.pose_files import read_casia_b_csv, read_oumvlp_folder


def poses(seed, frames, joints=17):
    return np.random.default_rng(seed).random((frames, joints, 3)).astype(np.float32).round(4)


def csv_line(walk, frame, pose):
    return ",".join([f"dense/{walk}/{frame:06d}.jpg", *(f"{value:.4f}" for value in pose.ravel())])


@pytest.fixture
def table(tmp_path):
    lines = ["image_name," + ",".join(f"j{number}" for number in range(51))]
    for walk, seed in (("001-bg-01-090", 1), ("001-nm-06-180", 2)):
        lines += [csv_line(walk, frame, pose) for frame, pose in enumerate(poses(seed, 4))]
    path = tmp_path / "casia-b_pose_coco.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def test_the_csv_of_casia_b_is_read_walk_by_walk(table):
    first, second = read_casia_b_csv(table)
    assert (first.identity, first.type, first.view) == ("001", "bg-01", "090")
    assert (second.identity, second.type, second.view) == ("001", "nm-06", "180")
    np.testing.assert_allclose(first.poses, poses(1, 4))
    assert second.poses.dtype == np.float32 and second.poses.shape == (4, 17, 3)


def test_a_byte_order_mark_does_no_harm(table):
    _, *lines = table.read_text().replace("dense/", "").splitlines(keepends=True)
    table.write_text("".join(lines), encoding="utf-8-sig")
    assert len(list(read_casia_b_csv(table))) == 2


def test_the_csv_becomes_a_dataset(table, tmp_path):
    assert pretreat_command(table, tmp_path / "out", 1) == 0
    bag, normal = list_samples(tmp_path / "out")
    assert (bag.name, normal.name) == ("001/bg-01/090", "001/nm-06/180")
    np.testing.assert_allclose(read_sample(normal)[0], poses(2, 4))


def test_lines_of_two_walks_in_turn_are_gathered(tmp_path):
    lines = [
        csv_line(walk, frame, poses(seed, 10)[frame])
        for frame in range(10)
        for walk, seed in (("001-bg-01-090", 1), ("001-nm-06-180", 2))
    ]
    path = tmp_path / "x.csv"
    path.write_text("\n".join(lines))
    first, second = read_casia_b_csv(path)
    assert (first.type, second.type) == ("bg-01", "nm-06")
    np.testing.assert_allclose(first.poses, poses(1, 10))
    np.testing.assert_allclose(second.poses, poses(2, 10))


def test_nothing_is_written_of_a_table_with_a_wrong_line(table, tmp_path):
    table.write_text(table.read_text() + "dense/001-bg-01-090/000009.jpg,1,2,3\n")
    with pytest.raises(InputError, match="line 10"):
        pretreat_command(table, tmp_path / "out", 1)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "line",
    [
        "dense/001-bg-01-090/000009.jpg,1,2,3",
        csv_line("walk", 1, poses(0, 1)),
        csv_line("001-nm-01-000", 1, poses(0, 1)) + "x",
    ],
    ids=["too few numbers", "no such walk", "no number"],
)
def test_a_wrong_line_is_named(table, line):
    table.write_text(table.read_text() + line + "\n")
    with pytest.raises(InputError, match=r"casia-b_pose_coco\.csv, line 10: expected"):
        list(read_casia_b_csv(table))


def test_a_csv_without_poses_is_refused(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("image_name,a,b\n")
    with pytest.raises(InputError, match=r"x\.csv: no poses"):
        list(read_casia_b_csv(path))


@pytest.fixture
def folders(tmp_path):
    root = tmp_path / "pose"
    for view in ("000", "090"):
        folder = root / f"00001/{view}_01"
        folder.mkdir(parents=True)
        for index, pose in enumerate(poses(int(view), 3, 18)):
            people = [{"pose_keypoints_2d": pose.ravel().tolist()}, {"pose_keypoints_2d": [0.0] * 54}]
            (folder / f"{index:04d}.json").write_text(json.dumps({"people": people}))
        (folder / "._0000.json").write_bytes(b"\0\5\x16\7")  # macOS's notes beside a file
        (folder / "0003.json").write_text(json.dumps({"people": []}))
    return root


def test_the_folders_of_oumvlp_pose_become_a_dataset(folders, tmp_path):
    walks = list(read_oumvlp_folder(folders))
    assert [(walk.identity, walk.type, walk.view) for walk in walks] == [("00001", "01", "000"), ("00001", "01", "090")]
    np.testing.assert_allclose(walks[1].poses, poses(90, 3, 18))
    assert pretreat_command(folders, tmp_path / "out", 1) == 0
    assert [walk.name for walk in list_samples(tmp_path / "out")] == ["00001/01/000", "00001/01/090"]


@pytest.mark.parametrize("text", ["{", "[]", '{"people": [{}]}', '{"people": [{"pose_keypoints_2d": [1, 2]}]}', "3"])
def test_another_json_is_named(folders, text):
    (folders / "00001/000_01/0001.json").write_text(text)
    with pytest.raises(InputError, match=r"0001\.json: no pose"):
        list(read_oumvlp_folder(folders))
