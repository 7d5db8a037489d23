"""Hashes are remembered, never wrongly, and a broken memory costs time only."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from pipeline.weights.files import cache_folder, sha256_of


@pytest.fixture
def large(tmp_path: Path) -> Path:
    path = tmp_path / "large.bin"
    path.write_bytes(b"a" * 2_000_000)
    return path


def _forge(path: Path) -> None:
    """Change the bytes but neither size nor time, which only a fresh look can notice."""
    status = path.stat()
    path.write_bytes(b"b" * status.st_size)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def test_a_large_file_is_read_once(large: Path) -> None:
    first = sha256_of(large)
    _forge(large)
    assert sha256_of(large) == first


def test_a_fresh_look_reads_the_file(large: Path) -> None:
    sha256_of(large)
    _forge(large)
    assert sha256_of(large, afresh=True) == hashlib.sha256(b"b" * 2_000_000).hexdigest()


def test_a_changed_file_is_hashed_again(large: Path) -> None:
    first = sha256_of(large)
    large.write_bytes(b"c" * 2_000_000)
    os.utime(large, ns=(1, 1))
    assert sha256_of(large) != first


@pytest.mark.parametrize("content", ["", "{", "[]", '{"x": 3}'])
def test_a_damaged_memory_is_ignored(large: Path, content: str) -> None:
    cache_folder().mkdir(parents=True)
    (cache_folder() / "hashes.json").write_text(content)
    assert sha256_of(large) == hashlib.sha256(b"a" * 2_000_000).hexdigest()


def test_an_unwritable_cache_is_never_fatal(large: Path) -> None:
    cache_folder().parent.mkdir(parents=True)
    cache_folder().write_text("a file where the folder should be")
    assert sha256_of(large) == hashlib.sha256(b"a" * 2_000_000).hexdigest()
