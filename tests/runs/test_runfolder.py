"""The run folder: names, uniqueness, marks, and what a killed run leaves behind."""

from __future__ import annotations

import os
import signal
from datetime import datetime
from pathlib import Path

import handed_on
import pytest
from loguru import logger
from processes import finish, start_program

from pipeline.errors import InputError, OutputError
from pipeline.files import write_bytes
from pipeline.runs.cache import Cache
from pipeline.runs.folder import RunFolder, key_of
from pipeline.runs.job import Video

NOW = datetime(2026, 1, 31, 18, 5, 9)


@pytest.fixture
def folder(tmp_path):
    return RunFolder.create(tmp_path / "output", NOW)


def test_a_run_is_named_after_its_second(folder):
    assert folder.path.name == "2026_01_31_18_05_09"
    assert folder.path.is_dir()


def test_runs_of_the_same_second_get_names_of_their_own(tmp_path):
    made = [RunFolder.create(tmp_path, NOW).path.name for _ in range(3)]
    assert made == ["2026_01_31_18_05_09", "2026_01_31_18_05_09_2", "2026_01_31_18_05_09_3"]


@pytest.mark.parametrize("output", ["file", "file/deeper"])
def test_a_file_where_the_output_folder_should_be_is_refused_in_words(tmp_path, output):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match="A file stands where a folder should be; choose another folder"):
        RunFolder.create(tmp_path / output, NOW)


def test_files_are_where_the_contract_says(folder):
    def inside(path):
        return path.relative_to(folder.path).as_posix()

    assert inside(folder.record) == "run.json"
    assert inside(folder.results) == "results.json"
    assert inside(folder.log) == "run.log"
    assert inside(folder.tracks("gallery")) == "tracks/gallery.txt"
    assert inside(folder.silhouette("gallery", 1, 17)) == "silhouettes/gallery/001/undefined/001-000017.png"
    assert inside(folder.sequence("gallery", 1)) == "sequences/gallery/001.npz"
    assert inside(folder.features("gallery", 12)) == "features/gallery/012.npz"
    assert inside(folder.gallery_video("gallery")) == "videos/gallery.mp4"
    assert inside(folder.probe_video("gallery", "probe1")) == "videos/G-gallery_P-probe1.mp4"


def test_a_folder_is_held_by_one_process_and_the_next_is_told_which(folder):
    with (
        folder.held(),
        pytest.raises(OutputError, match=rf"{folder.path.name}: process {os.getpid()} on \S+ has worked on it since"),
    ):
        RunFolder(folder.path).held().__enter__()
    assert list(folder.path.iterdir()) == []
    with RunFolder(folder.path).held():  # nobody has it any more
        pass


def test_a_lock_of_a_killed_process_holds_nobody_up(folder):
    holder = start_program("hold_run", folder.path)
    assert holder.stdout.readline() == "held\n"
    with pytest.raises(OutputError, match=f"process {holder.pid} on"):
        folder.held().__enter__()
    holder.kill()
    finish(holder, status=-signal.SIGKILL)
    with folder.held():
        pass


def test_holding_it_removes_what_was_half_written_and_nothing_else(folder):
    folder.record.write_text("{}")
    whole = folder.silhouette("gallery", 1, 3)
    whole.parent.mkdir(parents=True)
    whole.write_bytes(b"whole")
    for leftover in (folder.path, whole.parent):
        (leftover / ".partial-77-1-name").write_bytes(b"half")
    (folder.path / ".partial-folder").mkdir()
    again = RunFolder.open(folder.path)
    with again.held():
        pass
    assert whole.read_bytes() == b"whole"
    assert not [path for path in again.path.rglob("*") if "partial" in path.name]


def test_only_a_run_folder_is_opened(tmp_path):
    for path in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(InputError, match=r"not a run folder \(no run\.json\)\. Give the timestamped folder"):
            RunFolder.open(path)


def test_a_mark_holds_for_its_key_only(folder):
    folder.mark_done("extraction", "gallery", "key", frames=12, warning=None)
    assert folder.done("extraction", "gallery", "key") == {"frames": 12, "warning": None}
    assert folder.done("extraction", "gallery", "another key") is None
    assert folder.done("extraction", "probe1", "key") is None
    assert folder.done("features", "gallery", "key") is None


def test_clearing_forgets_the_mark_and_removes_the_files(folder):
    folder.mark_done("extraction", "gallery", "key")
    folder.tracks("gallery").parent.mkdir()
    folder.tracks("gallery").write_text("")
    folder.silhouettes("gallery", 1).mkdir(parents=True)
    folder.clear("extraction", "gallery")
    assert folder.done("extraction", "gallery", "key") is None
    assert not any(path.exists() for path in folder.made_by("extraction", "gallery").values())
    folder.clear("extraction", "gallery")  # again: nothing there is fine


def test_a_damaged_mark_counts_as_not_done(folder):
    folder.mark_done("extraction", "gallery", "key")
    (folder.path / ".done/extraction-gallery.json").write_text("{half")
    assert folder.done("extraction", "gallery", "key") is None


@pytest.mark.parametrize("change", [lambda path: path.write_bytes(b"other"), lambda path: path.unlink()])
@pytest.mark.parametrize("stage", ["extraction", "features", "video"])
def test_a_stage_whose_file_was_changed_or_removed_is_named_and_not_done(folder, stage, change):
    path = {
        "extraction": folder.sequence("gallery", 1),
        "features": folder.features("gallery", 1),
        "video": folder.gallery_video("gallery"),
    }[stage]
    write_bytes(path, b"as it was written")
    folder.mark_done(stage, "gallery", "key")
    assert RunFolder(folder.path).done(stage, "gallery", "key") == {}
    change(path)
    said: list[str] = []
    handler = logger.add(said.append, format="{message}")
    assert RunFolder(folder.path).done(stage, "gallery", "key") is None
    logger.remove(handler)
    assert len(said) == 1 and "of gallery is not what was written; made anew" in said[0]


def test_a_run_its_cache_and_what_resumes_it_are_their_owners_alone(tmp_path):
    before = os.umask(0o022)
    try:
        folder = RunFolder.create(tmp_path / "output", NOW)
        with folder.working():
            logger.warning("careful")
            write_bytes(folder.features("gallery", 1), b"features")
            folder.mark_done("features", "gallery", "key")
            folder.keep_for_resuming({}, [])
            Cache(tmp_path / "output", 10_000).store("features", "key", folder.made_by("features", "gallery"))
    finally:
        os.umask(before)
    assert folder.log.is_file()
    for made in (folder.path, folder.resumption.parent, tmp_path / "output/.cache"):
        assert handed_on.open_to_others(made) == []


def test_a_run_that_cannot_be_resumed_later_goes_on_and_says_so(tmp_path):
    (tmp_path / ".resume").touch()  # stands where another user's folder may stand
    folder, said = RunFolder.create(tmp_path, NOW), []
    handler = logger.add(said.append, format="{message}")
    folder.keep_for_resuming({}, [])
    logger.remove(handler)
    assert len(said) == 1 and "this run cannot be resumed: " in said[0]


def test_paths_of_the_machine_become_names(tmp_path):
    folder = RunFolder(tmp_path / "output/run")
    folder.hide_paths_of([Video("street", "/videos/of mine/street.mp4")])
    tree = {
        "config": {"folder": str(tmp_path / "output"), "cohort": "/elsewhere/people", "backend": "ray"},
        "problem": f"/videos/of mine/street.mp4: no video in it. See {tmp_path}/output/run.log or {Path.cwd()}",
        "sizes": [1, None, (2.5, "file")],
    }
    assert folder.without_paths(tree) == {
        "config": {"folder": "output", "cohort": "people", "backend": "ray"},
        "problem": f"street.mp4: no video in it. See run.log or {Path.cwd().name}",
        "sizes": [1, None, [2.5, "file"]],
    }


def test_the_log_has_what_is_said_inside_the_block(folder):
    logger.remove()
    with folder.working():
        logger.debug("detail {} and <b>braces</b>")
        logger.warning("careful")
    logger.info("afterwards")
    lines = folder.log.read_text().splitlines()
    assert [line.split(maxsplit=2)[2].split(maxsplit=1) for line in lines] == [
        ["DEBUG", "detail {} and <b>braces</b>"],
        ["WARNING", "careful"],
    ]


def test_keys_tell_different_settings_apart_and_not_their_order():
    assert key_of({"a": 1, "b": [1, 2]}) == key_of({"b": [1, 2], "a": 1})
    assert len({key_of("ab", "c"), key_of("a", "bc"), key_of(["ab", "c"]), key_of("ab", None)}) == 4
