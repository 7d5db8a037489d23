"""Long videos cut into stretches that are read side by side, each from a key frame of its own.

Only videos whose stretches hold the same pictures as the whole are cut. What packets tell is checked before (`cut`):
every picture has a time of its own, nothing is missing or hidden, and at the key frame in front of each stretch
decoding and showing order agree, so that no picture leans on what lies beyond it. The rest is checked while reading:
the pictures must have the expected times, nothing may fail to decode, and `own` and `beyond` tell whether two
neighbours decode the pictures after their border alike.
"""

from __future__ import annotations

import zlib
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from pipeline.errors import InputError
from pipeline.files import from_home
from pipeline.types import Image, IntArray
from pipeline.video.container import open_file, pick_stream
from pipeline.video.source import StreamSource

SHARED = 8  # pictures on the far side of a border that both neighbours decode, to compare
SHORTEST = 0.5  # of a stretch: a rest shorter than this belongs to the stretch before
LONGEST_APPROACH = 0.5  # of a stretch: from the key frame to the first frame; these pictures are decoded twice


@dataclass(frozen=True, slots=True)
class Stretch:
    """Consecutive frames of a video. number: from 0; first: index of its first frame; frames: how many.

    entry: where to start decoding, None: the beginning; the decoding time of a key frame, which is never after its
    showing time, and containers search by the one or the other. clock: showing times of its frames, and of up to SHARED
    frames more. Times are in ticks.
    """

    number: int
    first: int
    frames: int
    entry: int | None
    clock: IntArray

    @property
    def last(self) -> bool:
        """Whether it is the end of its video."""
        return len(self.clock) == self.frames


class UnlikeError(InputError):
    """A stretch does not hold what it was expected to hold."""


def cut(path: Path, length: int) -> list[Stretch]:
    """The stretches of a video file, each a multiple of `length` frames (the last one ends where the video does).

    One or none where it has to be read as a whole. Raises InputError for a file that cannot be opened.
    """
    fewest = (1 + SHORTEST) * length
    clock, keys, decoding = _packets(path, fewest)
    if len(clock) < fewest:
        return []
    shown = np.sort(clock)
    if (np.diff(shown) == 0).any():
        return []
    entries = _entries(clock, keys)
    starts = [0]
    approaches: list[int | None] = [None]
    for start in range(length, len(clock) - int(SHORTEST * length) + 1, length):
        before = entries[entries <= start]
        if len(before) and start - before[-1] <= LONGEST_APPROACH * length:
            starts.append(start)
            approaches.append(int(decoding[before[-1]]))
    ends = [*starts[1:], len(clock)]
    return [
        Stretch(number, first, end - first, entry, shown[first : end + SHARED])
        for number, (first, end, entry) in enumerate(zip(starts, ends, approaches, strict=True))
    ]


def _packets(path: Path, fewest: float) -> tuple[IntArray, NDArray[np.bool_], IntArray]:
    """Of all pictures in decoding order: when they are shown, whether they are key frames, when they are decoded.

    Nothing where a packet is in doubt, or the file says that it has fewer than `fewest`.
    """
    clock, keys, decoding = array("q"), bytearray(), array("q")
    nothing = np.empty(0, np.int64), np.empty(0, bool), np.empty(0, np.int64)
    with open_file(path, str(path)) as container:
        stream = pick_stream(container, str(path))
        claimed = stream.frames
        if 0 < claimed < fewest:
            return nothing
        try:
            for packet in container.demux(stream):
                if not packet.size:
                    continue
                if packet.pts is None or packet.is_corrupt or packet.is_discard:
                    return nothing
                clock.append(packet.pts)
                keys.append(packet.is_keyframe)
                decoding.append(packet.pts if packet.dts is None else min(packet.pts, packet.dts))
        except (av.FFmpegError, OSError):
            return nothing
    if claimed and claimed != len(clock):
        return nothing
    return np.array(clock, np.int64), np.frombuffer(bytes(keys), bool), np.array(decoding, np.int64)


def _entries(clock: IntArray, keys: NDArray[np.bool_]) -> IntArray:
    """Places of the key frames that all earlier packets are shown before, and all later ones after."""
    if not len(clock):
        return np.empty(0, np.int64)
    latest = np.concatenate([[np.iinfo(np.int64).min], np.maximum.accumulate(clock)[:-1]])
    soonest = np.minimum.accumulate(clock[::-1])[::-1]
    return np.flatnonzero(keys & (latest < clock) & (soonest == clock))


class StretchSource(StreamSource):
    """One stretch of a video file, as a video. Iterating raises UnlikeError where it is not what was expected.

    own, beyond: final when the iteration has ended; checksums of its first SHARED pictures, and of those after its
    last one.
    """

    def __init__(self, source: str, name: str, stretch: Stretch, turn: int = 0) -> None:
        path = from_home(source)
        super().__init__(open_file(path, source), source, name, live=False, turn=turn)
        self._stretch = stretch
        self.first_index = stretch.first
        self.own: list[int] = []
        self.beyond: list[int] = []

    def _timed(self) -> Iterator[tuple[float, av.VideoFrame]]:
        stretch, tick = self._stretch, self.info.time_base
        if stretch.entry is not None:
            self._first = None
            self._container.seek(stretch.entry, stream=self._stream)
            self._decoded = self._decode()
        for pts in stretch.clock:
            frame = self._first or next(self._decoded, None)
            self._first = None
            while frame is not None and frame.pts is not None and frame.pts < stretch.clock[0]:
                frame = next(self._decoded, None)
            if frame is None or frame.pts != pts or frame.is_corrupt:
                raise self._unlike()
            shape = frame.width, frame.height, self._stream.codec_context.sample_aspect_ratio
            if shape != (*self._coded_size, self._pixel):  # scaled and remarked upon where a video is read whole
                raise self._unlike()
            yield (int(pts) - self._origin) * tick.numerator / tick.denominator, frame
        if self.skipped or (stretch.last and next(self._decoded, None) is not None):
            raise self._unlike()

    def _pictures(self) -> Iterator[tuple[float, Image]]:
        for place, (time_s, image) in enumerate(super()._pictures()):
            if place < SHARED:
                self.own.append(zlib.crc32(image.data))
            if place < self._stretch.frames:
                yield time_s, image
            else:
                self.beyond.append(zlib.crc32(image.data))

    def _unlike(self) -> UnlikeError:
        return UnlikeError(f"{self.info.path}: changes while it is read. Run again when it is whole.")
