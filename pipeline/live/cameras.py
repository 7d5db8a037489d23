"""A camera that is watched: where its pictures come from, whose eyes look at them, and what has been done so far."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path

from loguru import logger

from pipeline.background import Background
from pipeline.config import Config
from pipeline.engine.stream import aside
from pipeline.extraction.extract import learn_background, looks_ahead
from pipeline.jobs.session import Session
from pipeline.live.loop import Eyes, Latency, Painter, Sight
from pipeline.live.source import LiveSource
from pipeline.runs.job import Video
from pipeline.types import Image
from pipeline.video import VideoInfo, VideoSink

CLOCK = Fraction(1, 1000)  # of recordings: streams are stamped when they come
PICTURES_AHEAD = 2  # that wait to be encoded


class Recording:
    """A video that is whole however the watching ends, Ctrl-C included; without a picture there is none.

    Pictures are encoded in a thread of their own, while the next one is looked at.
    """

    def __init__(self, path: Path, info: VideoInfo, config: Config) -> None:
        self._sink = VideoSink(path, info.width, info.height, info.fps, CLOCK, config.output.crf)
        self._aside = aside(self._encode, PICTURES_AHEAD, "record")

    def write(self, image: Image, time_s: float) -> None:
        """Append a picture, which nobody changes any more. Raises OutputError where an earlier one was not written."""
        self._put((image, time_s))

    def _encode(self, pictures: Iterator[tuple[Image, float]]) -> None:
        for image, time_s in pictures:
            self._sink.write(image, time_s)

    def __enter__(self) -> Recording:
        self._put = self._aside.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._aside.__exit__(None, None, None)  # whatever ended the watching, what waits is written
        finally:
            if self._sink.frames_written:
                self._sink.close()
            else:
                self._sink.discard()


@dataclass(slots=True)
class Camera:
    """One of those that are watched.

    looked: frames that were looked at; latest: the last of them; over: whether everybody there has been seen off.
    """

    source: LiveSource
    eyes: Eyes
    painter: Painter
    recording: Recording | None = None
    latency: Latency = field(default_factory=Latency)
    looked: int = 0
    latest: Sight | None = None
    over: bool = False

    def note(self, sight: Sight) -> None:
        """Take down that a frame was looked at."""
        self.looked, self.latest = self.looked + 1, sight
        self.latency.note(sight.latency_s, self.source.newest.newest - sight.frame.index)

    def farewell(self) -> Sight | None:
        """Once, when no more pictures come: nobody is there any more."""
        if self.over or self.latest is None or not self.source.newest.ends_with(self.latest.frame.index):
            return None
        self.over = True
        return replace(self.latest, people=(), gone=self.eyes.everybody())

    def tally(self, seconds: float, processor_ms: float) -> str:
        """What has been done in so many seconds; processor_ms: of all threads, for a frame."""
        newest, outages = self.source.newest, self.source.outages
        share = newest.dropped / newest.seen if newest.seen else 0.0
        lost = f"; lost {outages} times" if outages else ""
        return (
            f"{newest.seen} frames came, {self.looked} looked at ({self.looked / max(seconds, 1e-9):.1f}/s), "
            f"{newest.dropped} dropped ({share:.0%}); {self.latency}; {processor_ms:.0f} ms of processor time a frame; "
            f"{self.eyes.tracks.embedded} embeddings{lost}"
        )


def background_of(video: Video, session: Session) -> Background | None:
    """The empty scene of a file, where a network or a setting needs it."""
    if not looks_ahead(session.networks, session.config):
        return None
    found = learn_background(video, session.config, session.networks.need_foreground)
    if isinstance(found, str):
        logger.warning(found)
        return None
    return found
