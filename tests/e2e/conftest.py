"""Runs of the real command line on real videos; the expensive ones are made once and shared."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from pathlib import Path

import av
import clips
import inprocess
import pytest

from pipeline.video import open_video

GAIT = [sys.executable, "-m", "pipeline"]
DEMO = ("gallery", "probe1", "probe2", "probe3")
FIRST = 136  # of over 200 pictures a video: all four people walk by; encoded so that none of these needs a later one


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
    """`gait` in a working directory of its own, with the shared checkpoints and two threads; more: its environment."""

    cwd: Path
    checkpoints: Path | None
    home: Path
    more: dict[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("GAIT_")}
        kept |= {"HOME": str(self.home), "XDG_CACHE_HOME": str(self.home / ".cache")}  # no weights of the user's own
        kept |= {"PYTHONFAULTHANDLER": "1"}  # `finish` asks where it hangs
        return kept | self.more | ({"GAIT_CHECKPOINTS": str(self.checkpoints)} if self.checkpoints else {})

    def start(self, *arguments: str | Path, **options) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*GAIT, *map(str, arguments)],
            cwd=self.cwd, env=self.environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options,
        )  # fmt: skip

    def __call__(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        """The same in this process, which spares a process's imports; `start` is for where the process is the point."""
        return inprocess.gait(*arguments, cwd=self.cwd, env=self.environment)

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
def short_demo(once, demo: Path) -> Path:
    """A folder with the first FIRST pictures of the demo's videos, as they were encoded, and their truth."""

    def make(folder: Path) -> None:
        for name in DEMO:
            with av.open(str(demo / f"{name}.mp4")) as reader, av.open(str(folder / f"{name}.mp4"), "w") as writer:
                stream = writer.add_stream_from_template(reader.streams.video[0])
                for packet in islice(reader.demux(video=0), FIRST):
                    packet.stream = stream
                    writer.mux(packet)
            rows = (demo / f"{name}.gt.txt").read_text().splitlines(keepends=True)
            (folder / f"{name}.gt.txt").write_text("".join(row for row in rows if int(row.split(",")[0]) <= FIRST))

    return once("short-demo", make)


@pytest.fixture(scope="session")
def gait_in(checkpoints: Path, once) -> Callable[[Path], Gait]:
    """gait_in(FOLDER) runs `gait` there."""
    home = once("home", lambda folder: None)
    return lambda folder: Gait(folder, checkpoints, home)


@pytest.fixture
def gait(tmp_path: Path, gait_in: Callable[[Path], Gait]) -> Gait:
    return gait_in(tmp_path)


@pytest.fixture(scope="session")
def run_once(once, gait_in) -> Callable[..., Run]:
    """run_once("name", gallery, *probes): a run that one of the workers has made, with a home of its own."""

    def run(name: str, gallery: str | Path, *probes: str | Path) -> Run:
        def make(folder: Path) -> None:
            gait = gait_in(folder)
            gait.home = folder / "home"
            gait.home.mkdir()
            (folder / "stdout").write_text(gait.run(gallery, *probes).stdout, encoding="utf-8")

        folder = once(name, make)
        return Run(gait_in(folder).runs()[0], (folder / "stdout").read_text(encoding="utf-8"))

    return run


@pytest.fixture(scope="session")
def full(run_once, short_demo: Path) -> Run:
    """The light profile on the demo: gallery and probe1 to probe3."""
    return run_once("full", short_demo / "gallery.mp4", *(short_demo / f"{probe}.mp4" for probe in DEMO[1:]))


@pytest.fixture(scope="session")
def walkers(once, demo: Path) -> Callable[..., Path]:
    """walkers("gallery", 60, 20) is a clip of 20 frames of the demo from frame 60 on, made once.

    keys: frames from one key frame to the next.
    """

    def clip(name: str, first: int = 60, frames: int = 20, keys: int = 250) -> Path:
        stem = f"{name}-{first}-{frames}-{keys}"

        def make(folder: Path) -> None:
            with open_video(demo / f"{name}.mp4") as video:
                images = [frame.image for frame in video if first <= frame.index < first + frames]
            options = {"preset": "ultrafast", "crf": "18", "g": str(keys)}
            clips.write(folder / f"{stem}.mp4", images, fps=25, options=options)

        return once(f"walkers-{stem}", make) / f"{stem}.mp4"

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
