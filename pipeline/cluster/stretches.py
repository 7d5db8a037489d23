"""One long video, followed by many workers: searched side by side, then tracked in order, then cut out side by side.

Tracking takes a hundredth of the time, so it is not shared out: one tracker sees all frames of the video in order, as
it does in `follow`, and no track has to be joined to another. A video that cannot be cut (see video/stretch.py), or is
looked at to its end beforehand, is followed by one worker as a whole. The results are the same, byte for byte.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from loguru import logger

from pipeline.cluster.video_stretch import Stretch, StretchSource, UnlikeError, cut
from pipeline.config import Config
from pipeline.engine.progress import Silent
from pipeline.extraction.crops import Cuttings, cut_out
from pipeline.extraction.extract import Followed, decoded, detected, follow, looks_ahead, write_walks
from pipeline.extraction.processes import WalkNetworks
from pipeline.files import from_home
from pipeline.runs.folder import RunFolder
from pipeline.runs.job import Video
from pipeline.runs.record import Meter
from pipeline.tracking import open_tracker
from pipeline.tracking.tracklets import TrackletBuilder
from pipeline.types import Detections, FloatArray, Frame, IntArray, TrackedBoxes
from pipeline.video.source import is_file


@dataclass(frozen=True, slots=True)
class Worker:
    """What one who does a part of the work has at hand."""

    networks: WalkNetworks
    config: Config
    folder: RunFolder
    meter: Meter


@dataclass(frozen=True, slots=True)
class Call:
    """A part of the work, for any worker: `does(worker, *arguments)`; name: what it is, for people."""

    name: str
    does: Callable[..., Any]
    arguments: tuple[Any, ...]


Steps = Generator[list[Call], list[Any], Followed]
"""Yields calls that may be made side by side, is sent their answers in the same order, and returns the end result."""


@dataclass(frozen=True, slots=True)
class _Plan:
    """A video that is followed in stretches. frame_size: height, width."""

    stretches: list[Stretch]
    fps: float
    frame_size: tuple[int, int]


@dataclass(frozen=True, slots=True)
class _Boxes:
    """The people of one frame after another, packed. counts: of each frame; values: x1, y1, x2, y2, score of each."""

    counts: IntArray
    values: FloatArray
    track_ids: IntArray

    @classmethod
    def of(cls, frames: Sequence[Detections | TrackedBoxes]) -> _Boxes:
        values = [np.column_stack([one.boxes, one.scores]).astype(np.float32) for one in frames]
        ids = [one.track_ids for one in frames if isinstance(one, TrackedBoxes)]
        return cls(
            np.array([len(one) for one in frames], np.int64),
            np.concatenate(values),
            np.concatenate(ids) if ids else np.empty(0, np.int64),
        )

    def detections(self, first: int) -> Iterator[Detections]:
        for index, values in enumerate(self._split(self.values), first):
            yield Detections(index, values[:, :4], values[:, 4])

    def tracked(self, first: int) -> Iterator[TrackedBoxes]:
        both = zip(self._split(self.track_ids), self._split(self.values), strict=True)
        for index, (track_ids, values) in enumerate(both, first):
            yield TrackedBoxes(index, track_ids, values[:, :4], values[:, 4])

    def _split(self, rows: Any) -> list[Any]:
        return np.split(rows, np.cumsum(self.counts)[:-1])


@dataclass(frozen=True, slots=True)
class _Found:
    """What was found in a stretch; own, beyond: see StretchSource."""

    boxes: _Boxes
    own: list[int]
    beyond: list[int]


def follow_in_stretches(video: Video, config: Config, with_poses: bool, folder: RunFolder, meter: Meter) -> Steps:
    """Follow a video as `follow` does; what can be done by others is yielded (see Steps)."""
    (begun,) = yield [Call(f"follow {video.name}", _follow_or_cut, (video,))]
    if isinstance(begun, Followed):
        return begun
    stretches = begun.stretches
    found = yield [Call(f"detect {video.name} {one.number}", _detect, (video, one)) for one in stretches]
    if not _alike(found):
        logger.info(f"{video.name}: does not decode alike from its key frames, so it is followed in one piece")
        (followed,) = yield [Call(f"follow {video.name}", _follow, (video,))]
        assert isinstance(followed, Followed)
        return followed
    tracker = open_tracker(config.tracking, begun.fps)
    tracks = TrackletBuilder(video.name, begun.fps, config.tracking)
    calls: list[Call] = []
    for stretch, one in zip(stretches, found, strict=True):
        with meter.time("track", frames=stretch.frames):
            tracked = [tracks.add(tracker.update(detections)) for detections in one.boxes.detections(stretch.first)]
        calls.append(Call(f"cut {video.name} {stretch.number}", _cut, (video, stretch, _Boxes.of(tracked))))
    cuttings = Cuttings.none(video.name, begun.frame_size, config)
    for later in (yield calls):
        cuttings.join(later)
    frames = sum(stretch.frames for stretch in stretches)
    return write_walks(video, frames, tracks, cuttings, with_poses, folder, [])


def _follow_or_cut(worker: Worker, video: Video) -> Followed | _Plan:
    """Follow a video that is done by one worker; of another, say how it is cut."""
    detector, segmenter, _ = worker.networks
    path = from_home(video.source)
    if is_file(video.source) and path.is_file() and not looks_ahead(detector, segmenter, worker.config):
        stretches = cut(path, worker.config.tracking.stretch)
        with video.open() as source:
            info = source.info
        whole = info.frame_count in (None, sum(stretch.frames for stretch in stretches))
        if len(stretches) > 1 and whole:
            worker.folder.clear("walks", video.name)
            return _Plan(stretches, info.fps, (info.height, info.width))
    return _follow(worker, video)


def _follow(worker: Worker, video: Video) -> Followed:
    worker.folder.clear("walks", video.name)  # of one who died over it
    return follow(video, *worker.networks, worker.config, worker.folder, worker.meter, Silent())


def _detect(worker: Worker, video: Video, stretch: Stretch) -> _Found | None:
    """What was found in a stretch; None where it does not hold what it should."""
    detector = worker.networks[0]
    try:
        with _stretch(video, stretch) as source, closing(decoded(source, worker.meter)) as all_:
            found = [people for _, people in detected(all_, detector, worker.config, worker.meter, Silent())]
    except UnlikeError:
        return None
    return _Found(_Boxes.of(found), source.own, source.beyond)


def _alike(found: Sequence[_Found | None]) -> bool:
    """Whether every stretch could be read, and neighbours agree on the pictures around their border."""
    whole = [one for one in found if one is not None]
    return len(whole) == len(found) and all(a.beyond == b.own for a, b in pairwise(whole))


def _cut(worker: Worker, video: Video, stretch: Stretch, boxes: _Boxes) -> Cuttings:
    _, segmenter, estimator = worker.networks
    with _stretch(video, stretch) as source, closing(decoded(source, worker.meter)) as frames:
        size = source.info.height, source.info.width
        tracked: Iterator[tuple[Frame, TrackedBoxes]] = zip(frames, boxes.tracked(stretch.first), strict=True)
        config, folder, meter = worker.config, worker.folder, worker.meter
        return cut_out(tracked, video.name, size, segmenter, estimator, config, folder, meter, Silent())


def _stretch(video: Video, stretch: Stretch) -> StretchSource:
    return StretchSource(video.source, video.name, stretch, video.turn)
