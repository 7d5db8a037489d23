"""Runs of the real command line on real videos; the expensive ones are made once and shared."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import clips
import pytest
from processes import wait_for

from pipeline.video import open_video

GAIT = [sys.executable, "-m", "pipeline"]
DEMO = ("gallery", "probe1", "probe2", "probe3")


@dataclass
class Run:
    """A run folder with its two JSON files."""

    path: Path
    stdout: str = ""

    @cached_property
    def record(self) -> dict:
        return json.loads((self.path / "run.json").read_text(encoding="utf-8"))

    @cached_property
    def results(self) -> dict:
        return json.loads((self.path / "results.json").read_text(encoding="utf-8"))


@dataclass
class Gait:
    """`gait` in a working directory of its own, with the shared checkpoints and two threads."""

    cwd: Path
    checkpoints: Path | None
    home: Path

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("GAIT_")}
        kept |= {"HOME": str(self.home), "XDG_CACHE_HOME": str(self.home / ".cache")}  # no weights of the user's own
        kept |= {"PYTHONFAULTHANDLER": "1"}  # `finish` asks where it hangs
        return kept | ({"GAIT_CHECKPOINTS": str(self.checkpoints)} if self.checkpoints else {})

    def start(self, *arguments: str | Path, **options) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*GAIT, *map(str, arguments)],
            cwd=self.cwd, env=self.environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options,
        )  # fmt: skip

    def __call__(self, *arguments: str | Path, **options) -> subprocess.CompletedProcess[str]:
        process = self.start(*arguments, **options)
        out, err = wait_for(process, 300)
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def run(self, gallery: str | Path, *probes: str | Path, options: Sequence[str] = (), output: str = "output") -> Run:
        """A run that must succeed."""
        videos = [part for probe in probes for part in ("--probe", probe)]
        done = self("run", "--gallery", gallery, *videos, "--output", output, *options)
        assert done.returncode == 0, done.stderr
        return Run(self.cwd / done.stdout.splitlines()[-1], done.stdout)

    def runs(self, output: str = "output") -> list[Path]:
        """The run folders that are there."""
        return sorted(path.parent for path in (self.cwd / output).glob("2*/run.json"))


@pytest.fixture(scope="session")
def checkpoints(shared: Path) -> Path:
    return shared / "checkpoints"


@pytest.fixture(scope="session")
def demo(shared: Path) -> Path:
    return shared / "videos/demo"


@pytest.fixture(scope="session")
def gait_in(checkpoints: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], Gait]:
    """gait_in(FOLDER) runs `gait` there."""
    home = tmp_path_factory.mktemp("home")
    return lambda folder: Gait(folder, checkpoints, home)


@pytest.fixture
def gait(tmp_path: Path, gait_in: Callable[[Path], Gait]) -> Gait:
    return gait_in(tmp_path)


@pytest.fixture(scope="session")
def full(tmp_path_factory: pytest.TempPathFactory, gait_in, demo: Path) -> Run:
    """The light profile on the demo: gallery and probe1 to probe3."""
    gait = gait_in(tmp_path_factory.mktemp("full"))
    return gait.run(demo / "gallery.mp4", *(demo / f"{probe}.mp4" for probe in DEMO[1:]))


@pytest.fixture(scope="session")
def walkers(tmp_path_factory: pytest.TempPathFactory, demo: Path) -> Callable[..., Path]:
    """walkers("gallery", 60, 30) is a clip of 30 frames of the demo from frame 60 on, made once.

    keys: frames from one key frame to the next.
    """
    folder = tmp_path_factory.mktemp("walkers")

    def clip(name: str, first: int = 60, frames: int = 30, keys: int = 250) -> Path:
        path = folder / f"{name}-{first}-{frames}-{keys}.mp4"
        if not path.exists():
            with open_video(demo / f"{name}.mp4") as video:
                images = [frame.image for frame in video if first <= frame.index < first + frames]
                clips.write(path, images, fps=25, options={"preset": "ultrafast", "crf": "18", "g": str(keys)})
        return path

    return clip


@pytest.fixture(scope="module")
def without_network() -> Iterator[None]:
    """Every address is out of reach: the way leads through a proxy that is not there."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
            patch.setenv(name, "http://127.0.0.1:9")
        for name in ("no_proxy", "NO_PROXY"):
            patch.delenv(name, raising=False)
        yield
