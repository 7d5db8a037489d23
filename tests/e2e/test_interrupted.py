"""A run that is stopped, killed or runs out of disk: every file there is whole, and --resume ends as if nothing was."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from processes import finish, killed

FRAMES = 12  # of each clip

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="sends POSIX signals"),
]


@pytest.fixture(scope="session")
def videos(walkers):
    return ["--gallery", walkers("gallery", 60, FRAMES), "--probe", walkers("probe2", 60, FRAMES)]


@pytest.fixture(scope="session")
def reference(run_once, videos):
    """The results of the same run, uninterrupted."""
    return run_once("uninterrupted", videos[1], videos[3]).path


def every_file_is_whole(folder: Path) -> None:
    for path in folder.rglob("*"):
        if not path.is_file() or path.name.startswith(".partial"):
            continue
        if path.suffix == ".png":
            assert cv2.imread(str(path), cv2.IMREAD_UNCHANGED) is not None, path
        elif path.suffix == ".npz":
            with np.load(path, allow_pickle=False) as arrays:
                assert all(arrays[name] is not None for name in arrays), path
        elif path.suffix == ".json":
            json.loads(path.read_text())
        elif path.suffix == ".mp4":
            with av.open(str(path)) as container:
                assert sum(1 for _ in container.decode(video=0)) == FRAMES, path
        elif path.suffix == ".txt":
            assert all(line.count(",") == 9 for line in path.read_text().splitlines()), path


def partial_files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if "partial" in path.name]


def same_content(one: Path, other: Path) -> None:
    def inside(folder):
        return {p.relative_to(folder) for p in folder.rglob("*") if p.is_file()}

    assert (one / "results.json").read_bytes() == (other / "results.json").read_bytes()
    assert inside(one) == inside(other)
    for path in inside(one):
        if path.suffix in (".txt", ".png"):
            assert (one / path).read_bytes() == (other / path).read_bytes(), path
    every_file_is_whole(other)


def when(process, gait, sign: str) -> Path:
    """Wait until the run has left `sign` (a pattern in its folder); returns the folder."""
    deadline = time.monotonic() + 240
    while process.poll() is None and time.monotonic() < deadline:
        for folder in gait.runs():
            if any(folder.glob(sign)):
                return folder
        time.sleep(0.01)
    pytest.fail(f"no {sign} came, and the run {'goes on' if process.poll() is None else 'ended'}: {killed(process)}")


def resume(gait, folder: Path, *options: str) -> dict:
    done = gait("run", "--resume", folder, *options)
    assert done.returncode == 0, done.stderr
    record = json.loads((folder / "run.json").read_text())
    assert record["status"] == "done" and record["resumed"] >= 1 and "error" not in record
    return record


FOLLOWING = "silhouettes/probe2*/*/*/*.png"
DRAWING = "videos/*partial*"


@pytest.mark.parametrize(
    ("number", "sign", "options"),
    [
        (signal.SIGINT, FOLLOWING, []),
        (signal.SIGTERM, DRAWING, []),
        (signal.SIGINT, FOLLOWING, ["--workers", "2"]),
    ],
    ids=["Ctrl-C while following", "SIGTERM while drawing", "Ctrl-C with workers"],
)
def test_a_stopped_run_says_so_and_can_go_on(gait, videos, reference, number, sign, options):
    process = gait.start("run", *videos, *options, start_new_session=True)
    folder = when(process, gait, sign)
    if options:
        os.killpg(process.pid, number)  # as a terminal does
    else:
        process.send_signal(number)
    _, err = finish(process, status=130)
    shown = folder.relative_to(gait.cwd)
    last = err.splitlines()[-1]
    assert last == f"gait: interrupted; every finished file is whole. Go on with: gait run --resume {shown}"
    record = json.loads((folder / "run.json").read_text())
    assert record["status"] == "failed" and record["error"].startswith("interrupted")
    assert not (folder / "results.json").exists() or sign == DRAWING
    assert partial_files(folder) == []
    every_file_is_whole(folder)
    before = {path: path.stat().st_mtime_ns for path in folder.glob("tracks/gallery*.txt")}
    assert before or options, "the gallery is followed first, unless two workers begin with both"
    record = resume(gait, folder)
    assert {path: path.stat().st_mtime_ns for path in before} == before
    if sign == FOLLOWING and not options:  # the gallery once, the probe up to twice
        assert 2 * FRAMES <= record["stages"]["decode"]["frames"] <= 3 * FRAMES
    same_content(reference, folder)


@pytest.mark.parametrize(
    ("sign", "options"), [(FOLLOWING, ["--workers", "2"]), (DRAWING, [])], ids=["following with workers", "drawing"]
)
def test_a_killed_run_can_go_on(gait, videos, reference, sign, options):
    process = gait.start("run", *videos, *options, start_new_session=True)
    folder = when(process, gait, sign)
    process.send_signal(signal.SIGSTOP)
    other = gait("run", "--resume", folder)
    assert other.returncode == 2 and f"process {process.pid} on" in other.stderr.splitlines()[-1]
    process.kill()
    finish(process, status=-signal.SIGKILL)
    workers_have_ended(process.pid)
    assert json.loads((folder / "run.json").read_text())["status"] == "running"
    every_file_is_whole(folder)
    resume(gait, folder, "--workers", "1")  # with workers: after Ctrl-C
    assert partial_files(folder) == []
    same_content(reference, folder)


def workers_have_ended(group: int) -> None:
    """They end with the run that was killed."""
    deadline = time.monotonic() + 60
    while in_group(group) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert in_group(group) == []


def in_group(group: int) -> list[str]:
    """Processes of a group that are alive."""
    listed = subprocess.run(["ps", "-eo", "pgid=,stat=,args="], capture_output=True, text=True, check=True).stdout
    rows = [line.split(maxsplit=2) for line in listed.splitlines()]
    return [args for pgid, stat, args in rows if int(pgid) == group and not stat.startswith("Z")]


@pytest.fixture
def small_disk(tmp_path):
    """small_disk(KILOBYTES) is a folder on a disk of that size."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = []

    def mount(kilobytes: int) -> Path:
        asked = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "none", folder], capture_output=True, check=False
        )
        if asked.returncode:
            pytest.skip("a small disk can only be mounted by root")
        mounted.append(folder)
        return folder

    yield mount
    for path in mounted:
        subprocess.run(["umount", path], check=True)


@pytest.mark.parametrize("kilobytes", [40, 300], ids=lambda size: f"{size} kB")
def test_a_full_disk_is_one_line_and_leaves_nothing_half_written(gait, videos, small_disk, kilobytes):
    disk = small_disk(kilobytes)
    done = gait("run", *videos, "--output", disk)
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    line = done.stderr.splitlines()[-1]
    assert line.startswith("gait: ") and "ree some space" in line and str(disk) in line
    assert len([text for text in done.stderr.splitlines() if text.startswith("gait: ")]) == 1
    (folder,) = [path for path in disk.iterdir() if path.name[0] == "2"]
    assert partial_files(disk) == []
    every_file_is_whole(folder)
    record = json.loads((folder / "run.json").read_text())
    assert record["status"] in ("failed", "running")  # running only where not even run.json could be written again
