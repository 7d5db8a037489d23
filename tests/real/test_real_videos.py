"""Real recordings that were not made for this: small, grey, far away, standing, crossing. No crash, and sane tracks."""

from __future__ import annotations

import json
from collections import defaultdict

import clips
import pytest

from pipeline.jobs.run import run
from pipeline.profiles import load_config
from pipeline.runs.job import plan
from pipeline.video import open_video

pytestmark = pytest.mark.slow

KTH = {  # outdoors, indoors, other clothes, scale change; how many walks are looked at
    "person01_d1": 2, "person04_d4": 2, "person09_d3": 1, "person07_d2": 1,
}  # fmt: skip


def job_done(folder, gallery, probes, checkpoints, *settings):
    config = load_config(overrides=[f"output.folder={folder}", *settings])
    path = run(plan(str(gallery), [str(probe) for probe in probes]), config, checkpoints)
    return path, json.loads((path / "run.json").read_text()), json.loads((path / "results.json").read_text())


def frames_by_track(path, video) -> dict[int, set[int]]:
    """Track id → frames, 1-based."""
    frames = defaultdict(set)
    for line in (path / f"tracks/{video}.txt").read_text().splitlines():
        frame, track = line.split(",")[:2]
        frames[int(track)].add(int(frame))
    return dict(frames)


@pytest.fixture(scope="module")
def kth(tmp_path_factory, shared):
    """The first walks of four of the KTH recordings, 160×120."""
    folder = tmp_path_factory.mktemp("kth")
    for name in KTH:
        end = max(crossings(shared, name)[-1]) + 25
        with open_video(shared / f"videos/kth/{name}.mp4") as video:
            images = [frame.image for frame in video if frame.index < end]
        clips.write(folder / f"{name}.mp4", images, fps=25, options={"preset": "ultrafast", "crf": "4"})
    gallery, *probes = (folder / f"{name}.mp4" for name in KTH)
    return job_done(folder, gallery, probes, shared / "checkpoints")


def crossings(shared, name) -> list[set[int]]:
    """The frames of each time that the person crosses the picture, 1-based."""
    lines = (shared / "videos/kth/crossings.txt").read_text().splitlines()
    (spans,) = [line.split("\t")[1] for line in lines if line.startswith(name)]
    bounds = [map(int, span.split("-")) for span in spans.split(", ")[: KTH[name]]]
    return [set(range(first, last + 1)) for first, last in bounds]


@pytest.mark.parametrize("name", KTH)
def test_whoever_crosses_is_followed(kth, shared, name):
    tracked = set().union(*frames_by_track(kth[0], name).values())
    for crossing in crossings(shared, name):
        assert len(crossing & tracked) >= 0.6 * len(crossing)


@pytest.mark.parametrize("name", [name for name, walks in KTH.items() if walks > 1])
def test_nobody_is_followed_where_nobody_is(kth, shared, name):
    tracked = set().union(*frames_by_track(kth[0], name).values())
    walks = crossings(shared, name)
    # The labels end a little before the person has left the picture.
    empty = set(range(1, max(walks[-1]))) - {
        frame + late for walk in walks for frame in walk for late in range(-25, 26)
    }
    assert len(empty & tracked) <= 0.1 * len(empty)


@pytest.mark.parametrize("name", KTH)
def test_each_crossing_is_a_track_or_few(kth, shared, name):
    tracks = frames_by_track(kth[0], name)
    assert len(crossings(shared, name)) <= len(tracks) <= 12


@pytest.mark.parametrize("name", KTH)
def test_one_person_is_never_two_for_long(kth, name):
    tracks = list(frames_by_track(kth[0], name).values())
    doubled = sum(len(one & other) for i, one in enumerate(tracks) for other in tracks[:i])
    assert doubled <= 0.15 * sum(map(len, tracks))


def test_every_track_has_an_answer_and_a_reason(kth):
    _, record, results = kth
    assert record["status"] == "done"
    assert set(results["probes"]) == set(KTH) - {record["inputs"]["gallery"]["name"]}
    for answers in results["probes"].values():
        assert answers and all(row["reason"] for row in answers.values())
        assert any(row["status"] != "unusable" for row in answers.values())


def test_people_who_enter_stand_and_leave_are_followed(tmp_path, shared):
    source = shared / "videos/one-by-one-person-detection.mp4"
    with open_video(source) as video:
        images = [frame.image for frame in video if 200 <= frame.index < 300]
    clip = clips.write(tmp_path / "queue.mp4", images, fps=10, options={"preset": "ultrafast"})
    path, record, results = job_done(tmp_path, clip, [clip], shared / "checkpoints", "output.silhouettes=false")
    tracks = frames_by_track(path, "queue")
    assert record["status"] == "done" and record["inputs"]["gallery"]["frames"] == 100
    assert 1 <= len(tracks) <= 12
    assert max(map(len, tracks.values())) >= 40  # somebody is followed for seconds, not in flickers
    enrolled = {track for track, row in results["gallery"]["queue"].items() if row["status"] == "enrolled"}
    answers = results["probes"]["queue"]
    assert {track: answers[track]["identity"] for track in enrolled} == {track: f"queue-{track}" for track in enrolled}
