"""`gait live` from the networks to the last line: what is watched, who is known, and where it is shown."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from loguru import logger

from pipeline.config import Config
from pipeline.drawing.lettering import one_line
from pipeline.engine.memory import return_freed_pictures
from pipeline.errors import ConfigError
from pipeline.files import private
from pipeline.jobs.people import People
from pipeline.jobs.session import Session, cautions
from pipeline.live.board import Board
from pipeline.live.cameras import Camera, Recording, background_of
from pipeline.live.deliver import Delivery, Receiver
from pipeline.live.events import Events
from pipeline.live.loop import Eyes, Painter, Sight, watch
from pipeline.live.page import Page
from pipeline.live.people import WatchedGallery, people_of_run
from pipeline.live.source import LiveSource, Turns
from pipeline.live.strangers import Strangers
from pipeline.live.window import Window, WindowClosed
from pipeline.runs.job import Video
from pipeline.types import Modality

TELL_S = 30.0  # from one line on how it goes to the next


@dataclass(frozen=True, slots=True)
class Outputs:
    """Where what is seen goes.

    port: of the page, None for no page; record: with several cameras a file each, NAME-1.mp4, NAME-2.mp4, …; events: a
    file; receivers: other programs that get the events; watch: names of people who are marked wherever they are shown.
    """

    port: int | None = None
    window: bool = False
    record: Path | None = None
    events: Path | None = None
    receivers: Sequence[Receiver] = ()
    watch: Sequence[str] = ()


@private()
def live(
    sources: Sequence[str],
    people: Path,
    from_run: bool,
    config: Config,
    outputs: Outputs,
    checkpoints: Path | None = None,
) -> None:
    """Name the people before cameras until all have ended, the window is closed or somebody presses Ctrl-C.

    people: folder of a gallery, or of a run (from_run). On Ctrl-C everything is closed as at the end, recordings
    included, and KeyboardInterrupt goes on. Raises GaitError for whatever a user can mend, before the work begins.
    """
    return_freed_pictures()
    recordings = _recordings(outputs.record, sources)
    with ExitStack() as open_:
        window = open_.enter_context(Window("gait live", len(sources))) if outputs.window else None
        watched, changed = _opened(sources, config, open_)
        board = Board({number: source for number, (_, source) in watched.items()})
        page = (
            open_.enter_context(Page(outputs.port, board.as_json, len(sources))) if outputs.port is not None else None
        )
        session = Session.open({video: source.info for video, source in watched.values()}, config, checkpoints)
        backgrounds = {number: background_of(video, session) for number, (video, _) in watched.items()}
        encoder = session.encoder
        if encoder.needs != (Modality.SILHOUETTES,):
            raise ConfigError(
                f"recognition.encoder: {encoder.model} looks at {' and '.join(encoder.needs)}; gait "
                "live makes silhouettes only. Choose another profile, such as light."
            )
        gallery = None if from_run else WatchedGallery(people, encoder, config)
        known = gallery.people if gallery else people_of_run(Path(people), encoder, config)
        marked = _marked(outputs.watch, known)
        for caution in cautions(session.checkpoints):
            logger.warning(caution)
        shown = {number: source.info.path for number, (_, source) in watched.items()}
        events = open_.enter_context(Events(outputs.events, known, shown, marked))
        cameras, strangers = dict[int, Camera](), Strangers()
        for number, (_, source) in watched.items():
            info, path = source.info, recordings.get(number)
            recording = open_.enter_context(Recording(path, info, config)) if path else None
            eyes = Eyes(session, known, info, backgrounds[number], strangers)
            cameras[number] = Camera(source, eyes, Painter(info, known, config.output.blur_faces, marked), recording)
        receivers = [open_.enter_context(Delivery(receiver)) for receiver in outputs.receivers]
        screen = _Screen(cameras, events, board, receivers, window, page)
        if page is not None:
            logger.info(f"open {page.address}")
        for camera in cameras.values():
            open_.enter_context(camera.source)
        _watched(Turns({number: source for number, (_, source) in watched.items()}, changed), screen, gallery)


def _opened(
    sources: Sequence[str], config: Config, open_: ExitStack
) -> tuple[Mapping[int, tuple[Video, LiveSource]], threading.Condition]:
    """Every camera by its number, and what is told when a frame comes from any of them."""
    found, changed = dict[int, tuple[Video, LiveSource]](), threading.Condition()
    turn = 0 if config.video.rotate == "auto" else config.video.rotate
    for number, source in enumerate(sources, 1):
        video = Video("live" if len(sources) == 1 else f"camera-{number}", source, turn)
        found[number] = video, LiveSource(source, video.name, turn=turn, changed=changed)
        open_.callback(found[number][1].close)
    return found, changed


def _marked(names: Sequence[str], known: People) -> frozenset[str]:
    """The identities of those who are watched for. Raises ConfigError for a name that nobody has."""
    for name in names:
        if name not in known.identities:
            raise ConfigError(f"--watch {name}: nobody of that name is known. gait gallery list tells the names.")
    return frozenset(known.identities[name] for name in names)


def _recordings(path: Path | None, sources: Sequence[str]) -> Mapping[int, Path]:
    """The file of each camera, by its number. Raises ConfigError where one is a video that is watched."""
    if path is None:
        return {}
    several = {number: path.with_stem(f"{path.stem}-{number}") for number in range(1, len(sources) + 1)}
    files = several if len(sources) > 1 else {1: path}
    for file in files.values():
        if file.exists() and any(Path(one).exists() and file.samefile(one) for one in sources):
            raise ConfigError(f"--record {path}: {file} is a video that is watched. Give another name.")
    return files


def _watched(turns: Turns, screen: _Screen, gallery: WatchedGallery | None) -> None:
    begun, busy = time.monotonic(), time.process_time()
    told = begun

    def tell() -> None:
        looked = max(1, sum(camera.looked for camera in screen.cameras.values()))
        for number, camera in screen.cameras.items():
            line = camera.tally(time.monotonic() - begun, 1000 * (time.process_time() - busy) / looked)
            logger.info(line if len(screen.cameras) == 1 else f"camera {number}: {line}")

    def show(sight: Sight) -> None:
        nonlocal told
        screen.show(sight)
        if gallery is not None and gallery.changed():
            screen.meet(gallery.people)
        if time.monotonic() - told >= TELL_S:
            told = time.monotonic()
            tell()

    try:
        watch(turns, {number: camera.eyes for number, camera in screen.cameras.items()}, show, turns.stop)
    except WindowClosed:
        logger.info("the window was closed")
    finally:
        tell()


@dataclass(slots=True)
class _Screen:
    """Everything that shows what is seen."""

    cameras: Mapping[int, Camera]
    events: Events
    board: Board
    receivers: Sequence[Delivery] = ()
    window: Window | None = None
    page: Page | None = None

    def meet(self, known: People) -> None:
        for camera in self.cameras.values():
            camera.eyes.tracks.meet(known)
            camera.painter.meet(known)
        self.events.meet(known)

    def show(self, sight: Sight) -> None:
        camera = self.cameras[sight.camera]
        self._tell(sight)
        self.board.see(sight.camera, self.events.people(sight))
        camera.note(sight)
        for other in self.cameras.values():
            if farewell := other.farewell():
                self._tell(farewell)
        if self.page is None and self.window is None and camera.recording is None:
            return
        image = camera.painter.paint(sight)
        if self.page is not None:
            self.page.show(image, sight.camera)
        if camera.recording is not None:
            camera.recording.write(image, sight.frame.time_s)
        if self.window is not None:
            self.window.show(image, sight.camera)

    def _tell(self, sight: Sight) -> None:
        for event in self.events.note(sight):
            logger.info(_line(event) if len(self.cameras) == 1 else f"camera {sight.camera}, {_line(event)}")
            self.board.note(event)
            for receiver in self.receivers:
                receiver.put(event)


def _line(event: Mapping[str, Any]) -> str:
    """An event as a line for people."""
    track, seconds = event["track"], event["seconds"]
    if event["event"] == "known":
        sure = "" if event["confidence"] is None else f" {event['confidence']:.0%}"
        watched = ", who is watched for" if event["watched"] else ""
        name, distance = one_line(event["name"]), event["distance"]
        return f"{seconds:.1f} s: track {track} is {name}{sure} (distance {distance:.3g}){watched}"
    if event["event"] == "unknown":
        return f"{seconds:.1f} s: track {track} is nobody known"
    return f"{seconds:.1f} s: track {track} {'has left' if event['event'] == 'left' else 'is looked for'}"
