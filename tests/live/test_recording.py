from fractions import Fraction

import numpy as np
import pytest

from pipeline.errors import ConfigError, OutputError
from pipeline.live.cameras import Recording
from pipeline.live.session import _recordings
from pipeline.profiles import load_config
from pipeline.video import VideoInfo, open_video

INFO = VideoInfo("a.mp4", "a", 64, 48, 25.0, Fraction(1, 25), None, 0, None, "h264")


def test_what_waits_is_written_whatever_ends_the_watching(tmp_path):
    with pytest.raises(KeyboardInterrupt), Recording(tmp_path / "seen.mp4", INFO, load_config()) as recording:
        for number in range(9):
            recording.write(np.full((48, 64, 3), 20 * number, np.uint8), number / 25)
        raise KeyboardInterrupt
    with open_video(tmp_path / "seen.mp4") as video:
        assert sum(1 for _ in video) == 9


def test_a_full_disk_is_told_while_people_are_watched_and_leaves_no_file(tmp_path, monkeypatch):
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    recording = Recording(tmp_path / "seen.mp4", INFO, load_config())
    monkeypatch.setattr(recording._sink, "_mux", full)
    with pytest.raises(OutputError, match="disk is full"), recording:
        for number in range(1000):
            recording.write(np.zeros((48, 64, 3), np.uint8), number / 25)
        pytest.fail("nobody was told")
    assert list(tmp_path.iterdir()) == []


def test_each_of_several_cameras_has_its_file_and_none_is_a_video_that_is_watched(tmp_path):
    seen, watched = tmp_path / "seen.mp4", tmp_path / "seen-2.mp4"
    assert _recordings(None, ["0", "1"]) == {}
    assert _recordings(seen, ["0"]) == {1: seen}
    assert _recordings(seen, ["0", str(watched)]) == {1: tmp_path / "seen-1.mp4", 2: watched}
    watched.touch()
    with pytest.raises(ConfigError, match=r"seen-2\.mp4 is a video that is watched"):
        _recordings(seen, ["0", str(watched)])
