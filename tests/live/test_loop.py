"""The loop on real walkers: they are named, a slow machine drops frames and never lags, and it stops when told."""

from __future__ import annotations

import copy
import dataclasses
import threading
import time
from itertools import pairwise
from pathlib import Path

import clips
import cv2
import made_people
import numpy as np
import pytest

from pipeline.jobs.people import People
from pipeline.jobs.session import Session
from pipeline.live.loop import Eyes, Painter, watch
from pipeline.live.source import Arrival, LiveSource, Newest
from pipeline.profiles import load_config
from pipeline.recognition.encoder import Encoder
from pipeline.types import Detections, Frame, SilhouetteSequence
from pipeline.video import open_video

FRAMES = 44


@pytest.fixture(scope="module")
def config():
    return load_config("light", ["output.blur_faces=true"])


@pytest.fixture(scope="module")
def session(shared, config) -> Session:
    return Session.open({}, config, shared / "checkpoints")


@pytest.fixture(scope="module")
def frames(shared) -> list[Frame]:
    """The first seconds of probe2, every second frame: what a machine of half the speed sees."""
    found = []
    with open_video(shared / "videos/demo/probe2.mp4") as video:
        for frame in video:
            if frame.index >= 2 * FRAMES:
                break
            if frame.index % 2 == 0:
                found.append(frame)
    return found


@pytest.fixture(scope="module")
def people(shared, session) -> People:
    """The silhouettes of the gallery as All-in-One-Gait wrote them, cut out again by nobody: its four people."""
    return people_in(session.encoder, shared / "silhouettes")


def people_in(encoder: Encoder, folder: Path) -> People:
    from pipeline.segmentation.normalise import cut_width, normalise

    person = {"001": "three", "002": "one", "003": "two", "004": "four"}
    sequences = []
    for number, track in enumerate(sorted(person), 1):
        masks = [
            cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) for path in sorted((folder / "gallery" / track).rglob("*.png"))
        ]
        aligned = [cut_width(square) for square in map(normalise, masks) if square is not None]
        sequences.append(SilhouetteSequence("gallery", number, np.stack(aligned), np.arange(len(aligned))))
    names = [person[track] for track in sorted(person)]
    return made_people.named({name: name for name in names}, encoder.encode(sequences))


def info_of(shared):
    with open_video(shared / "videos/demo/probe2.mp4") as video:
        return video.info


def arrivals(frames):
    for number, frame in enumerate(frames):
        yield Arrival(frame, time.monotonic(), 2 if number else 1)


def test_people_are_named_while_they_walk_and_their_heads_are_blurred(shared, session, people, frames):
    info = info_of(shared)
    sights = []
    watch(arrivals(frames), {1: Eyes(session, people, info)}, sights.append)
    assert [sight.frame.index for sight in sights] == [frame.index for frame in frames]
    tracks = {tuple(person.track_id for person in sight.people) for sight in sights[5:]}
    assert tracks == {(1, 2, 3, 4)}, "though every second frame is missing, nobody is lost"
    assert {person.answer.status for sight in sights[:9] for person in sight.people} == {"looking"}
    last = [person.answer for person in sights[-1].people]
    assert all(answer.status in ("known", "unknown") for answer in last)
    names = [answer.name for answer in last if answer.name]
    assert len(names) >= 2 and len(set(names)) == len(names)
    for track in range(1, 5):  # nobody's name goes to and fro
        shown = [p.answer.who for sight in sights for p in sight.people if p.track_id == track]
        assert sum(a != b for a, b in pairwise(shown)) <= 2
    painted = Painter(info, people, blur=True).paint(sights[-1])
    assert painted.shape == frames[-1].image.shape and (painted != frames[-1].image).any()
    x1, y1, x2, y2 = sights[-1].people[0].box
    head = np.s_[int(y1 + 4) : int(y1 + 0.12 * (y2 - y1)), int(x1 + 0.3 * (x2 - x1)) : int(x1 + 0.7 * (x2 - x1))]
    sharp, soft = (cv2.Laplacian(picture[head], cv2.CV_64F).var() for picture in (frames[-1].image, painted))
    assert soft < sharp / 4


def noting(session, looked):
    """The session with a detector that notes which frames it looks at."""

    class Noting:
        looks_at, batch = "image", 1

        def detect(self, frames):
            looked.extend(frame.index for frame in frames)
            return session.networks.detector.detect(frames)

    found = copy.copy(session)
    found.networks = dataclasses.replace(session.networks, detector=Noting())
    return found


@pytest.mark.parametrize("blur", [False, True])
def test_where_all_frames_are_late_every_second_is_shown_without_a_look_unless_heads_are_blurred(
    shared, session, people, frames, blur
):
    looked, sights = [], []
    late = frames[:32:4]  # 8 frames apart, when every third is due
    hurried = noting(session, looked)
    hurried.config = load_config("light", [f"output.blur_faces={str(blur).lower()}"])
    eyes = Eyes(hurried, people, info_of(shared))
    watch((Arrival(frame, time.monotonic(), 8) for frame in late), {1: eyes}, sights.append)
    assert looked == [frame.index for frame in late[:: 1 if blur else 2]]
    assert [sight.frame.index for sight in sights] == [frame.index for frame in late]


def test_between_two_looks_people_are_where_they_go_on_to(shared, session, people):
    looked = []
    with open_video(shared / "videos/demo/probe2.mp4") as video:
        some = [frame for frame in video if frame.index < 40]
    sights = []
    eyes = Eyes(noting(session, looked), people, info_of(shared))
    watch((Arrival(frame, time.monotonic(), 1) for frame in some), {1: eyes}, sights.append)
    assert looked == list(range(0, 40, 3))
    assert all(len(sight.people) == 4 for sight in sights[3:])
    for before, now in pairwise(sights[9:]):
        for one, other in zip(before.people, now.people, strict=True):
            assert np.abs(one.box - other.box).max() < 0.06 * (one.box[3] - one.box[1]), "boxes jump"
    assert {person.silhouettes for person in sights[-1].people} <= set(range(10, 15)), "none but in a look"


def test_cameras_that_share_the_networks_do_not_disturb_one_another(shared, session, people, frames):
    some, info = frames[:12], info_of(shared)
    flipped = [dataclasses.replace(frame, image=np.ascontiguousarray(frame.image[:, ::-1])) for frame in some]

    def boxes(eyes, both):
        sights = []
        watch(both, eyes, sights.append)
        return {camera: [[p.box for p in s.people] for s in sights if s.camera == camera] for camera in eyes}

    def of(camera, pictures):
        return (dataclasses.replace(arrival, camera=camera) for arrival in arrivals(pictures))

    def both():
        for pair in zip(of(1, some), of(2, flipped), strict=True):
            yield from pair

    alone = {1: boxes({1: Eyes(session, people, info)}, of(1, some))[1],
             2: boxes({2: Eyes(session, people, info)}, of(2, flipped))[2]}  # fmt: skip
    together = boxes({1: Eyes(session, people, info), 2: Eyes(session, people, info)}, both())
    for camera in (1, 2):
        assert len(together[camera]) == 12 and len(together[camera][-1]) == 4
        for one, other in zip(alone[camera], together[camera], strict=True):
            assert np.array_equal(one, other)


class SlowDetector:
    """The real one, on a machine that takes longer than a frame lasts: it waits for three more frames to come."""

    looks_at = "image"
    batch = 1

    def __init__(self, newest: Newest, last: int):
        self.newest, self.last = newest, last

    def detect(self, frames):
        (frame,) = frames
        while self.newest.newest < min(frame.index + 3, self.last):
            time.sleep(0.002)
        return [Detections.empty(frame.index)]


def test_a_slow_machine_drops_frames_and_never_lags(tmp_path, session, people):
    path = clips.plain(tmp_path / "street.mp4", frames=60, fps=100)
    with LiveSource(str(path)) as source:
        slow, sights = SlowDetector(source.newest, 59), []
        slowed = copy.copy(session)
        slowed.networks = dataclasses.replace(session.networks, detector=slow)
        slowed.config = load_config("light", ["tracking.rate=all"])
        eyes = Eyes(slowed, people, source.info)
        watch(source, {1: eyes}, sights.append, source.stop)
    assert source.newest.seen == 60 == source.newest.dropped + len(sights)
    assert len(sights) <= 21, "at most every third frame is looked at"
    gaps = np.diff([sight.frame.index for sight in sights])
    assert (gaps > 0).all()
    # Nothing has piled up: the last look is at the last frame. Had frames waited in a row, it would be at the 21st.
    assert sights[-1].frame.index == 59


def test_it_ends_when_showing_fails_though_the_camera_is_silent(session, people, shared):
    newest = Newest()
    newest.put(Frame(0, 0.0, np.zeros((64, 96, 3), np.uint8)))

    def endless():
        while (arrival := newest.take()) is not None:
            yield arrival

    def interrupted(sight):
        raise KeyboardInterrupt

    failed = []

    def run():
        try:
            watch(endless(), {1: Eyes(session, people, info_of(shared))}, interrupted, newest.end)
        except KeyboardInterrupt as error:
            failed.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(30)
    assert not thread.is_alive() and failed
