"""Everybody in the picture: a sliding window of silhouettes each, and the name that is shown.

The rule for what is shown, so that labels do not flicker:
1. "looking" until `live.agree` answers in a row were alike. The first answer comes with `recognition.min_frames` usable
   silhouettes, another with every `live.refresh` new ones; each is from the last `live.window` of them.
2. After that, what is shown changes only when `live.agree` answers in a row are alike and differ from it.
3. One name stands at one person: where two in the picture would show the same, the one keeps it whose latest answer it
   is (or who is nearer), and the other is looked for again.
4. Somebody unknown gets a label that stays, the same on every camera (strangers.py).
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pipeline.config import Config
from pipeline.extraction.networks import enough_silhouettes
from pipeline.jobs.people import People
from pipeline.live.strangers import Strangers
from pipeline.recognition import Encoder
from pipeline.segmentation.sequences import Silhouette
from pipeline.tracking.heading import heading
from pipeline.types import Embedding, FloatArray, Match, SilhouetteSequence, TrackedBoxes, Tracklet

WAY_S = 10.0  # seconds of boxes from which the heading is told
LOOKS, GLANCES = 8.0, 2.0  # silhouettes of a person a second: until the window is full, and from then on

Status = Literal["looking", "known", "unknown"]


@dataclass(frozen=True, slots=True)
class Shown:
    """What is shown of a person. name, distance, confidence: None as in `Match`."""

    status: Status
    name: str | None = None
    distance: float | None = None
    confidence: float | None = None

    @property
    def who(self) -> tuple[Status, str | None]:
        return self.status, self.name

    @classmethod
    def of(cls, match: Match) -> Shown:
        known = match.status == "known"
        return cls("known" if known else "unknown", match.identity, match.distance, match.confidence)


LOOKING = Shown("looking")


@dataclass(slots=True)
class LiveTrack:
    """One track: its window, its latest embedding's distances, its answers.

    video: of which camera; usable, rejected: of all its silhouettes so far; fresh: usable ones since the last
    embedding; beside: tracks in the same picture, now or before; stranger: the label of somebody unknown.
    """

    video: str
    track_id: int
    masks: deque[NDArray[np.uint8]]
    mask_frames: deque[int]
    boxes: deque[tuple[int, FloatArray, float]]  # frame index, box, score
    shown: Shown = LOOKING
    latest: Shown = LOOKING
    repeated: int = 0  # answers in a row that are like the latest
    usable: int = 0
    fresh: int = 0
    cut: int | None = None  # index of the frame from which the latest silhouette was cut
    rejected: Counter[str] = field(default_factory=Counter)
    embedding: Embedding | None = None
    distances: NDArray[np.float64] | None = None
    beside: set[int] = field(default_factory=set)
    stranger: str | None = None

    @property
    def last_seen(self) -> int:
        return self.boxes[-1][0]

    def tracklet(self, fps: float) -> Tracklet:
        """Its recent way."""
        frames, boxes, scores = zip(*self.boxes, strict=True)
        return Tracklet(
            self.video, self.track_id, np.array(frames, np.int64), np.stack(boxes), np.array(scores, np.float32), fps
        )

    def sequence(self, fps: float) -> SilhouetteSequence:
        """Its window, as the batch pipeline hands a whole walk to an encoder."""
        total = self.usable + self.rejected.total()
        quality = {
            "frames_usable": float(self.usable),
            "usable_share": self.usable / total if total else 0.0,
            "heading": heading(self.tracklet(fps)),
        }
        return SilhouetteSequence(
            self.video, self.track_id, np.stack(self.masks), np.array(self.mask_frames, np.int64), quality,
            dict(self.rejected),
        )  # fmt: skip

    def answered(self, answer: Shown, agree: int) -> None:
        """Take an answer, and show it once it has come often enough in a row."""
        self.repeated = self.repeated + 1 if answer.who == self.latest.who else 1
        self.latest = answer
        if answer.who == self.shown.who or self.repeated >= agree:
            self.shown = answer

    def doubt(self) -> None:
        """Show nothing until the answers agree anew."""
        self.shown, self.repeated = LOOKING, 0


class LiveTracks:
    """Everybody whom the tracker of a camera may still find again.

    video: what the camera is called; strangers: those of all cameras.
    """

    def __init__(
        self,
        encoder: Encoder,
        known: People,
        config: Config,
        fps: float,
        video: str = "live",
        strangers: Strangers | None = None,
    ) -> None:
        self._encoder, self._known, self._config, self._fps = encoder, known, config, fps
        self._video, self._strangers = video, strangers or Strangers()
        self._walkers: dict[int, LiveTrack] = {}
        self._needed = config.recognition.min_frames
        self._window = max(config.live.window, self._needed)
        self._every = enough_silhouettes(config) is None
        # The tracker may find somebody again for its buffer, and one frame more.
        self._patience = int(config.tracking.bytetrack.buffer_seconds * fps) + 2
        self.embedded = 0

    def __iter__(self) -> Iterator[LiveTrack]:
        return iter(self._walkers.values())

    def __getitem__(self, track_id: int) -> LiveTrack:
        return self._walkers[track_id]

    def tracked(self, tracked: TrackedBoxes) -> list[LiveTrack]:
        """Note where everybody is; returns those who are gone for good, with what was shown of them."""
        present = set(tracked.track_ids.tolist())
        for track_id, box, score in zip(tracked.track_ids.tolist(), tracked.boxes, tracked.scores, strict=True):
            track = self._walkers.get(track_id) or self._newcomer(track_id)
            track.boxes.append((tracked.frame_index, box.copy(), float(score)))
            track.beside |= present
        gone = [w for w in self._walkers.values() if tracked.frame_index - w.last_seen > self._patience]
        for track in gone:
            del self._walkers[track.track_id]
        return gone

    def meet(self, known: People) -> None:
        """Compare with these people from now on. Who is shown as somebody removed is looked for again at once."""
        before = self._known.identities

        def now_called(answer: Shown) -> Shown:
            if answer.name is None:
                return answer
            name = known.names.get(before.get(answer.name, ""))
            return replace(answer, name=name) if name else LOOKING

        for track in self._walkers.values():
            track.shown, track.latest = now_called(track.shown), now_called(track.latest)
            if track.embedding is not None:
                track.distances = known.distances([track.embedding])[0]
        self._known = known

    def wanted(self, present: Sequence[int], frame_index: int) -> list[int]:
        """Those present of whom a silhouette is wanted from this frame; they are noted to have been cut out.

        Everybody present where the encoder takes consecutive silhouettes.
        """
        if self._every:
            return list(present)
        wanted = []
        for track_id in present:
            track = self._walkers[track_id]
            rate = GLANCES if track.shown.status != "looking" and len(track.masks) == self._window else LOOKS
            if track.cut is None or frame_index - track.cut >= int(self._fps / rate):
                track.cut = frame_index
                wanted.append(track_id)
        return wanted

    def add(self, silhouette: Silhouette) -> None:
        """Put a silhouette into its person's window, if it is good enough."""
        track = self._walkers[silhouette.track_id]
        if silhouette.aligned is None:
            track.rejected[str(silhouette.reason)] += 1
            return
        track.masks.append(silhouette.aligned)
        track.mask_frames.append(silhouette.frame_index)
        track.usable += 1
        track.fresh += 1

    def answer(self, present: Sequence[int]) -> None:
        """Embed those who have enough new silhouettes, and match everybody present (track ids) anew if there are any.

        All are matched together, since two in one picture cannot be the same person.
        """
        here = [self._walkers[track_id] for track_id in present]
        due = [track for track in here if self._due(track)]
        if not due:
            return
        for track, embedding in zip(
            due, self._encoder.encode([track.sequence(self._fps) for track in due]), strict=True
        ):
            track.embedding, track.distances = embedding, self._known.distances([embedding])[0]
            track.fresh = 0
        self.embedded += len(due)
        matches = self._matched([track for track in here if track.embedding is not None])
        for track in due:
            track.answered(Shown.of(matches[track.track_id]), self._config.live.agree)
        _one_each(here)
        for track in due:
            if track.shown.status == "unknown" and track.embedding is not None:
                track.stranger = self._strangers.label(
                    track.embedding, track.tracklet(self._fps), track.beside, self._known
                )

    def progress(self, track: LiveTrack) -> float:
        """How many of the silhouettes are there that a first answer needs, 0 to 1."""
        needed = self._needed + (self._config.live.agree - 1) * self._config.live.refresh
        return min(1.0, track.usable / needed)

    def _newcomer(self, track_id: int) -> LiveTrack:
        way = max(2, round(WAY_S * self._fps))
        window = self._window
        track = LiveTrack(self._video, track_id, deque(maxlen=window), deque(maxlen=window), deque(maxlen=way))
        self._walkers[track_id] = track
        return track

    def _due(self, track: LiveTrack) -> bool:
        if track.embedding is None:
            return len(track.masks) >= self._needed
        return track.fresh >= self._config.live.refresh

    def _matched(self, tracks: Sequence[LiveTrack]) -> Mapping[int, Match]:
        embeddings = [track.embedding for track in tracks if track.embedding is not None]
        rows = [track.distances for track in tracks if track.distances is not None]
        tracklets = [track.tracklet(self._fps) for track in tracks]
        found = self._known.match(embeddings, tracklets, {}, np.stack(rows))
        return {match.track_id: match for match in found}


def _one_each(tracks: Sequence[LiveTrack]) -> None:
    """Where several in the picture would show the same name, leave it to the one whom it fits best."""
    shown: dict[str, list[LiveTrack]] = {}
    for track in tracks:
        if track.shown.status == "known" and track.shown.name is not None:
            shown.setdefault(track.shown.name, []).append(track)
    for rivals in shown.values():
        rivals.sort(key=lambda one: (one.latest.who != one.shown.who, one.shown.distance))
        for track in islice(rivals, 1, None):
            track.doubt()
