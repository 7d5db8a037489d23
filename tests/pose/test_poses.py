"""Poses gathered by track, kept on disk, and judged."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from pipeline.config import PoseConfig
from pipeline.errors import InputError
from pipeline.pose.crop import View
from pipeline.pose.poses import PoseBuilder, cut_poses
from pipeline.pose.storage import read_poses, write_opengait, write_poses
from pipeline.types import Frame, PoseSequence, TrackedBoxes

VIEW = View((64, 64), 0.0, None)


def frame_and_people(index, boxes):
    boxes = np.array(boxes, np.float32).reshape(-1, 4)
    tracked = TrackedBoxes(index, np.arange(1, len(boxes) + 1), boxes, np.ones(len(boxes), np.float32))
    return Frame(index, index / 25, np.full((120, 160, 3), 90, np.uint8)), tracked


def poses(scores, frame_indices=None):
    keypoints = np.zeros((len(scores), 17, 3), np.float32)
    keypoints[..., 0], keypoints[..., 2] = np.arange(17), np.array(scores)[:, None]
    indices = np.arange(len(scores)) if frame_indices is None else np.array(frame_indices)
    return PoseSequence("probe", 7, keypoints, indices, (120, 160))


def test_joints_are_gathered_by_track_in_pixels_of_the_frame():
    builder = PoseBuilder("probe", (120, 160))
    for index in range(3):
        crops = cut_poses(*frame_and_people(index, [(10, 20, 40, 84), (80, 20, 110, 84)]), PoseConfig(), VIEW)
        joints = np.zeros((2, 17, 3), np.float32)
        joints[..., :2], joints[..., 2] = 32, 0.5 + index / 10
        for crop, found in zip(crops, joints, strict=True):
            builder.add(crop.track_id, crop.frame_index, crop.to_frame(found))
    first, second, never = builder.finish([1, 2, 9])
    assert first.frame_indices.tolist() == [0, 1, 2]
    assert first.keypoints[1, 4] == pytest.approx([25, 52, 0.6])
    assert second.keypoints[2, 16] == pytest.approx([95, 52, 0.7])
    assert len(never) == 0 and never.keypoints.shape == (0, 17, 3)


def test_frames_are_left_out_as_configured():
    people = [frame_and_people(index, [(10, 20, 40, 84)]) for index in range(6)]
    cut = [cut_poses(frame, tracked, PoseConfig(every=3), VIEW) for frame, tracked in people]
    assert [len(crops) for crops in cut] == [1, 0, 0, 1, 0, 0]


def test_boxes_outside_of_the_frame_give_no_pose():
    assert cut_poses(*frame_and_people(0, [(500, 20, 540, 84)]), PoseConfig(), VIEW) == []


def test_frames_with_faint_joints_are_not_usable():
    good = poses([0.9, 0.1, 0.5], [4, 5, 9]).usable(0.3)
    assert good.frame_indices.tolist() == [4, 9] and len(good) == 2


def test_what_is_written_is_read_again(tmp_path):
    written = poses([0.9, 0.2], [3, 8])
    write_poses(tmp_path / "007.npz", written)
    found = read_poses(tmp_path / "007.npz", "probe", 7)
    assert np.array_equal(found.keypoints, written.keypoints) and np.array_equal(found.frame_indices, [3, 8])
    assert found.frame_size == (120, 160) and found.keypoints.dtype == np.float32


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut", pickle.dumps([1])])
def test_what_is_no_pose_file_is_refused(tmp_path, content):
    (tmp_path / "001.npz").write_bytes(content)
    with pytest.raises(InputError, match=r"001\.npz: not a pose sequence"):
        read_poses(tmp_path / "001.npz", "probe", 1)


def test_arrays_of_another_shape_are_refused(tmp_path):
    np.savez(tmp_path / "001.npz", keypoints=np.zeros((2, 18, 3)), frame_indices=np.arange(2), frame_size=[4, 4])
    with pytest.raises(InputError, match="keypoints must be T×17×3"):
        read_poses(tmp_path / "001.npz", "probe", 1)


def test_opengait_gets_a_pickled_array(tmp_path):
    written = poses([0.9, 0.2])
    write_opengait(tmp_path / "walk.pkl", written.keypoints)
    found = pickle.loads((tmp_path / "walk.pkl").read_bytes())
    assert found.dtype == np.float32 and np.array_equal(found, written.keypoints)
