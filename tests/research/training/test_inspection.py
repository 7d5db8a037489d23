"""`gait dataset check` names what is wrong."""

from __future__ import annotations

import json
import pickle
import shutil

import cv2
import numpy as np
import pytest
from modal_walks import write_modalities
from training_walks import silhouettes, write_dataset

from pipeline.commands.dataset import check_command
from pipeline.errors import ConfigError, InputError
from pipeline.research.training.data.dataset import list_samples, read_sample
from pipeline.segmentation.normalise import normalise


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
    (root / "001/nm-01/090/090.pkl").write_bytes(pickle.dumps(silhouettes(7, 9)))
    (root / "002/nm-01/000/pose.pkl").write_bytes(pickle.dumps(np.zeros((5, 17, 3), np.float32)))
    (root / "002/nm-01/090/090.pkl").write_bytes(pickle.dumps(silhouettes(8, 20, 128, 88)))
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
        lambda masks: np.arange(len(masks) * 51, dtype=np.float32).reshape(-1, 17, 3) - masks.sum(dtype=int) % 99,
        lambda masks: np.arange(len(masks) * 85, dtype=np.float32).reshape(-1, 85) - masks.sum(dtype=int) % 99,
        lambda masks: [np.full((30, 3), masks.mean(), np.float32) for _ in masks],
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


def altered(root, walk, alter):
    path = root / walk / f"{walk[-3:]}.pkl"
    path.write_bytes(pickle.dumps(alter(pickle.loads(path.read_bytes()))))


def clean(masks):
    """Without the single pixels that made-up walkers have."""
    return np.stack([cv2.medianBlur(mask, 3) for mask in masks])


def jpeg(masks):
    packed = [cv2.imencode(".jpg", mask, [cv2.IMWRITE_JPEG_QUALITY, 50])[1] for mask in masks]
    return np.stack([cv2.imdecode(data, cv2.IMREAD_GRAYSCALE) for data in packed])


def with_another(masks):
    masks = masks.copy()
    masks[:, 1:63, 0:5] = 255
    return masks


@pytest.fixture
def faulty(root):
    every(root, clean)
    altered(root, "001/nm-01/000", jpeg)
    altered(root, "001/nm-01/090", lambda masks: np.concatenate([masks, np.zeros_like(masks[:3])]))
    altered(root, "002/nm-01/000", with_another)
    altered(root, "002/nm-01/090", lambda masks: masks[:, ::-1])
    for source, target in (("003/nm-01/000", "004/nm-01/000"), ("003/nm-01/090", "003/nm-01/000")):
        path = root / source / f"{source[-3:]}.pkl"
        (root / target / "000.pkl").write_bytes(path.read_bytes())
    altered(root, "003/nm-01/000", lambda masks: masks[..., ::-1])
    altered(root, "005/nm-01/000", lambda masks: masks[:9])
    return root


def test_faults_of_readable_silhouettes_are_found(faulty, tmp_path, capsys):
    found = findings(faulty, tmp_path)
    assert found == {
        ("noise", "001/nm-01/000"): "20 of 20 frames have grey specks, as JPEG makes them",
        ("empty frames", "001/nm-01/090"): "3 of 24 frames show nobody",
        ("two people", "002/nm-01/000"): "20 of 20 frames show somebody else, too",
        ("upside down", "002/nm-01/090"): "what moves is at the top",
        ("mirrored", "003/nm-01/090"): "003/nm-01/000 in a mirror",
        ("too short", "005/nm-01/000"): "9 frames, fewer than 15",
    }


def test_a_walk_of_one_identity_under_two_is_found(root, tmp_path):
    shutil.copyfile(root / "001/nm-01/000/000.pkl", root / "004/nm-01/000/000.pkl")
    said = "the same frames as 001/nm-01/000, of one identity under two"
    assert findings(root, tmp_path) == {("repeated", "004/nm-01/000"): said}


def test_a_copy_is_put_right(faulty, tmp_path, capsys):
    assert check_command(faulty, None, "", 15, None, tmp_path / "right") == 2
    assert "5 walks as it was, 4 walks put right, 1 walks left out" in capsys.readouterr().out
    found = findings(tmp_path / "right", tmp_path)
    assert set(found) == {("mirrored", "003/nm-01/090")}  # which of the two is right nobody can tell
    before, after = (
        {sample.name: read_sample(sample)[0] for sample in list_samples(one)} for one in (faulty, tmp_path / "right")
    )
    assert set(before) - set(after) == {"005/nm-01/000"}
    assert np.array_equal(after["002/nm-01/090"], before["002/nm-01/090"][:, ::-1])
    assert len(after["001/nm-01/090"]) == 21 and after["002/nm-01/000"][:, 1:63, 0:5].max() == 0
    assert (after["004/nm-01/090"] == before["004/nm-01/090"]).all()
    assert json.loads((tmp_path / "right/partition.json").read_text())["TEST_SET"] == ["005"]


def test_frames_without_anybody_go_from_all_files(root, tmp_path):
    for where in ("000", "090"):
        folder = root / "001/nm-01" / where
        masks = pickle.loads((folder / f"{where}.pkl").read_bytes())
        masks[4] = 0
        (folder / f"{where}.pkl").write_bytes(pickle.dumps(masks))
        (folder / "pose.pkl").write_bytes(pickle.dumps(np.arange(len(masks) * 51.0).reshape(-1, 17, 3)))
        (folder / "points.pkl").write_bytes(pickle.dumps([np.full((9, 3), float(n)) for n in range(len(masks))]))
    check_command(root, None, "", 15, None, tmp_path / "right")
    masks, clouds, poses = read_sample(list_samples(tmp_path / "right")[0])
    assert len(masks) == len(poses) == len(clouds) == 19
    assert poses[4, 0, 0] == 5 * 51 and clouds[4][0, 0] == 5


def test_a_copy_is_made_in_a_new_folder(root):
    with pytest.raises(ConfigError, match="is not empty"):
        check_command(root, None, "", 15, None, root)


def pretreated(masks):
    """As from a picture of another size: with grey edges."""
    return np.stack([normalise(cv2.resize(mask, None, fx=0.7, fy=0.7), reference=True) for mask in masks])


@pytest.mark.parametrize("alter", [lambda masks: masks, pretreated], ids=["sharp", "pretreated"])
def test_walkers_have_no_faults(tmp_path, alter):
    """From all sides: nobody is taken for two people, or for standing on the head, and grey edges are no noise."""
    views = tuple(f"{view:03d}" for view in range(0, 181, 30))
    root = write_modalities(tmp_path / "data", ["silhouettes"], 4, views=views, frames=20)
    every(root, alter)
    assert findings(root, tmp_path) == {}
