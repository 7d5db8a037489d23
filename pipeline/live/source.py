"""The newest frame of a camera, a stream, or a file played as live: what is too late is dropped, what is lost returns.

A thread of its own reads every frame as it comes and keeps only the last. Whoever looks takes that one, however long
the look before took; so what is seen is never older than one frame's way through the stages. Several cameras are looked
at in turns.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Literal, Self

import cv2
import numpy as np
from loguru import logger

from pipeline.errors import InputError
from pipeline.files import reason_of
from pipeline.types import Frame
from pipeline.video import VideoInfo, VideoSource, open_video
from pipeline.video.source import is_file

FIRST_WAIT_S, LONGEST_WAIT_S = 1.0, 30.0  # before a lost stream is tried again: 1, 2, 4, … 30 s
HEALTHY_FRAMES = 25  # after so many frames a stream counts as back, and the next wait is a short one again
CLOSE_S = 2.0  # how long closing waits for a read that does not end; the thread is left to itself then


@dataclass(frozen=True, slots=True)
class Arrival:
    """A frame and when it came, in seconds of `time.monotonic`. Its index counts every frame, those dropped included.

    elapsed: frames since the one that was taken before, an outage counted at the stream's rate. camera: 1, 2, …
    """

    frame: Frame
    came: float
    elapsed: int
    camera: int = 1


class Newest:
    """A place for one frame: a newer one takes it, whether or not anybody has seen the older.

    changed: told whenever a frame comes; cameras that are looked at in turns have it in common.
    """

    def __init__(self, changed: threading.Condition | None = None) -> None:
        self._changed = changed or threading.Condition()
        self._waiting: tuple[Frame, float] | None = None
        self._taken: int | None = None  # index
        self._ended = False
        self._error: BaseException | None = None
        self.seen = 0
        self.dropped = 0
        self.newest = -1  # index of the last frame that came

    def put(self, frame: Frame) -> None:
        """Called by the one who reads."""
        with self._changed:
            self.seen += 1
            self.dropped += self._waiting is not None
            self.newest = frame.index
            self._waiting = frame, time.monotonic()
            self._changed.notify_all()

    def end(self, error: BaseException | None = None) -> None:
        """Nothing more will come. What waits can still be taken; then the error, if any, is raised."""
        with self._changed:
            self._ended, self._error = True, self._error or error
            self._changed.notify_all()

    @property
    def ready(self) -> bool:
        """Whether `take` would not wait."""
        return self._waiting is not None or self._ended

    def ends_with(self, index: int) -> bool:
        """Whether no frame comes after this one any more, taken ones included."""
        with self._changed:
            return self._ended and self._waiting is None and self._taken == index

    def take(self) -> Arrival | None:
        """The newest frame that has not been taken, as soon as there is one; None at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self.ready)
            if self._waiting is None:
                if self._error is not None:
                    raise self._error
                return None
            (frame, came), self._waiting = self._waiting, None
            elapsed = 1 if self._taken is None else frame.index - self._taken
            self._taken = frame.index
            return Arrival(frame, came, elapsed)


class LiveSource:
    """A source that is read in a thread; iterate over it for the newest frames. A context manager.

    info: of the stream as it was first opened; pictures of another size, after it came back, are scaled to that.
    outages: how often it was lost. Frames of a file come at the file's own rate, and it ends where the file does. A
    camera or an address is opened again when it ends or fails, for as long as it takes.
    Raises InputError where it cannot be opened the first time.
    """

    def __init__(
        self,
        source: str,
        name: str | None = None,
        first_wait_s: float = FIRST_WAIT_S,
        turn: int = 0,
        changed: threading.Condition | None = None,
    ) -> None:
        self._source, self._name, self._first_wait_s, self._turn = source, name, first_wait_s, turn
        self._file = is_file(source)
        self._opened = open_video(source, name, turn=turn)
        self.info: VideoInfo = self._opened.info
        self.outages, self._lost = 0, False
        self.newest = Newest(changed)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="gait-live", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __iter__(self) -> Iterator[Arrival]:
        while (arrival := self.newest.take()) is not None:
            yield arrival

    @property
    def state(self) -> Literal["on", "lost", "ended"]:
        """Whether pictures come."""
        return "ended" if not self._thread.is_alive() else "lost" if self._lost else "on"

    def stop(self) -> None:
        """Let nothing more come, at once."""
        self._stop.set()
        self.newest.end()

    def close(self) -> None:
        """Stop reading; a read that hangs is not waited for."""
        self.stop()
        if self._thread.ident is None:
            self._opened.close()
        else:
            self._thread.join(CLOSE_S)

    def _run(self) -> None:
        try:
            if self._file:
                self._play(self._opened)
            else:
                self._watch(self._opened)
        except BaseException as error:  # whatever it is, the one who takes is to raise it
            self.newest.end(error)
        else:
            self.newest.end()

    def _play(self, opened: VideoSource) -> None:
        """A file at its own rate."""
        with opened:
            begun = time.monotonic()
            for frame in opened:
                if self._stop.wait(max(0.0, begun + frame.time_s - time.monotonic())):
                    return
                self.newest.put(frame)
            if opened.warning:
                logger.warning(opened.warning)

    def _watch(self, opened: VideoSource) -> None:
        """A camera or an address, again and again until somebody stops it. Times are those of arrival."""
        begun, index, wait_s = time.monotonic(), -1, self._first_wait_s
        while True:
            count = 0
            with opened:
                for frame in self._until_it_fails(opened):
                    if self._stop.is_set():
                        return
                    count += 1
                    index += 1
                    self.newest.put(replace(self._fitting(frame), index=index, time_s=time.monotonic() - begun))
            self.outages, self._lost = self.outages + 1, True
            if count >= HEALTHY_FRAMES:
                wait_s = self._first_wait_s
            lost = time.monotonic()
            logger.warning(f"{self.info.path}: lost; trying again in {wait_s:g} s")
            again, wait_s = self._reopened(wait_s)
            if again is None:
                return
            opened, self._lost = again, False
            index += round((time.monotonic() - lost) * self.info.fps)
            logger.info(f"{self.info.path}: back after {time.monotonic() - lost:.1f} s")

    def _until_it_fails(self, opened: VideoSource) -> Iterator[Frame]:
        """The frames of one connection. A stream that turns into something else ends it, not the program."""
        frames = iter(opened)
        while True:
            try:
                frame = next(frames, None)
            except InputError as error:
                logger.warning(str(error))
                return
            except (OSError, ValueError) as error:  # av.FFmpegError is one of the two
                logger.debug(f"{self.info.path}: {type(error).__name__}")
                return
            if frame is None:
                return
            yield frame

    def _reopened(self, wait_s: float) -> tuple[VideoSource | None, float]:
        """The source, as soon as it answers, and the wait that would come next; None when stopped."""
        while not self._stop.wait(wait_s):
            wait_s = min(2 * wait_s, LONGEST_WAIT_S)
            with contextlib.suppress(InputError):
                return open_video(self._source, self._name, turn=self._turn), wait_s
            logger.warning(f"{self.info.path}: still gone; trying again in {wait_s:g} s")
        return None, wait_s

    def _fitting(self, frame: Frame) -> Frame:
        size = self.info.width, self.info.height
        if frame.image.shape[1::-1] == size:
            return frame
        return replace(frame, image=np.asarray(cv2.resize(frame.image, size, interpolation=cv2.INTER_AREA), np.uint8))


class Turns:
    """The newest frames of several cameras: who has waited longest since its last turn comes first.

    sources: by number, 1, 2, …, all with the same `changed`. One that fails or ends is said, and does not end the
    others; the error of a single one is raised.
    """

    def __init__(self, sources: Mapping[int, LiveSource], changed: threading.Condition) -> None:
        self._sources, self._changed = sources, changed
        self._stopped = False

    def __iter__(self) -> Iterator[Arrival]:
        left = deque(self._sources)
        while left:
            with self._changed:
                self._changed.wait_for(lambda: any(self._sources[one].newest.ready for one in left))
                number = next(one for one in left if self._sources[one].newest.ready)
            left.remove(number)
            if (arrival := self._taken(number)) is not None:
                left.append(number)
                yield replace(arrival, camera=number)

    def stop(self) -> None:
        """Let nothing more come, at once."""
        self._stopped = True
        for source in self._sources.values():
            source.stop()

    def _taken(self, number: int) -> Arrival | None:
        source, why = self._sources[number], ""
        try:
            arrival = source.newest.take()
        except Exception as error:  # whatever it is, the other cameras go on
            if len(self._sources) == 1:
                raise
            arrival, why = None, f": {reason_of(error)}"
        if arrival is None and len(self._sources) > 1 and not self._stopped:
            logger.log("WARNING" if why else "INFO", f"camera {number} ({source.info.path}) has ended{why}")
        return arrival
