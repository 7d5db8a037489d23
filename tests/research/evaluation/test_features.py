"""A dataset's features on disk."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.errors import InputError
from pipeline.research.evaluation.datasets.features import (
    DatasetFeatures,
    read_dataset_features,
    write_dataset_features,
)


@pytest.fixture
def features():
    names = np.array(["a", "bb", "ä"])
    return DatasetFeatures(
        np.random.default_rng(0).normal(size=(3, 4, 2)).astype(np.float32), names, names, names, "gei-2", "f00"
    )


def test_what_is_written_is_read(tmp_path, features):
    write_dataset_features(tmp_path / "f.npz", features)
    found = read_dataset_features(tmp_path / "f.npz")
    np.testing.assert_array_equal(found.features, features.features)
    assert found.labels.tolist() == ["a", "bb", "ä"]
    assert (found.model, found.checkpoint_sha256) == ("gei-2", "f00")


def test_a_file_from_elsewhere_need_not_say_what_made_it(tmp_path):
    np.savez(tmp_path / "f.npz", features=np.ones((2, 3, 1)), labels=[1, 2], types=["x", "y"], views=["0", "9"])
    found = read_dataset_features(tmp_path / "f.npz")
    assert found.labels.tolist() == ["1", "2"] and found.model == ""


@pytest.mark.parametrize(
    "content",
    [
        {"features": np.ones((2, 3, 1)), "labels": ["a"], "types": ["x", "y"], "views": ["0", "9"]},
        {"features": np.ones((2, 3)), "labels": ["a", "b"], "types": ["x", "y"], "views": ["0", "9"]},
        {"features": np.full((1, 3, 1), np.nan), "labels": ["a"], "types": ["x"], "views": ["0"]},
        {"features": np.ones((1, 3, 1)), "labels": ["a"], "types": ["x"]},
        {"features": np.ones((1, 3, 1)), "labels": np.array([{}], object), "types": ["x"], "views": ["0"]},
    ],
    ids=["lengths", "no parts", "not finite", "no views", "pickled objects"],
)
def test_what_does_not_line_up_is_refused(tmp_path, content):
    np.savez(tmp_path / "f.npz", **content)
    with pytest.raises(InputError, match=r"f\.npz: not the features of a dataset"):
        read_dataset_features(tmp_path / "f.npz")


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"none\.npz: not the features of a dataset"):
        read_dataset_features(tmp_path / "none.npz")
