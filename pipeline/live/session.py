"""`gait live` from the networks to the last line: what is watched, who is known, and where it is shown."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from loguru import logger

from pipeline.background import Background
from pipeline.config import Config
from pipeline.drawing.lettering import one_line
from pipeline.engine.memory import return_freed_pictures
from pipeline.errors import ConfigError
from pipeline.extraction.extract import learn_background, looks_ahead
from pipeline.files import private
from pipeline.gallery.names import LONGEST
from pipeline.jobs.people import People
from pipeline.jobs.session import Session, cautions
from pipeline.live.events import Events, answer_as_json
from pipeline.live.loop import Eyes, Latency, Painter, Sight, watch
from pipeline.live.page import Page
from pipeline.live.people import WatchedGallery, people_of_run
from pipeline.live.source import LiveSource
from pipeline.live.tracks import VIDEO
from pipeline.live.window import Window, WindowClosed
from pipeline.runs.job import Video
from pipeline.types import Modality
from pipeline.video import VideoInfo, VideoSink

TELL_S = 30.0  # from one line on how it goes to the next
CLOCK = Fraction(1, 1000)  # of recordings: streams are stamped when they come


@dataclass(frozen=True, slots=True)
class Outputs:
    """Where what is seen goes: port of the page (None: no page), a window, a recording, a file of events."""

    port: int | None = None
    window: bool = False
    record: Path | None = None
    events: Path | None = None


@dataclass(slots=True)
class Tally:
    """What has been done so far. seen: frames that came; looked: at; dropped: by the reader, since too late.

    processor_seconds: of all threads, since the first frame was waited for.
    """

    looked: int = 0
    seen: int = 0
    dropped: int = 0
    embedded: int = 0
    outages: int = 0
    seconds: float = 0.0
    processor_seconds: float = 0.0

    def line(self, latency: Latency) -> str:
        share = self.dropped / self.seen if self.seen else 0.0
        rate = self.looked / self.seconds if self.seconds else 0.0
        each = 1000 * self.processor_seconds / self.looked if self.looked else 0.0
        outages = f"; lost {self.outages} times" if self.outages else ""
        return (
            f"{self.seen} frames came, {self.looked} looked at ({rate:.1f}/s), {self.dropped} dropped ({share:.0%}); "
            f"{latency}; {each:.0f} ms of processor time a frame; {self.embedded} embeddings{outages}"
        )


@private()
def live(
    source: str,
    people: Path,
    from_run: bool,
    config: Config,
    outputs: Outputs,
    checkpoints: Path | None = None,
) -> Tally:
    """Name the people before a camera until the file ends, the window is closed or somebody presses Ctrl-C.

    people: folder of a gallery, or of a run (from_run). On Ctrl-C everything is closed as at the end, a recording
    included, and KeyboardInterrupt goes on. Raises GaitError for whatever a user can mend, before the work begins.
    """
    return_freed_pictures()
    with ExitStack() as open_:
        window = open_.enter_context(Window("gait live")) if outputs.window else None
        page = open_.enter_context(Page(outputs.port)) if outputs.port is not None else None
        video = Video(VIDEO, source, 0 if config.video.rotate == "auto" else config.video.rotate)
        live_source = LiveSource(source, VIDEO, turn=video.turn)
        open_.callback(live_source.close)
        info = live_source.info
        session = Session.open({video: info}, config, checkpoints)
        background = _background(video, session)
        encoder = session.encoder
        if encoder.needs != (Modality.SILHOUETTES,):
            raise ConfigError(
                f"recognition.encoder: {encoder.model} looks at {' and '.join(encoder.needs)}; gait "
                "live makes silhouettes only. Choose another profile, such as light."
            )
        gallery = None if from_run else WatchedGallery(people, encoder, config)
        known = gallery.people if gallery else people_of_run(Path(people), encoder, config)
        for caution in cautions(session.checkpoints):
            logger.warning(caution)
        eyes = Eyes(session, known, info, background)
        events = open_.enter_context(Events(outputs.events, known))
        sink = open_.enter_context(_Recording(outputs.record, info, config)) if outputs.record else None
        screen = _Screen(known, Painter(info, known, config.output.blur_faces), events, window, page, sink)
        if page is not None:
            logger.info(f"open {page.address}")
        open_.enter_context(live_source)
        return _watched(live_source, eyes, screen, gallery)


def _watched(source: LiveSource, eyes: Eyes, screen: _Screen, gallery: WatchedGallery | None) -> Tally:
    tally, latency = Tally(), Latency()
    begun, busy = time.monotonic(), time.process_time()
    told = begun

    def count() -> None:
        newest = source.newest
        tally.seen, tally.dropped, tally.outages = newest.seen, newest.dropped, source.outages
        tally.embedded, tally.seconds = eyes.tracks.embedded, time.monotonic() - begun
        tally.processor_seconds = time.process_time() - busy

    def show(sight: Sight) -> None:
        nonlocal told
        screen.show(sight)
        if gallery is not None and gallery.changed():
            eyes.tracks.meet(gallery.people)
            screen.meet(gallery.people)
        tally.looked += 1
        latency.note(sight.latency_s, source.newest.newest - sight.frame.index)
        if time.monotonic() - told >= TELL_S:
            told = time.monotonic()
            count()
            logger.info(tally.line(latency))

    try:
        watch(source, eyes, show, source.stop)
    except WindowClosed:
        logger.info("the window was closed")
    finally:
        count()
        logger.info(tally.line(latency))
    return tally


@dataclass(slots=True)
class _Screen:
    """Everything that shows what is seen."""

    known: People
    painter: Painter
    events: Events
    window: Window | None
    page: Page | None
    sink: _Recording | None

    def meet(self, known: People) -> None:
        self.known = known
        self.painter.meet(known)
        self.events.meet(known)

    def show(self, sight: Sight) -> None:
        for event in self.events.note(sight):
            logger.info(_line(event))
        if self.page is None and self.window is None and self.sink is None:
            return
        image = self.painter.paint(sight)
        if self.page is not None:
            self.page.show(image, self._rows(sight))
        if self.sink is not None:
            self.sink.write(image, sight.frame.time_s)
        if self.window is not None:
            self.window.show(image)

    def _rows(self, sight: Sight) -> Sequence[Mapping[str, Any]]:
        return [
            {
                "track": person.track_id,
                "status": person.answer.status,
                **answer_as_json(person, self.known),
                "name": one_line(person.answer.name, LONGEST) if person.answer.name else None,  # as on the picture
            }
            for person in sight.people
        ]


class _Recording:
    """A video that is whole however the watching ends, Ctrl-C included; without a picture there is none."""

    def __init__(self, path: Path, info: VideoInfo, config: Config) -> None:
        self._sink = VideoSink(path, info.width, info.height, info.fps, CLOCK, config.output.crf)

    def write(self, image: Any, time_s: float) -> None:
        self._sink.write(image, time_s)

    def __enter__(self) -> _Recording:
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if self._sink.frames_written:
            self._sink.close()
        else:
            self._sink.discard()


def _background(video: Video, session: Session) -> Background | None:
    """The empty scene of a file, where a network or a setting needs it."""
    if not looks_ahead(session.networks, session.config):
        return None
    found = learn_background(video, session.config, session.networks.need_foreground)
    if isinstance(found, str):
        logger.warning(found)
        return None
    return found


def _line(event: Mapping[str, Any]) -> str:
    """An event as a line for people."""
    track, seconds = event["track"], event["seconds"]
    if event["event"] == "known":
        sure = "" if event["confidence"] is None else f" {event['confidence']:.0%}"
        return f"{seconds:.1f} s: track {track} is {one_line(event['name'])}{sure} (distance {event['distance']:.3g})"
    if event["event"] == "unknown":
        return f"{seconds:.1f} s: track {track} is nobody known"
    return f"{seconds:.1f} s: track {track} {'has left' if event['event'] == 'left' else 'is looked for'}"
