"""`gait dataset pretreat --kind …`: what is no silhouette becomes a sample, too."""

from __future__ import annotations

import json
import os

import clips
import cv2
import numpy as np
import pytest
from published_datasets import points, smpl
from training_walks import silhouettes

from pipeline.commands.dataset import pretreat_command
from pipeline.errors import ConfigError
from pipeline.research.training.data.body_files import read_points, read_smpl
from pipeline.research.training.data.dataset import list_samples, read_sample
from pipeline.research.training.data.pose_files import FIRST, ON_SILHOUETTE


@pytest.fixture
def walk(tmp_path):
    folder = tmp_path / "raw/001/nm-01/090"
    folder.mkdir(parents=True)
    return folder


def pretreated(tmp_path, kind, **how):
    status = pretreat_command(tmp_path / "raw", tmp_path / "out", 1, kind=kind, **how)
    return status, [read_sample(sample) for sample in list_samples(tmp_path / "out")]


def test_silhouettes_that_are_aligned_stay_as_they_are(walk, tmp_path):
    masks = silhouettes(1, 3, width=64)
    for number, mask in enumerate(masks):
        cv2.imwrite(str(walk / f"{number}.png"), mask)
    status, [(found,)] = pretreated(tmp_path, "aligned")
    assert status == 0 and np.array_equal(found, masks)


def test_labels_of_body_parts_stay_labels(walk, tmp_path):
    labels = np.zeros((200, 150), np.uint8)
    labels[20:180, 60:100] = 1 + np.arange(160)[:, None] // 20
    cv2.imwrite(str(walk / "1.png"), labels)
    cv2.imwrite(str(walk / "2.png"), np.zeros((200, 150), np.uint8))
    status, [(found,)] = pretreated(tmp_path, "parsing")
    assert status == 0 and found.shape == (1, 64, 64) and set(np.unique(found)) == set(range(9))
    columns = np.flatnonzero(found[0].any(axis=0))
    assert abs(columns.mean() - 31.5) <= 1 and np.array_equal(found[0, :, 32], 1 + np.arange(64) // 8)


def test_a_photograph_has_no_labels(walk, tmp_path, capsys):
    cv2.imwrite(str(walk / "1.png"), np.random.default_rng(0).integers(0, 255, (64, 64), np.uint8))
    assert pretreat_command(tmp_path / "raw", tmp_path / "out", 1, kind="parsing") == 2
    assert "1.png: no labels of body parts" in capsys.readouterr().err


@pytest.mark.parametrize(("width", "beside"), [(64, True), (512, False)], ids=["narrow", "wide"])
def test_pictures_are_brought_to_256_by_128_with_their_ratios(walk, tmp_path, width, beside):
    picture = np.zeros((256, width, 3), np.uint8)
    picture[:] = (10, 20, 200)  # blue, green, red
    cv2.imwrite(str(walk / "1.png"), picture)
    status, [(colours, ratios)] = pretreated(tmp_path, "rgb")
    assert status == 0 and colours.shape == (1, 3, 256, 128) and ratios.tolist() == [width / 256]
    assert colours[0, :, 100, 64].tolist() == [200, 20, 10]
    assert (colours[0, :, :, 0] == 0).all() == beside
    names = [path.name for path in list_samples(tmp_path / "out")[0].files]
    assert names == ["090-aligned-rgbs.pkl", "090-ratios.pkl"]


def test_videos_lose_the_black_around_people_and_are_stretched(walk, tmp_path):
    frames = np.zeros((3, 64, 96, 3), np.uint8)
    for index, frame in enumerate(frames[:2]):
        frame[8:48, 16 : 40 + 16 * index] = (10, 20, 200)  # blue, green, red
        frame[8:48, 16:24] = 255
    clips.write(walk / "090rgb_f-1.avi", frames, codec="mpeg4", options={"qscale": "1"})
    status, [(colours, ratios)] = pretreated(tmp_path, "videos")
    assert status == 0 and colours.shape == (3, 3, 128, 128) and colours.dtype == np.uint8
    np.testing.assert_allclose(ratios, [24 / 40, 1, 1], atol=0.06)  # lossy: a column more or fewer
    assert np.abs(colours[0, :, 64, 100] - np.array([200.0, 20, 10])).max() < 16
    assert colours[0, :, 64, 20].min() > 200 and not colours[2].any()


def test_half_a_video_is_left_out_and_named(walk, tmp_path, capsys):
    noise = np.random.default_rng(0).integers(0, 256, (30, 64, 96, 3), dtype=np.uint8)
    path = clips.write(walk / "a.avi", noise, codec="mpeg4")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert pretreat_command(tmp_path / "raw", tmp_path / "out", 1, kind="videos") == 2
    assert "a.avi: damaged, 7 of its frames decode; left out" in capsys.readouterr().err
    (walk / "a.avi").write_text("#EXTM3U\nhttp://localhost/a.ts\n")
    assert pretreat_command(tmp_path / "raw", tmp_path / "out", 1, kind="videos") == 2
    assert "a.avi: a list of other files or addresses, not a video" in capsys.readouterr().err


@pytest.mark.parametrize("separator", [",", " "])
def test_lines_of_numbers_are_poses(walk, tmp_path, separator):
    poses = np.random.default_rng(0).random((3, 17, 3)).round(3)
    for number, pose in enumerate(poses):
        (walk / f"{number}_2d_pose.txt").write_text(separator.join(["9", "9", *map(str, pose.ravel())]))
    status, [(found,)] = pretreated(tmp_path, "poses")
    assert status == 0 and np.array_equal(found, poses.astype(np.float32))


@pytest.mark.parametrize("text", ["", "1,2,3", "1,2," + "x," * 51, "1,2," + ",".join(["nan"] * 51)])
def test_a_line_that_is_no_pose_is_named(walk, tmp_path, text, capsys):
    (walk / "1.txt").write_text(text)
    assert pretreat_command(tmp_path / "raw", tmp_path / "out", 1, kind="poses") == 2
    assert "1.txt: no pose" in capsys.readouterr().err


def test_of_several_people_the_one_on_the_silhouette_counts(walk, tmp_path, capsys):
    masks = tmp_path / "masks/001/nm-01/090"
    masks.mkdir(parents=True)
    beside, right = np.full((18, 3), 5.0), np.full((18, 3), 50.0)
    outside = np.full((18, 3), 500.0)
    for number, people in enumerate([[right], [beside, right, outside], [beside, right], []], start=1):
        given = {"people": [{"pose_keypoints_2d": person.ravel().tolist()} for person in people]}
        (walk / f"{number:04d}.json").write_text(json.dumps(given))
    mask = np.zeros((100, 100), np.uint8)
    mask[40:60, 40:60] = 255
    cv2.imwrite(str(masks / "0002.png"), mask)
    status, [(found,)] = pretreated(tmp_path, "poses", silhouettes=tmp_path / "masks")
    assert status == 0 and found[:, 0, 0].tolist() == [50, 50, 5]
    said = capsys.readouterr().out
    assert f"1 pictures converted: {ON_SILHOUETTE}" in said and f"1 pictures converted: {FIRST}" in said


def test_smpl_values_are_read_and_nothing_is_run(walk, tmp_path, capsys):
    smpl(walk / "1.npz", 1, 0, 0)
    status, [(found,)] = pretreated(tmp_path, "smpl")
    assert status == 0 and found.shape == (1, 85)

    class Hostile:
        def __reduce__(self):
            return os.system, (f"touch {tmp_path / 'trace'}",)

    box = np.empty((), object)
    box[()] = [{"cam": np.zeros(3), "poses": np.zeros(72), "betas": Hostile()}]
    np.savez(walk / "2.npz", results=box)
    assert pretreat_command(tmp_path / "raw", tmp_path / "out", 1, kind="smpl", overwrite=True) == 2
    assert "refused, its pickle holds other objects" in capsys.readouterr().err
    assert not (tmp_path / "trace").exists()


@pytest.mark.parametrize("content", [{"x": np.zeros(3)}, {"results": np.zeros(3)}, {"results": np.array(None, object)}])
def test_what_is_no_smpl_is_one_line(tmp_path, content):
    np.savez(tmp_path / "a.npz", **content)
    with pytest.raises(ValueError, match="no SMPL values"):
        read_smpl(tmp_path / "a.npz")


def test_clouds_in_bytes_and_in_text_are_the_same(walk, tmp_path):
    points(walk / "1.pcd", 1, 0, 0)
    cloud, _ = read_points(walk / "1.pcd")
    rows = "\n".join(f"{z} {x} {y}" for x, y, z in np.concatenate([cloud, [[np.nan, 0, 0]]]).tolist())
    head = f"FIELDS z x y\nSIZE 4 4 4\nTYPE F F F\nPOINTS {len(cloud) + 1}\nDATA ascii\n"
    (walk / "2.pcd").write_text(head + rows)
    assert np.array_equal(read_points(walk / "2.pcd")[0], cloud)
    status, [(found,)] = pretreated(tmp_path, "points")
    assert status == 0 and len(found) == 2 and found[0].shape[1] == 3


def test_a_cloud_is_drawn_from_the_front_head_up_and_feet_down(walk, tmp_path):
    """A wall of a person seven metres away, whose left arm is held a metre nearer."""
    across, up = (side.ravel() for side in np.meshgrid(np.arange(-0.3, 0.3, 0.02), np.arange(-0.9, 0.9, 0.02)))
    arm = (across > 0.15) & (up > 0)
    cloud = np.stack([np.where(arm, -6.0, -7.0), across, up], axis=1)
    rows = "\n".join(" ".join(f"{value:.4f}" for value in point) for point in cloud.tolist())
    (walk / "1.pcd").write_text(f"FIELDS x y z\nSIZE 4 4 4\nTYPE F F F\nPOINTS {len(cloud)}\nDATA ascii\n{rows}")
    (walk / "2.pcd").write_text("FIELDS x y z\nSIZE 4 4 4\nTYPE F F F\nPOINTS 1\nDATA ascii\n-7 0 0")
    status, [(found,)] = pretreated(tmp_path, "depths")
    assert status == 0 and found.shape == (1, 3, 64, 64) and found.dtype == np.uint8  # a single point is nobody
    red, green, blue = found[0].astype(int)
    lit = (red + green + blue) > 60
    assert lit[1].any() and lit[-1].any()
    columns = np.flatnonzero(lit.any(axis=0))
    assert 20 <= len(columns) <= 30 and abs(columns.mean() - 32) < 4
    near, far = red > 80, blue > 80  # the table's ends are dark red and dark blue
    assert not (near & far).any() and near.sum() > 40 and far.sum() > 3 * near.sum()
    assert not near[37:].any()  # the arm ends at the waist, which lies a little lower than the middle


def test_a_published_picture_of_depth_stays_as_it_is(walk, tmp_path):
    picture = np.zeros((64, 64, 3), np.uint8)
    picture[:, 20:40] = 1, 2, 3  # blue, green, red
    cv2.imwrite(str(walk / "1.png"), picture)
    status, [(found,)] = pretreated(tmp_path, "depths")
    assert status == 0 and found[0, :, 5, 30].tolist() == [3, 2, 1] and not found[..., :20].any()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "FIELDS x y\nSIZE 4 4\nTYPE F F\nPOINTS 1\nDATA ascii\n1 2",
        "FIELDS x y z\nDATA binary\n",
        "FIELDS x y z\nSIZE 4 4 4\nTYPE F F F\nPOINTS 99999999999\nDATA binary\nx",
        "FIELDS x y z\nSIZE 4 4 4\nTYPE F F F\nPOINTS 1\nDATA binary_compressed\nx",
        "FIELDS x y z\nSIZE 3 4 4\nTYPE F F F\nPOINTS 1\nDATA binary\nx",
    ],
)
def test_what_is_no_cloud_is_one_line(tmp_path, text):
    (tmp_path / "a.pcd").write_text(text)
    with pytest.raises(ValueError, match="no cloud of points"):
        read_points(tmp_path / "a.pcd")


def test_frames_of_two_shapes_are_named(walk, tmp_path, capsys):
    for joints in (17, 18):
        pose = {"people": [{"pose_keypoints_2d": [1.0] * 54}]}
        text = json.dumps(pose) if joints == 18 else ",".join(["1"] * 53)
        (walk / f"1.{'json' if joints == 18 else 'txt'}").write_text(text)
    assert pretreat_command(tmp_path / "raw", tmp_path / "out", 1, kind="poses") == 2
    assert "001/nm-01/090: frames of 17×3 and 18×3, not of one walk; left out" in capsys.readouterr().err


def test_another_kind_is_one_line(tmp_path):
    with pytest.raises(ConfigError, match=r"--kind masks: unknown\. Known are silhouettes"):
        pretreated(tmp_path, "masks")
