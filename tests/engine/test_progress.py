"""What a log says while a run works."""

from __future__ import annotations

import re
import time

import pytest
from loguru import logger

from pipeline.engine.progress import Lines, Pace, duration


@pytest.fixture
def said():
    lines = []
    sink = logger.add(lambda line: lines.append(line.rstrip("\n")), level="INFO", format="{message}")
    yield lines
    logger.remove(sink)


def test_a_log_tells_now_and_then_how_far_a_stage_is(said):
    bars = Lines(every=0.05)
    bars.start("tracking", 100, "frames")
    bars.advance("tracking", 5)
    assert not said
    time.sleep(0.06)
    bars.advance("tracking", 45)
    bars.advance("tracking", 50)  # too soon after the last
    bars.finish("tracking")
    far, end = said
    assert re.fullmatch(r"tracking: 50 of 100 frames, \d+/s, about \d+ s left", far)
    assert re.fullmatch(r"tracking: 100 frames in 0\.\d s \(\d+/s\)", end)


def test_how_long_it_takes_is_not_said_of_what_has_no_known_end(said):
    bars = Lines(every=0)
    bars.start("segmentation", None, "crops")
    bars.advance("segmentation", 3)
    assert re.fullmatch(r"segmentation: 3 crops, \d+/s", said[0])


def test_the_pace_of_videos_is_told_beside_real_time():
    pace = Pace([10.0, 30.0])
    time.sleep(0.1)
    found = re.fullmatch(
        r"1 of 2 videos; (\d+) frames/s, ([\d.]+) × real time, about (\d+) s left", pace.after(250, 10.0)
    )
    frames, factor, left = map(float, found.groups())
    assert 0 < frames <= 2500 and frames == pytest.approx(25 * factor, rel=0.02)
    assert left == pytest.approx(30 / factor, abs=0.51)


def test_no_end_is_promised_where_a_length_is_unknown():
    assert "left" not in Pace([10.0, None]).after(250, 10.0)


@pytest.mark.parametrize(
    ("seconds", "words"), [(0, "0 s"), (59, "59 s"), (61, "1 min"), (3599, "1 h 0 min"), (12000, "3 h 20 min")]
)
def test_times_are_for_people(seconds, words):
    assert duration(seconds) == words
