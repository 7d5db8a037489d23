"""Extraction, the first pass over a video: decoding, detection, tracking, cropping and segmentation.

The steps run side by side, each in a thread of its own with a short queue before the next, in order (crops.py has the
second half of them). Nothing but the tracker, and what is gathered of its tracks, remembers anything from one
stretch of the video (tracking.stretch frames) to the next: no batch of a network holds pictures of two.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from itertools import chain, groupby
from typing import TypeVar

from loguru import logger

from pipeline.background import Background, TooShortError
from pipeline.config import Config
from pipeline.engine.meter import Meter
from pipeline.engine.stream import ahead
from pipeline.errors import InputError
from pipeline.extraction.crops import Crops, Extraction, crop_people
from pipeline.extraction.networks import Networks
from pipeline.extraction.stretches import DoneStretches, PackedBoxes
from pipeline.pose.storage import write_poses
from pipeline.runs.folder import RunFolder
from pipeline.runs.job import Video
from pipeline.segmentation.motion import UNKNOWN
from pipeline.segmentation.rgb import write_rgb
from pipeline.segmentation.storage import write_sequence
from pipeline.tracking import Tracker, open_tracker
from pipeline.tracking.heading import heading
from pipeline.tracking.mot import write_mot
from pipeline.tracking.rate import Pace, fill_between
from pipeline.tracking.tracklets import TrackletBuilder
from pipeline.types import Detections, Frame, TrackedBoxes
from pipeline.video import VideoInfo, VideoSource
from pipeline.video.source import is_file

T = TypeVar("T")
Tracked = Iterator[tuple[Frame, TrackedBoxes]]

BYTES_AHEAD = 40_000_000  # of decoded pictures that wait for the next step: of small ones, more than one call looks at
FRAMES_AHEAD = 4, 32  # at least, at most


@dataclass(frozen=True, slots=True)
class Extracted:
    """What extraction learnt of the video itself."""

    frames: int
    tracks: int
    warning: str | None


def extract(video: Video, work: Extraction) -> Extracted:
    """Track everybody in one video; write silhouettes, sequences, poses where a network finds them, and last tracks."""
    background = _background(video, work)
    done = DoneStretches(work.folder, video.name, work.keys.get(video.name))
    with video.open() as source, ExitStack() as opened:
        fps, size = source.info.fps, (source.info.height, source.info.width)
        tracker = open_tracker(work.config.tracking, fps)
        tracks = TrackletBuilder(video.name, fps, work.config.tracking)
        crops = Crops.none(video.name, size, work.config)
        earlier = list[PackedBoxes]()
        for boxes, cut_out in done.read(size, work.config):
            earlier.append(boxes)
            crops.join(cut_out)
        if not earlier:
            work.folder.clear("extraction", video.name)
        source.begin = sum(len(boxes.counts) for boxes in earlier)
        if source.begin:
            logger.info(f"{video.name}: goes on at frame {source.begin}")
            work.bars.advance("tracking", source.begin)
        frames = opened.enter_context(closing(decode_ahead(source, work.meter)))
        depth = frames_ahead(source.info)
        if isinstance(background, Background):
            subtracted = ahead(_subtracted(frames, background, work.meter), depth, "subtract")
            frames = opened.enter_context(closing(subtracted))
        found = opened.enter_context(closing(ahead(detect_people(frames, work, fps), depth, "detect")))
        stretches = _Stretches(done, work.config.tracking.stretch_of)
        tracked = tracked_people(chain(_replayed(earlier), stretches.noted(found)), tracker, tracks, work.meter)
        seen = ((frame, boxes) for frame, boxes in tracked if isinstance(frame, Frame))
        for later in stretches.crops(seen, lambda some: crop_people(some, video.name, size, fps, work)):
            crops.join(later)
    remarks = [source.warning, _remark(background, work.networks)]
    return write_extracted(video, source.frames_read, tracks, crops, remarks, work.folder)


@dataclass(slots=True)
class _Stretches:
    """The stretches of a video that is extracted, one after another. done: where they are kept, all but the last."""

    done: DoneStretches
    stretch_of: Callable[[int], int]
    _found: dict[int, list[Detections | None]] = field(default_factory=dict)

    def noted(self, found: Iterator[tuple[Frame, Detections | None]]) -> Iterator[tuple[Frame, Detections | None]]:
        """The same, remembered until their stretch is done."""
        for frame, people in found:
            self._found.setdefault(self.stretch_of(frame.index), []).append(people)
            yield frame, people

    def crops(self, tracked: Tracked, cut: Callable[[Tracked], Crops]) -> Iterator[Crops]:
        """What `cut` makes of each stretch."""
        before: tuple[int, Crops] | None = None
        for number, some in groupby(tracked, lambda one: self.stretch_of(one[0].index)):
            if before is not None:  # the tracker has seen all of its frames by now
                self.done.write(before[0], self._found.pop(before[0]), before[1])
                yield before[1]
            before = number, cut(some)
        if before is not None:
            yield before[1]


def _replayed(stretches: Iterable[PackedBoxes]) -> Iterator[tuple[int, Detections | None]]:
    """Who was found in the frames of stretches that are done, by index."""
    first = 0
    for boxes in stretches:
        yield from boxes.detections(first)
        first += len(boxes.counts)


def looks_ahead(networks: Networks, config: Config) -> bool:
    """Whether a video is read to its end before it is extracted."""
    return config.segmentation.background or networks.need_foreground


def write_extracted(
    video: Video, frames: int, tracks: TrackletBuilder, crops: Crops, remarks: list[str | None], folder: RunFolder
) -> Extracted:
    """Write what a whole video gave, the tracks last.

    Args:
        video: The video.
        frames: How many frames were read.
        tracks: Its tracks.
        crops: Its silhouettes and poses.
        remarks: What the user should know of it; None where there is nothing.
        folder: The run folder.
    """
    tracklets = tracks.finish()
    headings = {tracklet.track_id: heading(tracklet) for tracklet in tracklets}
    for track_id in crops.seen.difference(headings):  # turned out too short to be a track
        folder.remove(folder.silhouettes(video.name, track_id).parent)
        folder.remove(folder.crops(video.name, track_id).parent)
    for sequence in crops.sequences.finish(headings):
        quality = {**sequence.quality, "heading": headings[sequence.track_id]}
        path = folder.sequence(video.name, sequence.track_id)
        write_sequence(path, dataclasses.replace(sequence, quality=quality))
    for pose in crops.poses.finish(headings) if crops.poses is not None else ():
        write_poses(folder.poses(video.name, pose.track_id), pose)
    for rgb, too_many in crops.rgb.finish(headings) if crops.rgb is not None else ():
        for frame in too_many:
            folder.remove(folder.crop(video.name, rgb.track_id, frame))
        write_rgb(folder.crops(video.name, rgb.track_id), rgb)
    write_mot(folder.tracks(video.name), tracklets)
    nobody = None if tracklets else f"{video.name}: nobody was found in {frames} frames"
    return Extracted(frames, len(tracklets), "; ".join(remark for remark in (*remarks, nobody) if remark) or None)


def frames_ahead(info: VideoInfo) -> int:
    """How many pictures of a video wait for the next step at most."""
    least, most = FRAMES_AHEAD
    return min(max(BYTES_AHEAD // (3 * info.width * info.height), least), most)


def decode_ahead(source: VideoSource, meter: Meter) -> Generator[Frame, None, None]:
    """The frames, decoded in a thread of its own, a few ahead."""
    return ahead(_decoded(source, meter), frames_ahead(source.info), "decode")


def detect_people(
    frames: Iterator[Frame], work: Extraction, fps: float, to_end: bool = True
) -> Iterator[tuple[Frame, Detections | None]]:
    """The frames with the people found in them; None where nobody looked (see tracking/rate.py).

    Args:
        frames: Consecutive frames of a video.
        work: The detector and the settings.
        fps: Frames per second of the video.
        to_end: Whether the last frame is the video's last one, which is always looked at.
    """
    detector, stretch_of = work.networks.detector, work.config.tracking.stretch_of
    pace = Pace.of(work.config.tracking, fps, detector.looks_at == "foreground")
    waiting: list[Frame] = []
    chosen: list[Frame] = []
    due, stretch = 0, -1

    def looked_at() -> Iterator[tuple[Frame, Detections | None]]:
        answers: dict[int, Detections] = {}
        if chosen:
            with work.meter.time("detect", frames=len(chosen)):
                answers = {found.frame_index: found for found in detector.detect(chosen)}
            work.meter.add("detect", boxes=sum(map(len, answers.values())))
        for found in answers.values():
            pace.note(found)
        work.bars.advance("tracking", len(waiting))
        for frame in waiting:
            yield frame, answers.get(frame.index)
        waiting.clear()
        chosen.clear()

    for frame in frames:
        if stretch_of(frame.index) != stretch:
            yield from looked_at()
            stretch, due = stretch_of(frame.index), frame.index
            pace.start()
        waiting.append(frame)
        if frame.index >= due:
            chosen.append(frame)
            if len(chosen) == detector.batch:
                yield from looked_at()
            due = pace.next_after(frame.index)
    if to_end and waiting and waiting[-1].index not in [frame.index for frame in chosen[-1:]]:
        chosen.append(waiting[-1])
    yield from looked_at()


def tracked_people(
    found: Iterator[tuple[T, Detections | None]], tracker: Tracker, tracks: TrackletBuilder, meter: Meter
) -> Iterator[tuple[T, TrackedBoxes]]:
    """The frames with the tracks in them; in those that nobody looked at, on the way from one look to the next.

    found: frames, or what stands for them, one after another, with the detections.
    """
    waiting: list[T] = []
    before: TrackedBoxes | None = None
    for frame, detections in found:
        waiting.append(frame)
        if detections is None:
            continue
        with meter.time("track", frames=len(waiting)):
            index = detections.frame_index
            now = tracker.update(detections, len(waiting))
            between = fill_between(before, now, range(index - len(waiting) + 1, index))
            ready = [tracks.add(boxes) for boxes in (*between, now)]
        yield from zip(waiting, ready, strict=True)
        waiting.clear()
        before = now


def _background(video: Video, work: Extraction) -> Background | str | None:
    """What is learnt in advance; None where no network and no setting needs it."""
    if not looks_ahead(work.networks, work.config):
        return None
    with work.meter.time("background"):
        found = learn_background(video, work.config, work.networks.need_foreground)
    if isinstance(found, Background):
        work.meter.add("background", frames=found.frames)
    return found


def learn_background(video: Video, config: Config, needed: bool) -> Background | str:
    """The empty scene of a video, which is read to its end; or, in one line, why it is of no use.

    Args:
        video: The video.
        config: The settings.
        needed: Whether the video cannot be extracted without.

    Raises:
        InputError: The background is needed, and the video is too short to learn it from.
    """
    name = video.name
    if not (needed or is_file(video.source)):
        return f"{name}: what can be read only once has no background to learn; segmentation.background is not used"
    try:
        with video.open() as source:
            background = Background(source, name, source.info.fps, config.background, 0 if needed else UNKNOWN)
    except TooShortError as error:
        if needed:
            raise InputError(
                f"{error} Pass a longer video, or choose a profile with networks, such as --config light."
            ) from None
        return f"{error} segmentation.background is not used"
    if background.unfit and not needed:
        return f"{name}: {'; '.join(background.unfit)}; segmentation.background is not used"
    return background


def _remark(background: Background | str | None, networks: Networks) -> str | None:
    """What the user should know of the background."""
    if not isinstance(background, Background):
        return background
    if not background.doubts:
        return None
    if networks.need_foreground:
        return f"{background.doubts}. Expect wrong tracks; --config light does not need a fixed camera"
    return f"{background.doubts}. Look at the silhouettes; without: --set segmentation.background=false"


def _decoded(source: VideoSource, meter: Meter) -> Iterator[Frame]:
    frames = iter(source)
    while True:
        with meter.time("decode"):
            frame = next(frames, None)
        if frame is None:
            return
        meter.add("decode", frames=1)
        yield frame


def _subtracted(frames: Iterator[Frame], background: Background, meter: Meter) -> Iterator[Frame]:
    for frame in frames:
        with meter.time("subtract", frames=1):
            subtracted = background.subtract(frame)
        yield subtracted
