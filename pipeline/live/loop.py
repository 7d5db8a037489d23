"""The stages of the main job on one frame after another, as they come: `watch` is the loop of `gait live`.

    newest frame → detect → | track → cut → segment → window → embed, now and then → match → show

The bar is where one thread hands over to the next, so that two cores have work; one frame waits there at most. Several
cameras share the threads and the networks; each has eyes of its own.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace

import numpy as np

from pipeline.background import Background
from pipeline.drawing.annotate import Annotator, Label
from pipeline.drawing.canvas import BgrCanvas
from pipeline.drawing.colours import GREY, Colour
from pipeline.drawing.faces import HOLD_S, blur_heads, heads_of
from pipeline.engine.stream import ahead
from pipeline.extraction.networks import enough_silhouettes
from pipeline.jobs.people import People
from pipeline.jobs.session import Session
from pipeline.live.source import Arrival
from pipeline.live.strangers import Strangers
from pipeline.live.tracks import LiveTrack, LiveTracks, Shown
from pipeline.segmentation.sequences import cut_people, finish
from pipeline.tracking import open_tracker
from pipeline.tracking.rate import Pace
from pipeline.tracking.tracklets import Pedestrians
from pipeline.types import Detections, FloatArray, Frame, Image
from pipeline.video import VideoInfo

RED: Colour = (30, 20, 190)  # blue, green, red
AT_ONCE = 1  # frames that wait between the threads


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody in the picture. box: 4, xyxy px; progress: of the silhouettes that a first answer needs, 0 to 1."""

    track_id: int
    box: FloatArray
    answer: Shown
    silhouettes: int
    progress: float
    stranger: str | None = None  # the label of somebody unknown, the same on every camera


@dataclass(frozen=True, slots=True)
class Sight:
    """What one frame shows, and who left since the one before. latency_s: since the frame came."""

    frame: Frame
    people: tuple[Person, ...]
    gone: tuple[Person, ...]
    private: FloatArray  # N×4 xyxy px where heads may be
    latency_s: float
    camera: int = 1


@dataclass(slots=True)
class Latency:
    """How late the pictures were shown: the last so many, in seconds and in frames that had come meanwhile."""

    seconds: list[float] = field(default_factory=list)
    frames: list[int] = field(default_factory=list)
    MOST = 10_000

    def note(self, seconds: float, frames: int) -> None:
        if len(self.seconds) >= self.MOST:
            del self.seconds[: self.MOST // 2], self.frames[: self.MOST // 2]
        self.seconds.append(seconds)
        self.frames.append(frames)

    def __str__(self) -> str:
        if not self.seconds:
            return "no picture was shown"
        places = (0.5, 0.95, 1.0)
        middle, most, highest = (1000 * value for value in np.quantile(self.seconds, places))
        frames = " / ".join(f"{value:.0f}" for value in np.quantile(self.frames, places))
        return (
            f"latency median {middle:.0f} ms, 95 % of pictures within {most:.0f} ms, highest {highest:.0f} ms "
            f"({frames} frames)"
        )


class Eyes:
    """Looks at a camera's frames one by one and knows who is in them. `detect` and `look` may be in two threads.

    strangers: those of all cameras.
    """

    def __init__(
        self,
        session: Session,
        people: People,
        info: VideoInfo,
        background: Background | None = None,
        strangers: Strangers | None = None,
    ) -> None:
        config = self._config = session.config
        self._networks, self._background = session.networks, background
        self._detector = copy.copy(session.networks.detector)  # the same network; what it remembers is of this camera
        self._tracker = open_tracker(config.tracking, info.fps)
        self._pedestrians = Pedestrians(config.tracking)
        # Encoders that take consecutive silhouettes want to see every frame.
        every = session.networks.detector.looks_at == "foreground" or enough_silhouettes(config) is None
        self._pace = Pace.of(config.tracking, info.fps, every)
        self._due = 0  # index of the frame to look at next
        self._between = False  # whether a frame is to be shown first that is not looked at
        self._blur = config.output.blur_faces
        self._elapsed = 0  # frames since the last look
        self._found = Detections.empty(0)
        self._hold = round(HOLD_S * info.fps)
        self.tracks = LiveTracks(session.encoder, people, config, info.fps, info.name, strangers)

    def detect(self, arrival: Arrival) -> tuple[Arrival, Detections | None]:
        """Where people are; None for a frame that is not looked at."""
        if self._background is not None:
            arrival = replace(arrival, frame=self._background.subtract(arrival.frame))
        index = arrival.frame.index
        if index < self._due or self._between:
            self._between = False
            return arrival, None
        (found,) = self._detector.detect([arrival.frame])
        self._pace.note(found)
        self._due = self._pace.next_after(index)
        # Where all are late, this doubles what is shown at next to no cost. Heads are blurred where they were found,
        # which may be long ago then.
        self._between = self._due > index + 1 and not self._blur
        return arrival, found

    def look(self, arrival: Arrival, detections: Detections | None) -> Sight:
        """Who they are, as far as that is known by now."""
        frame, segmenter, config = arrival.frame, self._networks.segmenter, self._config.segmentation
        self._elapsed += arrival.elapsed
        if detections is None:
            tracked = self._pedestrians.only(self._tracker.expect(frame.index, self._elapsed))
        else:
            tracked = self._pedestrians.only(self._tracker.update(detections, self._elapsed))
            self._elapsed, self._found = 0, detections
        gone = self.tracks.tracked(tracked)
        self._pedestrians.forget({track.track_id for track in gone})
        present = tracked.track_ids.tolist()
        wanted = self.tracks.wanted(present, frame.index) if detections is not None else []
        crops = cut_people(frame, tracked, config, segmenter.view, wanted)
        if crops:
            segmented = segmenter.segment(np.stack([crop.image for crop in crops]))
            for silhouette in finish(crops, segmented, config):
                self.tracks.add(silhouette)
        self.tracks.answer(present)
        return Sight(
            frame,
            tuple(self._person(self.tracks[track_id]) for track_id in present),
            tuple(self._person(track) for track in gone),
            self._private(frame.index),
            time.monotonic() - arrival.came,
            arrival.camera,
        )

    def everybody(self) -> tuple[Person, ...]:
        """Those in the picture, and those who may come back."""
        return tuple(map(self._person, self.tracks))

    def _person(self, track: LiveTrack) -> Person:
        stranger = track.stranger if track.shown.status == "unknown" else None
        progress = self.tracks.progress(track)
        return Person(track.track_id, track.boxes[-1][1], track.shown, track.usable, progress, stranger)

    def _private(self, frame_index: int) -> FloatArray:
        """Heads of everything that may be a person, and of those seen a moment ago."""
        boxes = [track.boxes[-1][1] for track in self.tracks if frame_index - track.last_seen <= self._hold]
        return heads_of(np.concatenate([self._found.boxes, *(box[None] for box in boxes)]))


def watch(
    arrivals: Iterable[Arrival],
    eyes: Mapping[int, Eyes],
    show: Callable[[Sight], None],
    stop: Callable[[], None] | None = None,
) -> None:
    """Look at every arrival and show what is seen, until there are no more or `show` raises.

    eyes: by camera; stop: ends `arrivals` where they wait for what may never come.
    """
    found = ahead(_detected(arrivals, eyes), AT_ONCE, "detect", stop)
    with closing(found):
        for arrival, detections in found:
            show(eyes[arrival.camera].look(arrival, detections))


def _detected(arrivals: Iterable[Arrival], eyes: Mapping[int, Eyes]) -> Iterator[tuple[Arrival, Detections | None]]:
    for arrival in arrivals:
        yield eyes[arrival.camera].detect(arrival)


class Painter:
    """Draws what is seen on the picture. blur: whether heads are made unrecognisable; watched: identities, in red."""

    def __init__(self, info: VideoInfo, known: People, blur: bool, watched: Collection[str] = ()) -> None:
        self._known, self._blur, self._watched = known, blur, watched
        self._size = info.width, info.height
        self._annotator = Annotator(info.width, info.height)

    def meet(self, known: People) -> None:
        """Take names and colours from these people from now on."""
        self._known = known

    def paint(self, sight: Sight) -> Image:
        """A picture of its own, H×W×3 uint8 BGR."""
        image = sight.frame.image.copy()
        canvas = BgrCanvas(image)
        if self._blur:
            blur_heads(canvas, sight.private, self._size)
        if sight.people:
            boxes = np.stack([person.box for person in sight.people])
            self._annotator.draw(canvas, boxes, [self._label(person) for person in sight.people])
        return image

    def _label(self, person: Person) -> Label:
        answer = person.answer
        if answer.status == "looking":
            return Label("looking...", f"{10 * int(10 * person.progress)} %", status="unusable")
        if answer.status == "unknown":
            return Label("unknown", (person.stranger or "").rpartition("-")[2], status="unknown")
        name = answer.name or ""
        sure = "" if answer.confidence is None else f"{100 * answer.confidence:.0f} %"
        if self._known.identities.get(name) in self._watched:
            return Label(f"! {self._known.titles.get(name, name)}", sure, RED)
        return Label(self._known.titles.get(name, name), sure, self._known.colours.get(name, GREY))
