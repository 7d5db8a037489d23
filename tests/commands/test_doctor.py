"""`gait doctor` finds what is broken, says what to do, and breaks on nothing itself."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import clips
import numpy as np
import pytest

from pipeline.commands.doctor import doctor
from pipeline.commands.doctor.check import Check
from pipeline.commands.doctor.machine import examine
from pipeline.video import open_video

pytestmark = pytest.mark.usefixtures("alone")


def _checks(checkpoints: Path | None = None) -> dict[str, Check]:
    return {check.name: check for checks in examine(checkpoints).values() for check in checks}


def _states(checkpoints: Path | None = None) -> dict[str, str]:
    return {name: check.state for name, check in _checks(checkpoints).items()}


def test_a_machine_that_runs_these_tests_is_healthy(capsys: pytest.CaptureFixture[str]) -> None:
    assert doctor() == 0
    out = capsys.readouterr().out
    assert "✓ torch" in out and "✓ write libx264" in out and "✗" not in out


def test_missing_checkpoints_are_not_broken_and_say_how_to_get_them() -> None:
    light = _checks()["light"]
    assert light.state == "absent" and light.remedy == "gait checkpoints fetch light"


def test_present_checkpoints_are_verified(shared: Path) -> None:
    assert _states(shared / "checkpoints")["light"] == "ok"


def test_a_damaged_checkpoint_is_broken(shared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(shared / "checkpoints" / "mediapipe_pose", tmp_path / "w" / "mediapipe_pose")
    (tmp_path / "w" / "yolox_nano.onnx").write_bytes(b"cut short")
    assert doctor(checkpoints=tmp_path / "w") == 1
    assert "expected 3660092 bytes for yolox_nano, found 9" in capsys.readouterr().out


def test_a_checkpoint_folder_that_does_not_exist_is_broken(tmp_path: Path) -> None:
    assert _states(tmp_path / "nowhere")["folders"] == "broken"


def test_downloads_go_where_the_user_says(tmp_path: Path) -> None:
    assert _checks(tmp_path)["downloads"].detail == str(tmp_path)


def test_an_output_folder_that_is_a_file_is_broken() -> None:
    Path("output").write_text("in the way")
    assert _states()["results"] == "broken"


def test_a_folder_that_is_not_there_yet_can_be_made() -> None:
    assert _states()["results"] == "ok" and not Path("output").exists()


@pytest.mark.parametrize("turn", [0, 90])
def test_a_video_is_told_which_way_up_people_are(shared, tmp_path, capsys, turn) -> None:
    with open_video(shared / "videos/demo/probe2.mp4") as video:
        images = [np.rot90(frame.image, turn // 90) for frame in video if frame.index < 30]
    path = clips.write(tmp_path / "turned.mp4", images, options={"preset": "ultrafast"})
    assert doctor([str(path)], shared / "checkpoints") == 0
    out = capsys.readouterr().out
    assert ("480×854" if turn == 0 else "854×480") in out
    assert (f"→ Turn it: --rotate {turn}" in out) == (turn != 0)
    assert "cannot be told from how people walk" in out
    tall = re.search(r"frames\), (\d+) pixels tall", " ".join(out.split()))
    assert (tall is not None) == (turn == 0) and (tall is None or 200 < int(tall[1]) < 270)


def test_a_video_that_cannot_be_read_is_broken(tmp_path, capsys) -> None:
    assert doctor(videos=[str(clips.audio_only(tmp_path / "sound.mp4"))]) == 1
    assert "no video stream" in capsys.readouterr().out
