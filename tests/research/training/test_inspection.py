"""`gait dataset check` names what is wrong."""

from __future__ import annotations

import json
import pickle
import shutil

import numpy as np
import pytest
from training_walks import write_dataset

from pipeline.commands.dataset import check_command
from pipeline.errors import InputError


@pytest.fixture
def root(tmp_path):
    return write_dataset(tmp_path / "data", 5, ("nm-01",), ("000", "090"), held_out=1, frames=20)


def findings(root, tmp_path, least=15, name=""):
    status = check_command(root, None, name, least, tmp_path / "report.json")
    report = json.loads((tmp_path / "report.json").read_text())
    assert (status == 2) == bool(report["findings"])
    return {(one["kind"], one["where"]): one["what"] for one in report["findings"]}


def test_a_whole_dataset_is_fine(root, tmp_path, capsys):
    assert findings(root, tmp_path) == {}
    said = capsys.readouterr().out
    assert "nothing is missing" in said and "identities" in said


def test_everything_that_is_wrong_is_found(root, tmp_path, capsys):
    (root / "001/nm-01/000/000.pkl").write_bytes(b"damaged")
    (root / "001/nm-01/090/090.pkl").write_bytes(pickle.dumps(np.zeros((9, 64, 44), np.uint8)))
    (root / "002/nm-01/000/pose.pkl").write_bytes(pickle.dumps(np.zeros((5, 17, 3), np.float32)))
    (root / "002/nm-01/090/090.pkl").write_bytes(pickle.dumps(np.zeros((20, 128, 88), np.uint8)))
    shutil.rmtree(root / "003")
    (root / "006/nm-01/000").mkdir(parents=True)
    (root / "007").mkdir()
    found = findings(root, tmp_path)
    assert set(found) == {
        ("unreadable", "001/nm-01/000"),
        ("too short", "001/nm-01/090"),
        ("uneven", "002/nm-01/000"),
        ("uneven", "002/nm-01/090"),
        ("missing", "003"),
        ("empty", "006/nm-01/000"),
        ("empty", "007"),
        ("not in the partition", "006"),
        ("not in the partition", "007"),
    }
    assert "000.pkl" in found["unreadable", "001/nm-01/000"]
    assert found["too short", "001/nm-01/090"] == "9 frames, fewer than 15"
    said = capsys.readouterr().out
    assert "too short: 001/nm-01/090: 9 frames" in said


def every(root, alter):
    for path in root.glob("*/*/*/*.pkl"):
        path.write_bytes(pickle.dumps(alter(pickle.loads(path.read_bytes()))))


@pytest.mark.parametrize(
    "alter",
    [
        lambda masks: np.repeat(masks[:, None], 3, axis=1),
        lambda masks: masks[:, :48],
        lambda masks: masks.astype(np.int16) - 1,
        lambda masks: (masks > 0) * np.uint8(2),
    ],
    ids=["RGB", "height", "negative", "labels of two parts"],
)
def test_a_dataset_of_what_no_training_takes_for_silhouettes_is_not_fine(root, tmp_path, alter):
    every(root, alter)
    found = findings(root, tmp_path)
    assert len(found) == 10 and {kind for kind, _ in found} == {"no silhouettes"}
    assert "silhouettes are T×H×W uint8" in found["no silhouettes", "001/nm-01/000"]


@pytest.mark.parametrize(
    "alter",
    [
        lambda masks: (masks > 0).astype(np.uint8),
        lambda masks: masks > 0,
        lambda masks: np.where(masks > 0, np.arange(44) // 4, 0).astype(np.uint8),
        lambda masks: np.stack([masks, masks // 9], axis=1),
        lambda masks: np.arange(len(masks) * 51, dtype=np.float32).reshape(-1, 17, 3) - 20,
        lambda masks: np.arange(len(masks) * 85, dtype=np.float32).reshape(-1, 85),
        lambda masks: [np.ones((30, 3), np.float32) for _ in masks],
        lambda masks: np.where(masks > 0, np.arange(44) * 5, 0).astype(np.uint8),
    ],
    ids=["0 and 1", "booleans", "human parsing", "skeleton maps", "keypoints", "SMPL", "clouds", "depth"],
)
def test_a_dataset_of_any_modality_is_fine(root, tmp_path, alter):
    every(root, alter)
    assert findings(root, tmp_path) == {}


def test_a_pickle_with_code_is_unreadable_and_not_run(root, tmp_path):
    class Hostile:
        def __reduce__(self):
            return eval, (f"open({str(tmp_path / 'trace')!r}, 'w')",)

    (root / "001/nm-01/000/000.pkl").write_bytes(pickle.dumps(Hostile()))
    assert ("unreadable", "001/nm-01/000") in findings(root, tmp_path)
    assert not (tmp_path / "trace").exists()


def test_without_a_partition_the_walks_alone_are_looked_at(root, tmp_path):
    (root / "partition.json").unlink()
    assert findings(root, tmp_path) == {}
    assert findings(root, tmp_path, least=21) != {}


def test_the_authors_partition_of_casia_b_is_known(root, tmp_path):
    (root / "partition.json").unlink()
    assert findings(root, tmp_path, name="CASIA-B") == {}


def test_a_dataset_that_is_not_there_is_one_line(tmp_path):
    with pytest.raises(InputError, match="no such dataset folder"):
        check_command(tmp_path / "x", None, "", 15, None)
