"""Features on disk: what is written is read, and what is damaged is refused."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.errors import InputError, OutputError
from pipeline.recognition.features import read_features, write_features
from pipeline.types import Embedding


@pytest.fixture
def embedding():
    parts = np.random.default_rng(0).standard_normal((176, 16)).astype(np.float32)
    return Embedding("gallery", 7, parts, "gaitbase-16", "ab" * 32, 117, {"usable": 0.9, "height": 96.0})


@pytest.fixture
def file(embedding, tmp_path):
    path = tmp_path / "features/gallery/007.npz"
    write_features(path, embedding)
    return path


def test_what_is_written_is_read(file, embedding):
    found = read_features(file, "gallery", 7)
    np.testing.assert_array_equal(found.parts, embedding.parts)
    names = ("video", "track_id", "model", "checkpoint_sha256", "frames_used", "quality")
    assert [getattr(found, name) for name in names] == [getattr(embedding, name) for name in names]


def test_the_file_holds_the_contracts_keys_and_no_pickle(file):
    with np.load(file, allow_pickle=False) as content:
        assert {"parts", "model", "checkpoint_sha256", "frames_used"} <= set(content.files)
        assert all(content[name].dtype != object for name in content.files)


def test_nothing_half_written_lies_about(file):
    assert [path.name for path in file.parent.iterdir()] == ["007.npz"]


def write_without_a_key(path):
    np.savez(path, parts=np.zeros((4, 2), np.float32))


def write_pickle(path):
    np.savez(path, parts=np.array([{"a": 1}], dtype=object))


def write_not_finite(path):
    scalars = {"model": "gei-16", "checkpoint_sha256": "", "frames_used": 1}
    np.savez(path, parts=np.full((4, 2), np.nan, np.float32), **scalars)


def write_plain_array(path):
    with path.open("wb") as stream:
        np.save(stream, np.zeros(3))


@pytest.mark.parametrize(
    "damage",
    [
        write_without_a_key,
        write_pickle,
        write_not_finite,
        write_plain_array,
        lambda path: path.write_bytes(path.read_bytes()[:-40]),
        lambda path: path.write_bytes(path.read_bytes()[:100] + b"\0" * 200 + path.read_bytes()[300:]),
        lambda path: path.write_text("no features at all"),
        lambda path: path.write_bytes(b""),
        lambda path: path.unlink(),
    ],
    ids=["key missing", "pickle", "not finite", "one array", "truncated", "overwritten", "text", "empty", "missing"],
)
def test_a_damaged_file_is_refused_by_name(file, damage):
    damage(file)
    with pytest.raises(InputError, match=r"007\.npz: not a readable features file .*Compute the features again"):
        read_features(file, "gallery", 7)


def test_a_folder_that_cannot_be_made_is_refused(embedding, tmp_path):
    (tmp_path / "features").write_text("a file")
    with pytest.raises(OutputError, match="features"):
        write_features(tmp_path / "features/gallery/007.npz", embedding)
