"""`gait run --engine ray`: a cluster of two workers gives the results of one process, also when a worker is killed."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path

import pytest
from processes import finish

FRAMES = 24
PLAIN = ["--set", "output.videos=false", "--set", "output.cache_gb=0", "--set", "output.report=false"]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="looks for Ray's workers in /proc"),
]


@pytest.fixture(scope="module", autouse=True)
def _ray():
    pytest.importorskip("ray", reason="Ray is not installed (extra: distributed)")


@pytest.fixture(scope="module")
def videos(walkers):
    probes = [walkers("probe2", 60, FRAMES), walkers("probe3", 60, FRAMES)]
    return ["--gallery", walkers("gallery", 60, FRAMES), *(arg for probe in probes for arg in ("--probe", probe))]


def contents(folder: Path) -> dict[str, bytes]:
    kept = ("tracks", "silhouettes", "results.json")
    files = [p for p in folder.rglob("*") if p.is_file() and p.relative_to(folder).parts[0] in kept]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


@pytest.fixture(scope="module")
def alone(videos, tmp_path_factory, gait_in):
    gait = gait_in(tmp_path_factory.mktemp("alone"))
    done = gait("run", *videos, *PLAIN)
    assert done.returncode == 0, done.stderr
    return contents(gait.runs()[0])


def workers_at(video: str) -> list[int]:
    """Processes of this machine that follow the video for Ray."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            title = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if title.startswith(f"ray::follow {video}"):
            found.append(int(process.name))
    return found


def test_a_killed_worker_costs_nothing_but_time(videos, alone, tmp_path, gait_in):
    gait = gait_in(tmp_path)
    process = gait.start("run", *videos, *PLAIN, "--engine", "ray")
    killed, deadline = None, time.monotonic() + 240
    while killed is None and process.poll() is None and time.monotonic() < deadline:
        begun = any(folder.glob("silhouettes/*/*/*/*.png") for folder in gait.runs())
        for video in ("gallery", "probe2", "probe3") if begun else ():
            if (at := workers_at(video)) and any(f.glob(f"silhouettes/{video}*/*/*/*.png") for f in gait.runs()):
                os.kill(at[0], signal.SIGKILL)
                killed = video
                break
        time.sleep(0.01)
    _, errors = finish(process, 300)
    assert killed is not None, "no worker was seen at work"
    assert process.returncode == 0, errors
    (folder,) = gait.runs()
    assert contents(folder) == alone
    record = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    assert record["status"] == "done"
    assert not [path for path in folder.rglob("*") if "partial" in path.name]


def test_a_cluster_that_is_not_there_gives_one_line(videos, tmp_path, gait_in):
    done = gait_in(tmp_path)("run", *videos, *PLAIN, "--engine", "ray", "--address", "127.0.0.1:1")
    assert done.returncode == 2, done.stderr
    assert "127.0.0.1:1: no Ray cluster there" in done.stderr.splitlines()[-1]
