"""What each stage costs, counted from several threads, and joined from several processes."""

from __future__ import annotations

import threading

import pytest

from pipeline.engine.meter import Meter


def test_a_meter_adds_seconds_and_counts():
    meter = Meter()
    for _ in range(2):
        with meter.time("segment", crops=16):
            pass
    meter.add("segment", usable=20)
    entry = meter.as_record()["segment"]
    assert (entry["crops"], entry["usable"]) == (32, 20) and entry["seconds"] >= 0
    assert meter.count("segment", "crops") == 32 and meter.count("nothing", "at all") == 0


def test_a_meter_counts_the_time_of_what_fails_too():
    meter = Meter()
    with pytest.raises(ValueError), meter.time("decode", frames=1):
        raise ValueError
    assert meter.count("decode", "frames") == 1


def test_a_meter_is_shared_by_threads():
    meter = Meter()

    def work():
        for _ in range(500):
            meter.add("track", frames=1)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert meter.count("track", "frames") == 2000


def test_what_other_meters_have_counted_is_added():
    meter, other = Meter({"detect": {"seconds": 1.0, "frames": 30}}), Meter()
    other.add("detect", seconds=0.5, frames=10, boxes=7)
    other.add("pose", seconds=0.25, crops=4)
    meter.merge(other.as_record())
    meter.merge({})
    assert meter.as_record() == {
        "detect": {"seconds": 1.5, "frames": 40, "boxes": 7},
        "pose": {"seconds": 0.25, "crops": 4},
    }
    assert other.as_record()["detect"]["frames"] == 10
