"""The first pass over a video, from frames to silhouettes: decoding, detection, tracking, cutting and segmentation.

The steps run side by side, each in a thread of its own with a short queue before the next, in order (cutting.py goes on
with the second half of them). Nothing but the tracker, and what is gathered of its tracks, remembers anything from one
stretch of the video (tracking.stretch frames) to the next: no batch of a network holds pictures of two.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Generator, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass

from pipeline.background import Background, TooShortError
from pipeline.config import Config
from pipeline.engine.progress import Progress
from pipeline.engine.stream import ahead, batches
from pipeline.errors import InputError
from pipeline.extraction.crops import Cuttings, cut_out
from pipeline.pose import PoseEstimator
from pipeline.pose.storage import write_poses
from pipeline.runs.folder import RunFolder
from pipeline.runs.job import Video
from pipeline.runs.record import Meter
from pipeline.segmentation import Segmenter
from pipeline.segmentation.motion import UNKNOWN
from pipeline.segmentation.storage import write_sequence
from pipeline.tracking import Detector, Tracker, open_tracker
from pipeline.tracking.heading import heading
from pipeline.tracking.mot import write_mot
from pipeline.tracking.tracklets import TrackletBuilder
from pipeline.types import Detections, Frame, TrackedBoxes
from pipeline.video import VideoSource
from pipeline.video.source import is_file

FRAMES_AHEAD = 4  # decoded pictures that wait for the next step; each is a few MB


@dataclass(frozen=True, slots=True)
class Followed:
    """What the pass found out about the video itself."""

    frames: int
    tracks: int
    warning: str | None


def follow(
    video: Video,
    detector: Detector,
    segmenter: Segmenter,
    estimator: PoseEstimator | None,
    config: Config,
    folder: RunFolder,
    meter: Meter,
    bars: Progress,
) -> Followed:
    """Find, follow and cut out everybody in one video; write its silhouettes, sequences and, last, its tracks.

    estimator: of poses, which are then written too.
    """
    background = _background(video, detector, segmenter, config, meter)
    with video.open() as source, ExitStack() as opened:
        fps, size = source.info.fps, (source.info.height, source.info.width)
        tracker, tracks = open_tracker(config.tracking, fps), TrackletBuilder(video.name, fps, config.tracking)
        frames = opened.enter_context(closing(decoded(source, meter)))
        if isinstance(background, Background):
            frames = opened.enter_context(
                closing(ahead(_subtracted(frames, background, meter), FRAMES_AHEAD, "subtract"))
            )
        found = ahead(detected(frames, detector, config, meter, bars), FRAMES_AHEAD, "detect")
        tracked = _tracked(opened.enter_context(closing(found)), tracker, tracks, meter)
        cuttings = cut_out(tracked, video.name, size, segmenter, estimator, config, folder, meter, bars)
    remarks = [source.warning, _remark(background, detector, segmenter)]
    return write_walks(video, source.frames_read, tracks, cuttings, estimator is not None, folder, remarks)


def needs_foreground(detector: Detector, segmenter: Segmenter) -> bool:
    """Whether a video can only be followed once its background is known."""
    return "foreground" in (detector.looks_at, segmenter.looks_at)


def looks_ahead(detector: Detector, segmenter: Segmenter, config: Config) -> bool:
    """Whether a video is looked at to its end before it is followed."""
    return config.segmentation.background or needs_foreground(detector, segmenter)


def write_walks(
    video: Video,
    frames: int,
    tracks: TrackletBuilder,
    cuttings: Cuttings,
    with_poses: bool,
    folder: RunFolder,
    remarks: list[str | None],
) -> Followed:
    """Finish what was gathered of a whole video and write it, the tracks last."""
    tracklets = tracks.finish()
    headings = {tracklet.track_id: heading(tracklet) for tracklet in tracklets}
    for track_id in cuttings.seen.difference(headings):  # turned out too short to be a track
        folder.remove(folder.silhouettes(video.name, track_id).parent)
    for sequence in cuttings.sequences.finish(headings):
        quality = {**sequence.quality, "heading": headings[sequence.track_id]}
        path = folder.sequence(video.name, sequence.track_id)
        write_sequence(path, dataclasses.replace(sequence, quality=quality))
    for pose in cuttings.poses.finish(headings if with_poses else ()):
        write_poses(folder.poses(video.name, pose.track_id), pose)
    write_mot(folder.tracks(video.name), tracklets)
    nobody = None if tracklets else f"{video.name}: nobody was found in {frames} frames"
    return Followed(frames, len(tracklets), "; ".join(remark for remark in (*remarks, nobody) if remark) or None)


def decoded(source: VideoSource, meter: Meter) -> Generator[Frame, None, None]:
    """The frames, decoded in a thread of its own, a few ahead."""
    return ahead(_decoded(source, meter), FRAMES_AHEAD, "decode")


def detected(
    frames: Iterator[Frame], detector: Detector, config: Config, meter: Meter, bars: Progress
) -> Iterator[tuple[Frame, Detections]]:
    """The frames with the people found in them."""
    for batch in batches(frames, detector.batch, lambda frame: config.tracking.stretch_of(frame.index)):
        with meter.time("detect", frames=len(batch)):
            found = detector.detect(batch)
        meter.add("detect", boxes=sum(map(len, found)))
        bars.advance("tracking", len(batch))
        yield from zip(batch, found, strict=True)


def _background(
    video: Video, detector: Detector, segmenter: Segmenter, config: Config, meter: Meter
) -> Background | str | None:
    """What is learnt in advance; None where nobody asks for it."""
    if not looks_ahead(detector, segmenter, config):
        return None
    with meter.time("background"):
        found = learnt(video, config, needs_foreground(detector, segmenter))
    if isinstance(found, Background):
        meter.add("background", frames=found.frames)
    return found


def learnt(video: Video, config: Config, needed: bool) -> Background | str:
    """The empty scene, from a look at the whole video in advance; where it is not needed and no help, why, in one line.

    Raises InputError for a video too short to learn from, where it cannot be followed without.
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


def _remark(background: Background | str | None, detector: Detector, segmenter: Segmenter) -> str | None:
    """What the user should know of the background of a video that has been followed."""
    if not isinstance(background, Background):
        return background
    if not background.doubts:
        return None
    if needs_foreground(detector, segmenter):
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


def _tracked(
    found: Iterator[tuple[Frame, Detections]], tracker: Tracker, tracks: TrackletBuilder, meter: Meter
) -> Iterator[tuple[Frame, TrackedBoxes]]:
    for frame, detections in found:
        with meter.time("track", frames=1):
            tracked = tracks.add(tracker.update(detections))
        yield frame, tracked
