"""`gait run --cluster ray`: a cluster of two workers gives the results of one process, also when workers are killed."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path

import pytest
from processes import finish, killed

FRAMES, LONG, STRETCH = 16, 45, 15  # frames: the gallery is one task, the probe is followed in three stretches
PLAIN = ["--set", f"tracking.stretch={STRETCH}",
         "--set", "output.videos=false", "--set", "output.cache_gb=0", "--set", "output.report=false",
         "--set", "matching.threshold=off"]  # fmt: skip

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="looks for Ray's workers in /proc"),
]


@pytest.fixture(scope="module", autouse=True)
def _ray():
    pytest.importorskip("ray", reason="Ray is not installed (extra: distributed)")


@pytest.fixture(scope="module")
def videos(walkers):
    return ["--gallery", walkers("gallery", 60, FRAMES), "--probe", walkers("probe2", 60, LONG, keys=7)]


def contents(folder: Path) -> dict[str, bytes]:
    kept = ("tracks", "silhouettes", "sequences", "poses", "results.json")
    files = [p for p in folder.rglob("*") if p.is_file() and p.relative_to(folder).parts[0] in kept]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


@pytest.fixture(scope="module")
def alone(videos, tmp_path_factory, gait_in):
    gait = gait_in(tmp_path_factory.mktemp("alone"))
    done = gait("run", *videos, *PLAIN)
    assert done.returncode == 0, done.stderr
    return contents(gait.runs()[0])


def workers_at(task: str, gait) -> list[int]:
    """Processes that do the task for the Ray of this `gait`, which are in its folder; not those of anybody else."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            title = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            if title.startswith(f"ray::{task}") and (process / "cwd").readlink() == gait.cwd:
                found.append(int(process.name))
        except OSError:
            continue
    return found


def seen_at(tasks: list[str], process, gait) -> tuple[str, int]:
    """Wait for a worker that is at one of the tasks of a running `gait`, and has written a silhouette if it does."""
    deadline = time.monotonic() + 240
    while process.poll() is None and time.monotonic() < deadline:
        for task in tasks:
            written = (f.glob(f"silhouettes/{task.split()[1]}*/*/*/*.png") for f in gait.runs())
            if (task.startswith("detect") or any(map(any, written))) and (at := workers_at(task, gait)):
                return task, at[0]
        time.sleep(0.03)
    raise AssertionError(f"no worker was seen at {tasks}: {killed(process)}")


def test_killed_workers_cost_nothing_but_time(videos, alone, gait):
    process = gait.start("run", *videos, *PLAIN, "--cluster", "ray")
    tasks = ["extract gallery", "detect probe2", "crop probe2"]
    while tasks:
        task, worker = seen_at(tasks, process, gait)
        os.kill(worker, signal.SIGKILL)
        tasks.remove(task)
    finish(process, 240)
    (folder,) = gait.runs()
    assert contents(folder) == alone
    record = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    assert record["status"] == "done"
    assert record["stages"]["track"]["frames"] == FRAMES + LONG
    assert not [path for path in folder.rglob("*") if "partial" in path.name]


def test_a_killed_run_is_resumed(videos, alone, gait):
    process = gait.start("run", *videos, *PLAIN, "--cluster", "ray")
    seen_at(["crop probe2"], process, gait)
    process.kill()
    finish(process, status=-signal.SIGKILL)
    deadline = time.monotonic() + 30
    while workers_at("crop probe2", gait) and time.monotonic() < deadline:  # Ray ends them when it notices
        time.sleep(0.1)
    (folder,) = gait.runs()
    done = gait("run", "--resume", folder, "--cluster", "local")
    assert done.returncode == 0, done.stderr
    assert contents(folder) == alone


def test_a_cluster_that_is_not_there_gives_one_line(videos, tmp_path, gait_in):
    done = gait_in(tmp_path)("run", *videos, *PLAIN, "--cluster", "ray", "--address", "127.0.0.1:1")
    assert done.returncode == 2, done.stderr
    assert "127.0.0.1:1: no Ray cluster there" in done.stderr.splitlines()[-1]
