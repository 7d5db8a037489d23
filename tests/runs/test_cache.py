"""The cache gives back what was stored, forgets what is old, and never gets in the way."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from loguru import logger

from pipeline.errors import OutputError
from pipeline.runs.cache import Cache


@pytest.fixture
def walks(tmp_path: Path) -> dict[str, Path]:
    """A file and a folder with files, as a stage leaves them."""
    (tmp_path / "run/tracks").mkdir(parents=True)
    (tmp_path / "run/tracks/a.txt").write_text("1,1,0,0,9,9\n")
    (tmp_path / "run/sequences/a").mkdir(parents=True)
    (tmp_path / "run/sequences/a/001.npz").write_bytes(b"x" * 1000)
    return {"tracks": tmp_path / "run/tracks/a.txt", "sequences": tmp_path / "run/sequences/a"}


def test_what_is_stored_is_restored_under_other_names(walks: dict[str, Path], tmp_path: Path) -> None:
    cache = Cache(tmp_path, 10_000)
    cache.store("extraction", "k" * 64, walks, frames=7, warning=None)
    targets = {"tracks": tmp_path / "other/tracks/b.txt", "sequences": tmp_path / "other/sequences/b"}
    assert cache.restore("extraction", "k" * 64, targets) == {"frames": 7, "warning": None}
    assert targets["tracks"].read_text() == "1,1,0,0,9,9\n"
    assert (targets["sequences"] / "001.npz").read_bytes() == b"x" * 1000


def test_a_file_changed_in_place_in_one_run_changes_neither_the_cache_nor_another(
    walks: dict[str, Path], tmp_path: Path
) -> None:
    cache = Cache(tmp_path, 10_000)
    cache.store("extraction", "k", walks)
    first, second = ({"tracks": tmp_path / run / "t.txt"} for run in ("first", "second"))
    for changed in (walks["tracks"], first["tracks"]):
        assert cache.restore("extraction", "k", first) is not None
        changed.write_text("somebody else")
        assert cache.restore("extraction", "k", second) is not None
        assert second["tracks"].read_text() == "1,1,0,0,9,9\n"


@pytest.mark.parametrize("change", [lambda path: path.write_bytes(b"y" * 1000), lambda path: path.unlink()])
def test_an_entry_with_a_changed_file_is_named_dropped_and_stored_anew(
    walks: dict[str, Path], tmp_path: Path, change: Callable[[Path], object]
) -> None:
    cache = Cache(tmp_path, 10_000)
    cache.store("extraction", "k", walks)
    change(cache.folder / "extraction-k/sequences/001.npz")
    targets = {"tracks": tmp_path / "new/t.txt", "sequences": tmp_path / "new/sequences"}
    said: list[str] = []
    handler = logger.add(said.append, format="{message}")
    assert cache.restore("extraction", "k", targets) is None
    logger.remove(handler)
    assert [line.split(":")[0] for line in said] == [str(cache.folder / "extraction-k/sequences/001.npz")]
    assert list((tmp_path / "new").iterdir()) == []
    cache.store("extraction", "k", walks)
    assert cache.restore("extraction", "k", targets) is not None


def test_another_key_or_stage_has_nothing(walks: dict[str, Path], tmp_path: Path) -> None:
    cache = Cache(tmp_path, 10_000)
    cache.store("extraction", "k" * 64, walks)
    assert cache.restore("extraction", "j" * 64, walks) is None
    assert cache.restore("features", "k" * 64, walks) is None


def test_what_was_unused_longest_goes_first(walks: dict[str, Path], tmp_path: Path) -> None:
    cache = Cache(tmp_path, 2 * 1012)
    for age, key in enumerate(("old", "used", "new")):
        cache.store("extraction", key, walks)
        os.utime(cache.folder / f"extraction-{key}", (1000 + age, 1000 + age))
        if key == "used":
            assert cache.restore("extraction", "old", {}) is not None  # makes it the youngest
    assert [path.name for path, _ in cache.entries()] == ["extraction-new", "extraction-old"]


def test_a_limit_of_nothing_switches_it_off(walks: dict[str, Path], tmp_path: Path) -> None:
    cache = Cache(tmp_path, 0)
    cache.store("extraction", "k", walks)
    assert not cache.folder.exists()


def test_damaged_facts_are_a_miss(walks: dict[str, Path], tmp_path: Path) -> None:
    cache = Cache(tmp_path, 10_000)
    cache.store("extraction", "k", walks)
    (cache.folder / "extraction-k/facts.json").write_text("{")
    assert cache.restore("extraction", "k", {"tracks": tmp_path / "t.txt"}) is None


def test_clear_removes_everything_and_says_how_much(walks: dict[str, Path], tmp_path: Path) -> None:
    cache = Cache(tmp_path, 10_000)
    cache.store("extraction", "k", walks)
    assert cache.clear() == (1, 1012)
    assert cache.entries() == []


def test_clear_empties_a_cache_on_another_disk(walks: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / ".cache").symlink_to("disk")
    cache = Cache(tmp_path, 10_000)
    cache.store("extraction", "k", walks)
    assert cache.clear() == (1, 1012)
    assert list((tmp_path / "disk").iterdir()) == []


def test_clear_tells_of_what_stays(walks: dict[str, Path], tmp_path: Path) -> None:
    cache = Cache(tmp_path, 10_000)
    cache.store("extraction", "k", walks)
    (entry,) = cache.folder.iterdir()
    elsewhere = entry.rename(tmp_path / "elsewhere")
    entry.symlink_to(elsewhere)  # which is not followed to remove what lies there
    with pytest.raises(OutputError, match="cannot be removed"):
        cache.clear()
    assert (elsewhere / "facts.json").is_file()
