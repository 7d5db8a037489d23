"""`gait poses export`."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from pipeline.commands.poses import export_poses
from pipeline.errors import InputError
from pipeline.files import write_json
from pipeline.pose.storage import write_poses
from pipeline.runs.folder import RunFolder
from pipeline.types import PoseSequence


@pytest.fixture
def walker(golden):
    with np.load(golden("skeleton_maps") / "input.npz") as file:
        return file["A_clean_17"]


@pytest.fixture
def run(tmp_path, walker):
    """A run folder with one walker, seen well in all frames but two, and somebody who was never seen."""
    folder = RunFolder(tmp_path / "run")
    keypoints = walker.astype(np.float32)
    keypoints[[3, 9], :, 2] = 0.1
    write_poses(folder.poses("gallery", 4), PoseSequence("gallery", 4, keypoints, np.arange(20), (240, 320)))
    write_poses(folder.poses("gallery", 5), PoseSequence("gallery", 5, keypoints[:0], np.arange(0), (240, 320)))
    write_json(folder.record, {"config": {"pose": {"min_score": 0.3}}})
    return folder.path


def test_keypoints_of_usable_frames_are_written_a_file_a_walk(run, tmp_path, walker, capsys):
    (run / "poses/gallery/._004.npz").write_bytes(b"\0\5\x16\7")  # macOS's notes beside a file
    export_poses(run, tmp_path / "data", maps=False)
    assert "1 walks, 18 poses" in capsys.readouterr().out
    (file,) = (tmp_path / "data").rglob("*.pkl")
    assert file.relative_to(tmp_path / "data").as_posix() == "gallery/004/undefined/004.pkl"
    found = pickle.loads(file.read_bytes())
    assert np.array_equal(found, np.delete(walker, [3, 9], axis=0).astype(np.float32))


def test_maps_equal_the_reference(run, tmp_path, golden):
    export_poses(run, tmp_path / "data", maps=True)
    found = pickle.loads((tmp_path / "data/gallery/004/undefined/004.pkl").read_bytes())
    with np.load(golden("skeleton_maps") / "output.npz") as output:
        expected = np.delete(output["A_final"], [3, 9], axis=0)
    assert found.dtype == np.uint8 and np.abs(found.astype(int) - expected).max() <= 1  # float32 keypoints


def test_a_run_without_poses_is_refused(tmp_path):
    write_json(tmp_path / "run.json", {"config": {}})
    with pytest.raises(InputError, match=r"no poses in this run.*pose\.always=true"):
        export_poses(tmp_path, tmp_path / "data", maps=False)


def test_what_is_no_run_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"run\.json"):
        export_poses(tmp_path, tmp_path / "data", maps=False)
