"""OpenGait's layout and partitions, read as OpenGait reads them."""

from __future__ import annotations

import json
import pickle

import numpy as np
import pytest
from training_walks import silhouettes, write_dataset

from pipeline.errors import ConfigError, InputError
from pipeline.research.training.data.dataset import (
    list_samples,
    partition_of,
    read_partition,
    read_sample,
    read_silhouettes,
    with_silhouettes,
)
from pipeline.types import Modality


@pytest.fixture
def root(tmp_path):
    return write_dataset(tmp_path / "data", size=(64, 64))


def test_walks_come_in_the_order_of_the_identities_then_sorted(root):
    walks = list_samples(root, ["003", "001", "absent"])
    assert [walk.name for walk in walks[:3]] == ["003/bg-01/000", "003/bg-01/090", "003/nm-01/000"]
    assert len(walks) == 12 and walks[-1].name == "001/nm-02/090"
    assert len(list_samples(root)) == 36


def test_silhouettes_are_cut_to_the_width_of_the_encoders(root):
    walk = list_samples(root, ["002"])[0]
    whole = read_silhouettes(walk, columns=0)
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
    (walk,) = list_samples(tmp_path, None, in_use)
    assert [path.stem for path in walk.files] == names
    assert [chr(modality[0, 0, 0]) for modality in read_sample(walk)] == names


def test_an_order_beyond_the_files_is_refused(root):
    with pytest.raises(ConfigError, match=r"data_in_use \[0, 3\].*only 1 files"):
        list_samples(root, None, [0, 3])


def test_modalities_of_different_lengths_are_refused(root):
    walk = list_samples(root)[0]
    (walk.files[0].parent / "pose.pkl").write_bytes(pickle.dumps(np.zeros((3, 17, 3), np.float32)))
    with pytest.raises(InputError, match=r"bg-01/000: modalities of different lengths \[13, 3\]"):
        read_sample(list_samples(root)[0])


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
        list_samples(tmp_path / "nowhere")
    with pytest.raises(InputError, match="no walks of any of 2 identities"):
        list_samples(root, ["x", "y"])


def test_what_is_no_silhouette_is_refused(tmp_path):
    folder = tmp_path / "001/nm-01/000"
    folder.mkdir(parents=True)
    (folder / "pose.pkl").write_bytes(pickle.dumps(np.zeros((3, 17, 3), np.float32)))
    with pytest.raises(InputError, match=r"pose\.pkl: \(3, 17, 3\) float32; silhouettes are T×H×W uint8"):
        read_silhouettes(list_samples(tmp_path)[0])


def one_walk(root, frames, name="000"):
    folder = root / "001/nm-01/000"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.pkl").write_bytes(pickle.dumps(frames))
    return list_samples(root)[0]


def needed(walk, needs):
    """A walk as a training or an evaluation takes it."""
    return with_silhouettes(walk, read_sample(walk), needs)


MASKS = silhouettes(0, 6, 64, 64)
AS_OTHERS_HAVE_THEM = {
    "0 and 1": (MASKS > 0).astype(np.uint8),
    "0 and 1 in 64 bits": (MASKS > 0).astype(np.int64),
    "booleans": MASKS > 0,
    "fractions": (MASKS / 255).astype(np.float32),
    "64 bits": MASKS.astype(np.int64),
    "floats": MASKS.astype(np.float64),
}


@pytest.mark.parametrize("case", AS_OTHERS_HAVE_THEM)
def test_silhouettes_of_other_types_become_0_to_255_and_zeros_and_ones_are_told_of_once(tmp_path, capsys, case):
    walk = one_walk(tmp_path, AS_OTHERS_HAVE_THEM[case])
    for found in (needed(walk, [Modality.SILHOUETTES])[0], read_silhouettes(walk, columns=0)):
        assert found.dtype == np.uint8
        np.testing.assert_array_equal(found, MASKS)
    told = capsys.readouterr().err
    assert told.count("silhouettes of 0 to 1 are read as 0 to 255") == (AS_OTHERS_HAVE_THEM[case].max() <= 1)


NO_SILHOUETTES = {
    "RGB": (np.repeat(MASKS[:, None], 3, axis=1), r"\(6, 3, 64, 64\) uint8; "),
    "RGB last": (np.repeat(MASKS[..., None], 3, axis=3), r"\(6, 64, 64, 3\) uint8; "),
    "height": (MASKS[:, :48], r"\(6, 48, 64\) uint8; "),
    "NaN": (np.where(MASKS > 0, np.nan, 0.0), r"float64 with NaN or infinite values; "),
    "negative": (MASKS.astype(np.int16) - 1, r"int16 with values from -1 to 254; "),
    "16 bits": (MASKS.astype(np.uint16) * 257, r"uint16 with values from 0 to 65535; "),
    "labels": ((MASKS > 0) * np.uint8(2), r"uint8 with values from 0 to 2; "),
    "faint fractions": ((MASKS > 0) * 0.3, r"float64 with values from 0 to 0.3; "),
    "three values": (np.where(np.arange(64) > 30, MASKS, MASKS // 2), r"uint8 with the three values 0, 127, 255; "),
    "list": (list(MASKS), r"6 arrays; "),
}


@pytest.mark.parametrize("case", NO_SILHOUETTES)
def test_what_cannot_be_silhouettes_is_refused_with_its_file_and_shape(tmp_path, case):
    frames, problem = NO_SILHOUETTES[case]
    walk = one_walk(tmp_path, frames)
    wanted = "silhouettes are T×H×W uint8 from 0 to 255"
    for read in (lambda: needed(walk, [Modality.SILHOUETTES]), lambda: read_silhouettes(walk)):
        with pytest.raises(InputError, match=rf"000/000\.pkl: (.*{problem}{wanted}|NaN or infinite values\. )"):
            read()


def test_grey_edges_and_empty_frames_stay_as_they_are(tmp_path, golden):
    outputs = np.load(golden("silhouette_normalisation") / "output.npz")
    walk = one_walk(tmp_path, np.concatenate([outputs["seq6_size64"], np.zeros((2, 64, 64), np.uint8)]))
    np.testing.assert_array_equal(read_silhouettes(walk, columns=0), read_sample(walk)[0])
    empty = one_walk(tmp_path, np.zeros((2, 64, 64), np.uint8))
    assert not read_silhouettes(empty).any()


def test_only_the_files_that_are_silhouettes_are_looked_at(tmp_path):
    labels, maps = (MASKS > 0) * np.uint8(7), np.ones((6, 2, 64, 64), np.uint8)
    for frames in (labels, maps):
        np.testing.assert_array_equal(needed(one_walk(tmp_path, frames), [Modality.PARSING])[0], frames)
    one_walk(tmp_path, (MASKS > 0).astype(np.uint8), "001")
    maps_as_they_are, masks = needed(list_samples(tmp_path)[0], [Modality.SKELETON_MAPS, Modality.SILHOUETTES])
    assert maps_as_they_are.max() == 1 and masks.max() == 255


def test_poses_that_are_no_numbers_are_refused(tmp_path):
    poses = np.zeros((6, 17, 3), np.float32)
    poses[3, 4] = np.inf
    with pytest.raises(InputError, match=r"000\.pkl: NaN or infinite values"):
        read_sample(one_walk(tmp_path, poses))


def test_the_authors_rule_divides_casia_b_where_there_is_no_file(tmp_path):
    for who in ("001", "074", "075", "124", "notes"):
        (tmp_path / who).mkdir()
    partition = partition_of(tmp_path, None, "CASIA-B")
    assert (partition.train, partition.test) == (("001", "074"), ("075", "124"))
    (tmp_path / "partition.json").write_text('{"TRAIN_SET": ["075"], "TEST_SET": ["001"]}')
    assert partition_of(tmp_path, None, "CASIA-B").train == ("075",)


def test_a_partition_that_was_named_is_the_one_or_none(root, tmp_path):
    with pytest.raises(InputError, match=r"no\.json: no such partition file"):
        partition_of(root, tmp_path / "no.json", "CASIA-B")


def test_without_a_partition_other_names_than_the_authors_are_nobody(root):
    with pytest.raises(InputError, match=r"075 to 124.*--partition FILE.*data_cfg\.dataset_partition"):
        list_samples(root, [])


def test_identities_that_are_not_there_are_told_of_once(root, capsys):
    for _ in range(2):
        list_samples(root, ["001", *(f"{number:03d}" for number in range(90, 99))])
    said = capsys.readouterr().err.splitlines()
    assert said == [f"gait: {root}: without walks there, so left out: 9 identities (090, 091, 092, 093, 094 …)."]


def test_a_dataset_without_a_partition_or_a_rule_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"partition\.json"):
        partition_of(tmp_path, None, "FreeGait")


@pytest.mark.parametrize(
    ("name", "trained", "tested", "neither"),
    [
        ("CASIA-B*", ["001", "074"], ["075", "124"], ["125", "x"]),
        ("OUMVLP", ["00001", "10307"], ["00002"], ["probe"]),
        ("GREW", ["00001train", "20000train"], ["00001", "probe"], []),
        ("CASIA-E", ["001", "200"], ["201", "1014"], ["1015"]),
        ("CCPG", ["000", "099"], ["100", "199"], ["200"]),
        ("HID", ["0000", "0499"], ["0500", "1004", "probe"], ["1005"]),
        ("CCGR", ["1", "134", "164", "600"], ["601", "1000"], ["135", "163", "0"]),
        ("CCGR-MINI", ["1", "134", "164", "600"], ["601", "1000"], ["135", "163", "1001"]),
        ("SUSTech1K", ["0000", "1057"], ["0001", "1055"], ["readme"]),
        ("GaitLU-1M", ["000", "999"], [], []),
    ],
)
def test_the_authors_rules_are_known(tmp_path, name, trained, tested, neither):
    for who in (*trained, *tested, *neither):
        (tmp_path / who).mkdir()
    found = partition_of(tmp_path, None, name)
    assert (set(found.train), set(found.test)) == (set(trained), set(tested))
