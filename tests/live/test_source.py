"""The newest frame and no other; streams that go away and come back."""

from __future__ import annotations

import threading
from itertools import pairwise

import clips
import numpy as np
import pytest
from cameras import Camera, plain

from pipeline.errors import InputError
from pipeline.live.source import LiveSource, Newest, Turns
from pipeline.types import Frame
from pipeline.video.source import mask_credentials

PICTURE = np.zeros((4, 4, 3), np.uint8)


def frame(index):
    return Frame(index, index / 25, PICTURE)


def test_only_the_newest_frame_waits():
    newest = Newest()
    for index in range(100):
        newest.put(frame(index))
    arrival = newest.take()
    assert (arrival.frame.index, arrival.elapsed) == (99, 1)
    assert (newest.seen, newest.dropped, newest.newest) == (100, 99, 99)


def test_what_was_dropped_is_told_as_elapsed():
    newest = Newest()
    taken = []
    for index in range(9):
        newest.put(frame(index))
        if index in (0, 1, 5, 8):
            arrival = newest.take()
            taken.append((arrival.frame.index, arrival.elapsed))
    assert taken == [(0, 1), (1, 1), (5, 4), (8, 3)]
    assert newest.seen == newest.dropped + len(taken)


def test_taking_waits_for_a_frame_and_ends_with_the_source():
    newest, taken = Newest(), []

    def take():
        while (arrival := newest.take()) is not None:
            taken.append(arrival.frame.index)

    thread = threading.Thread(target=take)
    thread.start()
    newest.put(frame(7))
    newest.end()
    thread.join(10)
    assert not thread.is_alive() and taken == [7]


def test_an_error_of_the_reader_is_raised_where_frames_are_taken():
    newest = Newest()
    newest.put(frame(0))
    newest.end(RuntimeError("cable"))
    assert newest.take().frame.index == 0
    with pytest.raises(RuntimeError, match="cable"):
        newest.take()


def test_a_file_comes_frame_by_frame_at_its_own_clock_and_ends(tmp_path):
    path = clips.plain(tmp_path / "walk.mp4", frames=20)
    with LiveSource(str(path)) as source:
        arrivals = list(source)
        begun = arrivals[0].came - arrivals[0].frame.time_s
    assert source.newest.seen == 20 == source.newest.dropped + len(arrivals)
    assert source.newest.newest == 19 == arrivals[-1].frame.index
    assert all(b.frame.index - a.frame.index == b.elapsed for a, b in pairwise(arrivals))
    # Never before its time: live means that the future is not known.
    assert all(arrival.came >= begun + arrival.frame.time_s - 0.02 for arrival in arrivals)
    assert source.outages == 0


def test_a_stream_that_is_cut_is_opened_again_and_goes_on(lines):
    with (
        Camera([plain(40, 60), plain(200, 60, (48, 32))], gone=2) as camera,
        LiveSource(camera.url, first_wait_s=0.05) as source,
    ):
        bright = None
        for arrival in source:
            assert arrival.frame.image.shape == (64, 96, 3), "the size that came first is kept"
            if arrival.frame.image.mean() > 150:
                bright = arrival
                break
        assert bright is not None
        assert camera.served[:4] == ["streamed", "refused", "refused", "streamed"]
        assert source.outages == 1
        assert bright.frame.index >= 1
    told = "\n".join(lines)
    assert "lost; trying again in 0.05 s" in told
    assert "still gone; trying again in 0.1 s" in told and "still gone; trying again in 0.2 s" in told
    assert "back after" in told
    assert "s3cret" not in told and "abc123" not in told and "walker" not in told


def test_closing_does_not_wait_for_a_stream_that_is_gone():
    with Camera([plain(40, 60), plain(40, 60)], gone=1000) as camera, LiveSource(camera.url) as source:
        while (arrival := source.newest.take()) is not None and arrival.frame.index < 59:
            pass  # up to the last frame: one that is not taken can still be had after closing
    assert source.newest.take() is None
    assert not source._thread.is_alive()


@pytest.mark.parametrize(
    "source",
    ["no/such/file.mp4", "http://u:s3cret@127.0.0.1:9/x?token=abc123", "87"],
    ids=["file", "address", "camera"],
)
def test_what_cannot_be_opened_the_first_time_is_refused(source):
    with pytest.raises(InputError) as refusal:
        LiveSource(source)
    assert "\n" not in str(refusal.value)
    assert "s3cret" not in str(refusal.value) and "abc123" not in str(refusal.value)


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("rtsp://ada:pw@cam/door", "rtsp://***@cam/door"),
        ("rtsp://ada:p@ss@cam:554/door", "rtsp://***@cam:554/door"),
        ("http://cam/door?user=ada&pw=x@y", "http://cam/door?***"),
        ("http://ada@cam/a@b", "http://***@cam/a@b"),
        ("udp://239.0.0.1:1234", "udp://239.0.0.1:1234"),
    ],
)
def test_passwords_and_tokens_are_masked(address, shown):
    assert mask_credentials(address) == shown


def cameras(sources):
    changed = threading.Condition()
    return {number: LiveSource(str(source), changed=changed) for number, source in enumerate(sources, 1)}, changed


def test_cameras_are_looked_at_in_turns(tmp_path):
    sources, changed = cameras([clips.plain(tmp_path / "walk.mp4", frames=2)] * 3)
    for source in sources.values():
        source.close()
        source.newest = Newest(changed)
    turns = iter(Turns(sources, changed))

    def come(*numbers):
        for number in numbers:
            sources[number].newest.put(frame(come.index))
        come.index += 1

    come.index = 0
    come(1, 2, 3)
    assert [next(turns).camera for _ in range(2)] == [1, 2]
    come(1, 2, 3)  # the third has waited longest
    assert [next(turns).camera for _ in range(3)] == [3, 1, 2]
    come(2)
    assert next(turns).camera == 2
    come(1, 2)
    assert [next(turns).camera for _ in range(2)] == [1, 2]
    for number in (1, 3):
        sources[number].newest.end()
    come(2)
    assert next(turns).camera == 2
    sources[2].newest.end()
    assert list(turns) == []


def test_a_file_that_ends_and_a_camera_that_fails_do_not_take_the_others_with_them(tmp_path, lines):
    with Camera([plain(40, 30)]) as camera:
        sources, changed = cameras([clips.plain(tmp_path / "walk.mp4", frames=10), camera.url, camera.url])
        for source in sources.values():
            source.__enter__()
        turns, seen = Turns(sources, changed), []
        sources[2].newest.end(RuntimeError("cable"))
        for arrival in turns:
            seen.append(arrival.camera)
            if len(seen) > 100 and sources[1].state == "ended" and {3} == set(seen[-20:]):
                turns.stop()
        for source in sources.values():
            source.close()
    assert {1, 3} <= set(seen)
    told = "\n".join(lines)
    assert "camera 2 (http://***@127.0.0.1:" in told and "has ended: cable" in told
    assert told.count(" has ended") == 2 and "camera 1 (" in told
    assert "s3cret" not in told and "abc123" not in told


def test_the_error_of_a_single_camera_is_raised(tmp_path):
    sources, changed = cameras([clips.plain(tmp_path / "walk.mp4", frames=2)])
    sources[1].newest.end(RuntimeError("cable"))
    with pytest.raises(RuntimeError, match="cable"):
        next(iter(Turns(sources, changed)))
    sources[1].close()


def test_a_stream_is_said_to_be_lost_until_it_is_back(tmp_path):
    with (
        Camera([plain(40, 30), plain(200, 30)], gone=2) as camera,
        LiveSource(camera.url, first_wait_s=0.05) as source,
    ):
        states = set()
        while (arrival := source.newest.take()).frame.image.mean() < 150:
            states.add(source.state)
            while source.newest.newest == arrival.frame.index and source.state != "lost":
                pass  # until another comes, or it is cut
            states.add(source.state)
        assert {"on", "lost"} == states | {source.state}
        assert source.state == "on"
    assert source.state == "ended"
