"""What every source of frames has in common: what is known of it, and how it is read."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Self

from pipeline.types import Frame, Image
from pipeline.video.orientation import is_plausible
from pipeline.video.planar import Colours, Planar

Picture = tuple[float, Image]  # seconds, upright


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """What is known of a video before it is read.

    path: as given (a password in an address is masked); name: its name in the run; width, height: upright, in square
    pixels, as a player shows it; fps: average frames per second, long gaps left out; time_base: seconds of one tick of
    its clock; frame_count: as the file claims, None where it does not; rotation: degrees clockwise by which the coded
    picture is turned to be upright; duration_s: None where nobody knows; codec: FFmpeg's name for it; pixel: width of a
    coded pixel by its height, as the file says. Interlaced frames stay interlaced.
    """

    path: str
    name: str
    width: int
    height: int
    fps: float
    time_base: Fraction
    frame_count: int | None
    rotation: int
    duration_s: float | None
    codec: str
    pixel: Fraction = Fraction(1)


class VideoSource(ABC):
    """Upright BGR frames in order, read once; a context manager.

    info: known from the start, since opening decodes the first frame. frames_read, skipped (packets or images that
    did not decode), truncated_after and warning are final when the iteration has ended.
    """

    info: VideoInfo
    first_index = 0  # of its frames: more where only a later stretch of a video is read
    begin = 0  # as many frames are passed over: decoded, and not made into pictures

    def __init__(self) -> None:
        self.frames_read = 0
        self.skipped = 0
        self.truncated_after: int | None = None
        self._rescaled = 0
        self._reshaped = False

    def __iter__(self) -> Iterator[Frame]:
        for time_s, image in self._pictures():
            self.frames_read += 1
            if self.frames_read > self.begin:
                yield Frame(self.first_index + self.frames_read - 1, time_s, image)

    @property
    def colours(self) -> Colours | None:
        """How the pictures are coded, where `planar` can give them as they are; None: iterate over BGR frames."""
        return None

    def planar(self) -> Iterator[Planar]:
        """The same frames as the file holds them, in place of the BGR ones: see `colours`."""
        raise ValueError(f"{self.info.path}: its pictures are not coded in 4:2:0")

    @property
    def warning(self) -> str | None:
        """One line on what is wrong with a video that could be read all the same, or None."""
        remarks = []
        if self.truncated_after is not None:
            claim = f" of {self.info.frame_count}" if self.info.frame_count else ""
            remarks.append(f"damaged after frame {self.truncated_after}{claim}; used what decodes")
        elif self.skipped:
            remarks.append(f"{self.skipped} damaged frames left out, {self.frames_read} used")
        if self._rescaled:
            remarks.append(f"{self._rescaled} frames of another size scaled to {self.info.width}×{self.info.height}")
        if self._reshaped:
            remarks.append("the shape of its pixels changes midway; all frames are shown in that of the first")
        if not is_plausible(self.info.pixel):
            remarks.append(
                f"pixels of {self.info.pixel.numerator}:{self.info.pixel.denominator} are not believed; used as square"
            )
        return f"{Path(self.info.path).name}: {'; '.join(remarks)}" if remarks else None

    @abstractmethod
    def _pictures(self) -> Iterator[Picture]: ...

    @abstractmethod
    def close(self) -> None:
        """Release the file or device; may be called twice."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
