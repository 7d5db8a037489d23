"""run.json is true at every moment: running, done, or failed with the reason in words."""

from __future__ import annotations

import json
import shutil
from datetime import datetime

import pytest

from pipeline.errors import InputError
from pipeline.runs.folder import RunFolder
from pipeline.runs.record import Record, versions

FACTS = {"config": {}, "inputs": {"gallery": {"name": "g"}, "probes": [{"name": "p"}, {"name": "g"}]}}


@pytest.fixture
def folder(tmp_path):
    return RunFolder.create(tmp_path, datetime(2026, 1, 31, 18, 5, 9))


def read(folder):
    return json.loads(folder.record.read_text())


def test_the_status_is_running_inside_and_done_afterwards(folder):
    with Record(folder, FACTS).open():
        assert read(folder)["status"] == "running"
    tree = read(folder)
    assert tree["status"] == "done" and "error" not in tree
    assert tree["schema"] == 1 and tree["resumed"] == 0
    assert tree["seconds"] >= 0 and datetime.fromisoformat(tree["started"]).tzinfo is not None


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (InputError("p.mp4: gone. Bring it back."), "p.mp4: gone. Bring it back."),
        (ZeroDivisionError("by\nzero"), "ZeroDivisionError: by zero"),
        (KeyboardInterrupt(), "interrupted; files that are here are whole. Start a new one."),
    ],
    ids=["ours", "fault", "interrupted"],
)
def test_a_failure_is_recorded_in_words_and_raised(folder, error, words):
    with pytest.raises(type(error)), Record(folder, FACTS).open():
        raise error
    tree = read(folder)
    assert (tree["status"], tree["error"]) == ("failed", words)


def test_an_interrupted_run_that_can_go_on_says_so(folder):
    folder.keep_for_resuming({}, [])
    with pytest.raises(KeyboardInterrupt), Record(folder, FACTS).open():
        raise KeyboardInterrupt
    assert read(folder)["error"].endswith("are whole. Go on with gait run --resume.")


def test_the_failure_itself_is_raised_where_it_cannot_be_recorded(folder):
    with pytest.raises(InputError, match="the cause"), Record(folder, FACTS).open():
        shutil.rmtree(folder.path)
        folder.path.write_text("a file where the folder was")
        raise InputError("the cause")


def test_what_is_only_known_later_joins_its_input(folder):
    record = Record(folder, json.loads(json.dumps(FACTS)))
    record.note("g", frames=12, tracks=2)
    record.write()
    inputs = read(folder)["inputs"]
    assert inputs["gallery"] == inputs["probes"][1] == {"name": "g", "frames": 12, "tracks": 2}
    assert inputs["probes"][0] == {"name": "p"}


def test_a_warning_is_kept_once(folder):
    record = Record(folder, FACTS)
    record.warn("p.mp4: damaged")
    record.warn("p.mp4: damaged")
    record.write()
    assert read(folder)["warnings"] == ["p.mp4: damaged"]


def test_a_resumed_run_goes_on_counting(folder):
    first = Record(folder, FACTS)
    with pytest.raises(KeyboardInterrupt), first.open():
        first.meter.add("detect", seconds=2.0, frames=30)
        raise KeyboardInterrupt
    before = read(folder)
    second = Record(folder, FACTS, resumed=True)
    with second.open():
        second.meter.add("detect", seconds=1.0, frames=10)
    after = read(folder)
    assert after["stages"]["detect"] == {"seconds": 3.0, "frames": 40}
    assert after["started"] == before["started"] and after["seconds"] >= before["seconds"]
    assert (after["status"], after["resumed"]) == ("done", 1) and "error" not in after


def test_versions_name_what_can_change_a_result():
    assert {"gait", "python", "numpy", "openvino", "av", "torch"} <= set(versions())
