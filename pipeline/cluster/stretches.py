"""One long video, extracted by many workers: detection side by side, tracking in order, segmentation side by side.

Tracking takes a hundredth of the time, so it is not shared out: one tracker sees all frames of the video in order, as
it does in `extract`, and no track has to be joined to another. A video that cannot be cut (see video_stretch.py), or is
read to its end beforehand, is extracted by one worker as a whole. The results are the same, byte for byte.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import chain, islice, pairwise
from typing import Any

from loguru import logger

from pipeline.cluster.video_stretch import Stretch, StretchSource, UnlikeError, cut
from pipeline.engine.meter import Meter
from pipeline.extraction.crops import Crops, Extraction, crop_people
from pipeline.extraction.extract import (
    Extracted,
    decode_ahead,
    detect_people,
    extract,
    looks_ahead,
    tracked_people,
    write_extracted,
)
from pipeline.extraction.processes import Task
from pipeline.extraction.stretches import PackedBoxes
from pipeline.files import from_home
from pipeline.runs.folder import RunFolder
from pipeline.runs.job import Video
from pipeline.tracking import open_tracker
from pipeline.tracking.tracklets import TrackletBuilder
from pipeline.types import Frame, TrackedBoxes
from pipeline.video.source import is_file


@dataclass(frozen=True, slots=True)
class Call:
    """A part of the work, for any worker: `does(work, *arguments)`; name: what it is, for people."""

    name: str
    does: Callable[..., Any]
    arguments: tuple[Any, ...]


Steps = Generator[list[Call], list[Any], Extracted]
"""Yields calls that may be made side by side, is sent their answers in the same order, and returns the end result."""


@dataclass(frozen=True, slots=True)
class _Plan:
    """A video that is extracted in stretches. frame_size: height, width."""

    stretches: list[Stretch]
    fps: float
    frame_size: tuple[int, int]


@dataclass(frozen=True, slots=True)
class _Found:
    """What was found in a stretch; own, beyond: see StretchSource."""

    boxes: PackedBoxes
    own: list[int]
    beyond: list[int]


def extract_in_stretches(video: Video, task: Task, meter: Meter) -> Steps:
    """Extract a video as `extract` does; what other workers can do is yielded (see Steps)."""
    config = task.config
    (begun,) = yield [Call(f"extract {video.name}", _extract_or_cut, (video,))]
    if isinstance(begun, Extracted):
        return begun
    stretches = begun.stretches
    found = yield [Call(f"detect {video.name} {one.number}", _detect, (video, one)) for one in stretches]
    if not _alike(found):
        logger.info(f"{video.name}: does not decode alike from its key frames, so it is extracted in one piece")
        (extracted,) = yield [Call(f"extract {video.name}", _extract, (video,))]
        assert isinstance(extracted, Extracted)
        return extracted
    tracker = open_tracker(config.tracking, begun.fps)
    tracks = TrackletBuilder(video.name, begun.fps, config.tracking)
    looked = chain.from_iterable(
        one.boxes.detections(stretch.first) for stretch, one in zip(stretches, found, strict=True)
    )
    tracked = (boxes for _, boxes in tracked_people(looked, tracker, tracks, meter))
    calls = [
        Call(
            f"crop {video.name} {stretch.number}",
            _crop,
            (video, stretch, PackedBoxes.of(list(islice(tracked, stretch.frames)))),
        )
        for stretch in stretches
    ]
    crops = Crops.none(video.name, begun.frame_size, config)
    for later in (yield calls):
        crops.join(later)
    frames = sum(stretch.frames for stretch in stretches)
    return write_extracted(video, frames, tracks, crops, [], RunFolder(task.folder))


def _extract_or_cut(work: Extraction, video: Video) -> Extracted | _Plan:
    """Extract a video that one worker does; say of another how it is cut."""
    path = from_home(video.source)
    if is_file(video.source) and path.is_file() and not looks_ahead(work.networks, work.config):
        stretches = cut(path, work.config.tracking.stretch)
        info = video.inspect()
        whole = info.frame_count in (None, sum(stretch.frames for stretch in stretches))
        if len(stretches) > 1 and whole:
            work.folder.clear("extraction", video.name)
            return _Plan(stretches, info.fps, (info.height, info.width))
    return _extract(work, video)


def _extract(work: Extraction, video: Video) -> Extracted:
    return extract(video, work)


def _detect(work: Extraction, video: Video, stretch: Stretch) -> _Found | None:
    """What was found in a stretch; None where it does not hold what it should."""
    try:
        with _stretch(video, stretch) as source, closing(decode_ahead(source, work.meter)) as frames:
            found = [people for _, people in detect_people(frames, work, source.info.fps, stretch.last)]
    except UnlikeError:
        return None
    return _Found(PackedBoxes.of(found), source.own, source.beyond)


def _alike(found: Sequence[_Found | None]) -> bool:
    """Whether every stretch could be read, and neighbours agree on the pictures around their border."""
    whole = [one for one in found if one is not None]
    return len(whole) == len(found) and all(a.beyond == b.own for a, b in pairwise(whole))


def _crop(work: Extraction, video: Video, stretch: Stretch, boxes: PackedBoxes) -> Crops:
    with _stretch(video, stretch) as source, closing(decode_ahead(source, work.meter)) as frames:
        size = source.info.height, source.info.width
        tracked: Iterator[tuple[Frame, TrackedBoxes]] = zip(frames, boxes.tracked(stretch.first), strict=True)
        return crop_people(tracked, video.name, size, source.info.fps, work)


def _stretch(video: Video, stretch: Stretch) -> StretchSource:
    return StretchSource(video.source, video.name, stretch, video.turn)
