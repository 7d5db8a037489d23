"""A long video that was interrupted goes on in its last stretch, and leaves what it leaves without interruption."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import clips
import numpy as np
import pytest

from pipeline.engine.meter import Meter
from pipeline.extraction.crops import Extraction
from pipeline.extraction.extract import extract
from pipeline.extraction.networks import find_checkpoints, stages_of
from pipeline.extraction.processes import Task
from pipeline.extraction.stretches import DoneStretches
from pipeline.profiles import load_config
from pipeline.runs.folder import RunFolder
from pipeline.runs.job import Video
from pipeline.video import open_video

FRAMES, STRETCH, KEY = 38, 10, "of these very settings"
SETTINGS = [
    "pose.always=true",
    "recognition.encoder=biggergait",  # keypoints, and crops in colour
    f"tracking.stretch={STRETCH}",
    "segmentation.enough=4",
]


class CutError(Exception):
    pass


class Detector:
    """The real one, which notes what it looks at and is cut short at a frame."""

    def __init__(self, real, last: int = 10**9):
        self.real, self.last, self.seen = real, last, []
        self.looks_at, self.batch = real.looks_at, real.batch

    def detect(self, frames):
        self.seen += [frame.index for frame in frames]
        if self.seen[-1] > self.last:
            raise CutError
        return self.real.detect(frames)


@pytest.fixture(scope="module")
def opened(shared: Path) -> Extraction:
    config = load_config("light", SETTINGS)
    return Task(config, find_checkpoints(config, shared / "checkpoints", stages_of(config)), Path("unused")).open()


@pytest.fixture(scope="module")
def video(shared: Path, tmp_path_factory) -> Video:
    with open_video(shared / "videos/demo/probe2.mp4") as street:
        images = [frame.image for frame in street if 60 <= frame.index < 60 + FRAMES]
    path = tmp_path_factory.mktemp("street") / "street.mp4"
    clips.write(path, images)
    return Video("street", str(path))


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def at(opened: Extraction, folder: Path, last: int = 10**9, key: str = KEY) -> Extraction:
    """The same networks at work in a folder, until the frame after `last` is looked at."""
    networks = replace(opened.networks, detector=Detector(opened.networks.detector, last))
    return replace(opened, networks=networks, folder=RunFolder(folder), meter=Meter(), keys={"street": key})


@pytest.fixture(scope="module")
def whole(video, opened, tmp_path_factory):
    """What is found without interruption, and the files."""
    work = at(opened, tmp_path_factory.mktemp("whole"))
    found = extract(video, work)
    work.folder.mark_done("extraction", "street", KEY)
    files = contents(work.folder.path)
    assert not (work.folder.path / ".stretches").exists(), "what was kept on the way stays"
    return found, {name: data for name, data in files.items() if not name.startswith(".done")}


@pytest.fixture(scope="module")
def half_done(video, opened, tmp_path_factory) -> Path:
    """The folder of a run that was interrupted."""
    folder = tmp_path_factory.mktemp("half")
    with pytest.raises(CutError):
        extract(video, at(opened, folder, last=31))
    assert sorted(path.name for path in folder.glob(".stretches/street/*")) == ["000000.npz", "000001.npz"]
    return folder


@pytest.fixture
def interrupted(half_done, tmp_path) -> Path:
    shutil.copytree(half_done, tmp_path, dirs_exist_ok=True)
    return tmp_path


def finished(video, work: Extraction):
    """What is found, the files but for what is kept on the way, and the first frame that was looked at."""
    found = extract(video, work)
    files = {name: data for name, data in contents(work.folder.path).items() if "stretches" not in name}
    return (found, files), work.networks.detector.seen[0]


def test_it_goes_on_in_the_last_stretch_and_leaves_the_same_bytes(video, opened, whole, interrupted):
    work = at(opened, interrupted)
    left, first = finished(video, work)
    assert first == 2 * STRETCH
    assert left == whole
    assert whole[0].tracks >= 2
    assert {name.split("/")[0] for name in whole[1]} == {"tracks", "silhouettes", "sequences", "poses", "crops"}


def test_it_begins_anew_where_what_is_kept_is_of_other_settings(video, opened, whole, interrupted):
    work = at(opened, interrupted, key="of others")
    left, first = finished(video, work)
    assert (left, first) == (whole, 0)


def test_a_damaged_stretch_is_done_anew(video, opened, whole, interrupted):
    damaged = interrupted / ".stretches/street/000001.npz"
    damaged.write_bytes(damaged.read_bytes()[:-40])
    left, first = finished(video, at(opened, interrupted))
    assert (left, first) == (whole, STRETCH)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("sequences_order", lambda order: order[:-1]),
        ("sequences_masks", lambda masks: masks.astype(float)),
        ("sequences_masks", lambda masks: masks[..., None]),
        ("poses_joints", lambda joints: joints[0]),
        ("rgb_bodies", lambda bodies: bodies.astype(float)),
        ("seen", lambda seen: np.array(["x"] * len(seen))),
        ("counts", lambda counts: np.append(counts, 0)),
        ("values", lambda values: values[:-1]),
    ],
)
def test_a_stretch_of_arrays_that_contradict_each_other_is_done_anew(opened, interrupted, name, change):
    path = interrupted / ".stretches/street/000001.npz"
    with np.load(path) as arrays:
        known = dict(arrays)
    np.savez(path, **{**known, name: change(known[name])})
    done = DoneStretches(RunFolder(interrupted), "street", KEY)
    assert len(list(done.read((480, 854), opened.config))) == 1


def test_nothing_is_kept_of_what_cannot_be_read_again(video, opened, tmp_path):
    with pytest.raises(CutError):
        extract(video, replace(at(opened, tmp_path, last=21), keys={}))
    assert not (tmp_path / ".stretches").exists()
