"""A video that is extracted in stretches leaves what it leaves when it is extracted as a whole, byte for byte."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import clips
import pytest

from pipeline.cluster.stretches import Call, extract_in_stretches
from pipeline.engine.meter import Meter
from pipeline.extraction.crops import Extraction
from pipeline.extraction.extract import extract
from pipeline.extraction.networks import find_checkpoints, stages_of
from pipeline.extraction.processes import Task
from pipeline.profiles import load_config
from pipeline.runs.folder import RunFolder
from pipeline.runs.job import Video
from pipeline.types import Frame
from pipeline.video import open_video

FRAMES, STRETCH = 29, 10
ALL = ["pose.always=true", "recognition.encoder=biggergait"]  # keypoints, and crops in colour
SETTINGS = [*ALL, f"tracking.stretch={STRETCH}", "segmentation.batch=5", "segmentation.enough=4"]


@pytest.fixture(scope="module")
def config():
    return load_config("light", SETTINGS)


@pytest.fixture(scope="module")
def task(shared: Path, config) -> Task:
    return Task(config, find_checkpoints(config, shared / "checkpoints", stages_of(config)), Path("unused"))


@pytest.fixture(scope="module")
def opened(task: Task) -> Extraction:
    return task.open()


@pytest.fixture(scope="module")
def street(shared: Path) -> list[Frame]:
    with open_video(shared / "videos/demo/probe2.mp4") as video:
        return [frame for frame in video if 60 <= frame.index < 60 + FRAMES]


@pytest.fixture(scope="module")
def crossing(street: list[Frame], tmp_path_factory) -> Callable[..., Video]:
    """crossing(g="7") is the clip with a key frame at every seventh picture; crossing(20, g="7") its first 20."""
    folder = tmp_path_factory.mktemp("crossing")

    def clip(frames: int = FRAMES, **options: str) -> Video:
        path = folder / f"{frames}-{'-'.join(options.values())}.mp4"
        if not path.exists():
            options = {"preset": "ultrafast", "crf": "20", "bf": "2", "sc_threshold": "0", **options}
            clips.write(path, [frame.image for frame in street[:frames]], options=options)
        return Video("crossing", str(path))

    return clip


def contents(folder: RunFolder) -> dict[str, bytes]:
    return {str(p.relative_to(folder.path)): p.read_bytes() for p in folder.path.rglob("*") if p.is_file()}


def at(path: Path, opened: Extraction) -> Extraction:
    """The same networks at work in another folder."""
    return replace(opened, folder=RunFolder(path), meter=Meter())


def together(video: Video, opened: Extraction, path: Path):
    work = at(path, opened)
    return extract(video, work), contents(work.folder)


def apart(video: Video, task: Task, opened: Extraction, path: Path):
    """By workers who know nothing of one another: calls and answers are sent as bytes, and made in any order."""
    folder, names = RunFolder(path), []
    steps = extract_in_stretches(video, replace(task, folder=path), Meter())

    def done(call: Call):
        names.append(call.name)
        sent = pickle.loads(pickle.dumps(call))
        return pickle.loads(pickle.dumps(sent.does(at(path, opened), *sent.arguments)))

    calls = next(steps)
    while True:
        answers = [done(call) for call in reversed(calls)][::-1]
        try:
            calls = steps.send(answers)
        except StopIteration as end:
            return end.value, contents(folder), names


def test_stretches_leave_what_the_whole_leaves(crossing, task, opened, tmp_path):
    video = crossing(g="5")
    found, files = together(video, opened, tmp_path / "together")
    again, others, names = apart(video, task, opened, tmp_path / "apart")
    assert [name for name in names if name.startswith("crop")] == [f"crop crossing {number}" for number in (2, 1, 0)]
    assert {path.split("/")[0] for path in files} == {"tracks", "silhouettes", "sequences", "poses", "crops"}
    assert found.tracks >= 2
    assert again == found
    assert others == files


def test_a_video_without_key_frames_is_extracted_as_a_whole(crossing, task, opened, tmp_path):
    *_, names = apart(crossing(20, g="1000"), task, opened, tmp_path / "apart")
    assert names == ["extract crossing"]


def test_a_video_that_reads_differently_from_its_middle_is_extracted_as_a_whole(crossing, task, opened, tmp_path):
    video = crossing(g="5", bf="0", **{"x264-params": "intra-refresh=1"})
    _, files = together(video, opened, tmp_path / "together")
    _, others, names = apart(video, task, opened, tmp_path / "apart")
    assert names[0] == names[-1] == "extract crossing"
    assert len(names) > 2, "it was not even tried"
    assert others == files


def test_a_background_is_learnt_from_the_whole(crossing, tmp_path):
    config = load_config("offline", [f"tracking.stretch={STRETCH}"])
    task = Task(config, find_checkpoints(config, None, stages_of(config)), Path("unused"))
    *_, names = apart(crossing(20, g="5"), task, task.open(), tmp_path / "apart")
    assert names == ["extract crossing"]
