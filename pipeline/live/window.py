"""A window on the screen, by Python's own Tk: OpenCV is installed here without one."""

from __future__ import annotations

import math
from types import TracebackType
from typing import Self

import cv2

from pipeline.errors import ConfigError
from pipeline.types import Image

INSTEAD = "Use --serve and open the page it prints."


class WindowClosed(Exception):  # noqa: N818 - nothing is wrong
    """The person at the screen closed the window, or pressed q or Escape."""


class Window:
    """Shows pictures, those of several cameras side by side. For one thread; a context manager.

    Raises ConfigError where no window can be opened.
    """

    def __init__(self, title: str, cameras: int = 1) -> None:
        try:
            import tkinter
        except ImportError:
            raise ConfigError(f"--window: this Python has no Tk to open a window with. {INSTEAD}") from None
        try:
            self._root = tkinter.Tk()
        except tkinter.TclError:
            raise ConfigError(f"--window: there is no screen to open a window on. {INSTEAD}") from None
        self._root.title(title)
        self._closed = False
        self._root.protocol("WM_DELETE_WINDOW", self._close)
        for key in ("q", "<Escape>"):
            self._root.bind(key, lambda event: self._close())
        self._photos, columns = [], math.ceil(math.sqrt(cameras))
        for number in range(cameras):
            self._photos.append(tkinter.PhotoImage(master=self._root))
            label = tkinter.Label(self._root, image=self._photos[-1], borderwidth=0)
            label.grid(row=number // columns, column=number % columns)

    def show(self, image: Image, camera: int = 1) -> None:
        """Show a picture of a camera, H×W×3 uint8 BGR. Raises WindowClosed."""
        self._photos[camera - 1].configure(data=cv2.imencode(".ppm", image)[1].tobytes(), format="ppm")
        self._root.update()
        if self._closed:
            raise WindowClosed

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._root.destroy()

    def _close(self) -> None:
        self._closed = True
