"""OpenGait's layout and partitions, read as OpenGait reads them."""

from __future__ import annotations

import json
import pickle

import numpy as np
import pytest
from training_walks import silhouettes, write_dataset

from pipeline.errors import ConfigError, InputError
from pipeline.training.dataset import list_walks, partition_of, read_partition, read_silhouettes, read_walk


@pytest.fixture
def root(tmp_path):
    return write_dataset(tmp_path / "data", size=(64, 64))


def test_walks_come_in_the_order_of_the_identities_then_sorted(root):
    walks = list_walks(root, ["003", "001", "absent"])
    assert [walk.name for walk in walks[:3]] == ["003/bg-01/000", "003/bg-01/090", "003/nm-01/000"]
    assert len(walks) == 12 and walks[-1].name == "001/nm-02/090"
    assert len(list_walks(root)) == 36


def test_silhouettes_are_cut_to_the_width_of_the_encoders(root):
    walk = list_walks(root, ["002"])[0]
    whole = read_silhouettes(walk, cut=False)
    np.testing.assert_array_equal(whole, silhouettes(1, 13, 64, 64, jitter=4))
    np.testing.assert_array_equal(read_silhouettes(walk), whole[:, :, 10:54])


@pytest.mark.parametrize(
    ("in_use", "names"),
    [(None, ["a", "b", "c"]), ([True, False, True], ["a", "c"]), ([2, 0], ["c", "a"]), ([False, True], ["b"])],
)
def test_modalities_are_chosen_by_mask_or_by_order(tmp_path, in_use, names):
    folder = tmp_path / "001/nm-01/000"
    folder.mkdir(parents=True)
    for name in "cab":
        (folder / f"{name}.pkl").write_bytes(pickle.dumps(np.full((2, 4, 4), ord(name), np.uint8)))
    (folder / "notes.txt").write_text("not a modality")
    (walk,) = list_walks(tmp_path, None, in_use)
    assert [path.stem for path in walk.files] == names
    assert [chr(modality[0, 0, 0]) for modality in read_walk(walk)] == names


def test_an_order_beyond_the_files_is_refused(root):
    with pytest.raises(ConfigError, match=r"data_in_use \[0, 3\].*only 1 files"):
        list_walks(root, None, [0, 3])


def test_modalities_of_different_lengths_are_refused(root):
    walk = list_walks(root)[0]
    (walk.files[0].parent / "pose.pkl").write_bytes(pickle.dumps(np.zeros((3, 17, 3), np.float32)))
    with pytest.raises(InputError, match=r"bg-01/000: modalities of different lengths \[13, 3\]"):
        read_walk(list_walks(root)[0])


def test_the_partition_names_training_test_and_probes(root, tmp_path):
    partition = read_partition(root / "partition.json")
    assert partition.train == ("001", "002", "003", "004") and partition.test == ("005", "006")
    path = tmp_path / "gait3d.json"
    path.write_text(json.dumps({"TRAIN_SET": ["0001"], "TEST_SET": [], "PROBE_SET": ["0001-camid0_videoid2-seq0"]}))
    assert read_partition(path).probes == ("0001-camid0_videoid2-seq0",)


@pytest.mark.parametrize("text", ["", "[]", '{"TRAIN_SET": ["1"]}', '{"TRAIN_SET": [1], "TEST_SET": []}', "[" * 100000])
def test_another_file_is_no_partition(tmp_path, text):
    path = tmp_path / "p.json"
    path.write_text(text)
    with pytest.raises(InputError, match=r"p\.json: "):
        read_partition(path)


def test_a_missing_dataset_and_unknown_identities_are_refused(root, tmp_path):
    with pytest.raises(InputError, match="no such dataset folder"):
        list_walks(tmp_path / "nowhere")
    with pytest.raises(InputError, match="no walks of any of 2 identities"):
        list_walks(root, ["x", "y"])


def test_what_is_no_silhouette_is_refused(tmp_path):
    folder = tmp_path / "001/nm-01/000"
    folder.mkdir(parents=True)
    (folder / "pose.pkl").write_bytes(pickle.dumps(np.zeros((3, 17, 3), np.float32)))
    with pytest.raises(InputError, match=r"pose\.pkl: \(3, 17, 3\) float32; silhouettes are T×H×W uint8"):
        read_silhouettes(list_walks(tmp_path)[0])


def test_the_authors_rule_divides_casia_b_where_there_is_no_file(tmp_path):
    for who in ("001", "074", "075", "124", "notes"):
        (tmp_path / who).mkdir()
    partition = partition_of(tmp_path, None, "CASIA-B")
    assert (partition.train, partition.test) == (("001", "074"), ("075", "124"))
    (tmp_path / "partition.json").write_text('{"TRAIN_SET": ["075"], "TEST_SET": ["001"]}')
    assert partition_of(tmp_path, None, "CASIA-B").train == ("075",)


def test_a_dataset_without_a_partition_or_a_rule_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"partition\.json"):
        partition_of(tmp_path, None, "Gait3D")
