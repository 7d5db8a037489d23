"""The window of `gait live`, opened by Tk on a screen in memory (Xvfb)."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest

from pipeline.live.window import Window, WindowClosed

pytestmark = pytest.mark.skipif(shutil.which("Xvfb") is None, reason="needs Xvfb")

BGR = (10, 200, 60)
HEIGHT, WIDTH = 48, 64


@pytest.fixture(scope="module")  # Tk ends the process when it misses a screen that it has known
def screen(tmp_path_factory):
    """The file of the screen's pixels; programs find the screen by DISPLAY."""
    tmp_path = tmp_path_factory.mktemp("screen")
    pytest.importorskip("tkinter", reason="this Python has no Tk")
    read, write = os.pipe()
    command = [
        "Xvfb",
        "-displayfd",
        str(write),
        "-screen",
        "0",
        "320x200x24",
        "-fbdir",
        str(tmp_path),
        "-nolisten",
        "tcp",
    ]
    server = subprocess.Popen(command, pass_fds=[write], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    os.close(write)
    with os.fdopen(read) as told:
        number = told.readline().strip()
    assert number, "Xvfb did not start"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DISPLAY", f":{number}")
        yield tmp_path / "Xvfb_screen0"
    server.terminate()
    server.wait(10)


def settles_at(screen: Path, count: int) -> bool:
    """Whether so many of the screen's pixels get the colour: an X window dump ends with them, 32 bits each."""
    for _ in range(200):
        pixels = np.frombuffer(screen.read_bytes()[-320 * 200 * 4 :], np.uint8).reshape(-1, 4)
        if (pixels[:, :3] == BGR).all(axis=1).sum() == count:
            return True
        time.sleep(0.05)
    return False


def test_a_picture_is_on_the_screen_and_q_closes_the_window(screen):
    with Window("gait") as window:
        for _ in range(2):
            window.show(np.full((HEIGHT, WIDTH, 3), BGR, np.uint8))
        assert settles_at(screen, HEIGHT * WIDTH)
        window._root.focus_force()
        window._root.event_generate("<q>")
        with pytest.raises(WindowClosed):
            window.show(np.zeros((HEIGHT, WIDTH, 3), np.uint8))
    assert settles_at(screen, 0)


def test_two_cameras_are_side_by_side(screen):
    with Window("gait", cameras=2) as window:
        for camera in (1, 2, 1, 2):
            window.show(np.full((HEIGHT, WIDTH, 3), BGR, np.uint8), camera)
        assert settles_at(screen, 2 * HEIGHT * WIDTH)
