"""A video that is followed in stretches leaves what it leaves when it is followed as a whole, byte for byte."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path

import clips
import pytest

from pipeline.cluster.stretches import Call, Worker, follow_in_stretches
from pipeline.engine.progress import Silent
from pipeline.extraction.extract import follow
from pipeline.extraction.processes import Task
from pipeline.jobs.prepare import find_checkpoints
from pipeline.profiles import load_config
from pipeline.runs.folder import RunFolder
from pipeline.runs.job import Video
from pipeline.runs.record import Meter
from pipeline.types import Frame
from pipeline.video import open_video

FRAMES, STRETCH = 47, 12
SETTINGS = ["pose.always=true", f"tracking.stretch={STRETCH}", "segmentation.batch=5"]


@pytest.fixture(scope="module")
def config():
    return load_config("light", SETTINGS)


@pytest.fixture(scope="module")
def networks(shared: Path, config):
    found = find_checkpoints(config, shared / "checkpoints", ("detector", "segmenter", "pose"))
    return Task(config, found["detector"], found["segmenter"], found["pose"], Path("unused")).networks()


@pytest.fixture(scope="module")
def street(shared: Path) -> list[Frame]:
    with open_video(shared / "videos/demo/probe2.mp4") as video:
        return [frame for frame in video if 60 <= frame.index < 60 + FRAMES]


@pytest.fixture(scope="module")
def walk(street: list[Frame], tmp_path_factory) -> Callable[..., Video]:
    """walk(g="7") is the clip with a key frame at every seventh picture; walk(20, g="7") the first 20 of them."""
    folder = tmp_path_factory.mktemp("walk")

    def clip(frames: int = FRAMES, **options: str) -> Video:
        path = folder / f"{frames}-{'-'.join(options.values())}.mp4"
        if not path.exists():
            options = {"preset": "ultrafast", "crf": "20", "bf": "2", "sc_threshold": "0", **options}
            clips.write(path, [frame.image for frame in street[:frames]], options=options)
        return Video("walk", str(path))

    return clip


def contents(folder: RunFolder) -> dict[str, bytes]:
    return {str(p.relative_to(folder.path)): p.read_bytes() for p in folder.path.rglob("*") if p.is_file()}


def together(video: Video, networks, config, path: Path):
    folder = RunFolder(path)
    found = follow(video, *networks, config, folder, Meter(), Silent())
    return found, contents(folder)


def apart(video: Video, networks, config, path: Path):
    """By workers who know nothing of one another: calls and answers are sent as bytes, and made in any order."""
    folder, names = RunFolder(path), []
    steps = follow_in_stretches(video, config, True, folder, Meter())

    def done(call: Call):
        names.append(call.name)
        sent = pickle.loads(pickle.dumps(call))
        return pickle.loads(pickle.dumps(sent.does(Worker(networks, config, folder, Meter()), *sent.arguments)))

    calls = next(steps)
    while True:
        answers = [done(call) for call in reversed(calls)][::-1]
        try:
            calls = steps.send(answers)
        except StopIteration as end:
            return end.value, contents(folder), names


def test_stretches_leave_what_the_whole_leaves(walk, networks, config, tmp_path):
    video = walk(g="5")
    found, files = together(video, networks, config, tmp_path / "together")
    again, others, names = apart(video, networks, config, tmp_path / "apart")
    assert [name for name in names if name.startswith("cut")] == [f"cut walk {number}" for number in (3, 2, 1, 0)]
    assert {path.split("/")[0] for path in files} == {"tracks", "silhouettes", "sequences", "poses"}
    assert found.tracks >= 2
    assert again == found
    assert others == files


def test_a_video_without_key_frames_is_followed_as_a_whole(walk, networks, config, tmp_path):
    *_, names = apart(walk(20, g="1000"), networks, config, tmp_path / "apart")
    assert names == ["follow walk"]


def test_a_video_that_reads_differently_from_its_middle_is_followed_as_a_whole(walk, networks, config, tmp_path):
    video = walk(g="5", bf="0", **{"x264-params": "intra-refresh=1"})
    _, files = together(video, networks, config, tmp_path / "together")
    _, others, names = apart(video, networks, config, tmp_path / "apart")
    assert names[0] == names[-1] == "follow walk"
    assert len(names) > 2, "it was not even tried"
    assert others == files


def test_a_background_is_learnt_from_the_whole(walk, config, tmp_path):
    config = load_config("offline", [f"tracking.stretch={STRETCH}"])
    networks = Task(config, None, None, None, Path("unused")).networks()
    *_, names = apart(walk(20, g="5"), networks, config, tmp_path / "apart")
    assert names == ["follow walk"]
