"""The first pass over a video, from frames to silhouettes: decoding, detection, tracking, cutting and segmentation.

The steps run side by side, each in a thread of its own with a short queue before the next, in order. A frame lives
until its people are cut out; what goes on from there are small crops, segmented in batches across people and frames.
Where poses are wanted too, other crops of the same people go to the pose estimator, in a thread beside these.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass

import cv2
import numpy as np

from pipeline.background import Background
from pipeline.config import Config
from pipeline.engine.job import Video
from pipeline.engine.record import Meter
from pipeline.engine.runfolder import RunFolder
from pipeline.engine.stream import ahead, aside, batches
from pipeline.files import write_bytes
from pipeline.pose import PoseEstimator
from pipeline.pose.crop import PoseCrop, stacked
from pipeline.pose.poses import PoseBuilder, cut_poses
from pipeline.pose.storage import write_poses
from pipeline.segmentation import Segmenter
from pipeline.segmentation.sequences import PersonCrop, SequenceBuilder, Silhouette, cut_people, finish
from pipeline.segmentation.storage import write_sequence
from pipeline.tracking import Detector, Tracker, open_tracker
from pipeline.tracking.heading import heading
from pipeline.tracking.mot import write_mot
from pipeline.tracking.tracklets import TrackletBuilder
from pipeline.types import Detections, FloatArray, Frame, TrackedBoxes
from pipeline.video import VideoSource, open_video
from pipeline.views.progress import Progress

FRAMES_AHEAD = 4  # decoded pictures that wait for the next step; each is a few MB
BATCHES_AHEAD = 2  # segmented batches that wait to be cleaned
PNG_FAST = [cv2.IMWRITE_PNG_BILEVEL, 1, cv2.IMWRITE_PNG_COMPRESSION, 1]


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
    background = _background(video, config, meter) if "foreground" in (detector.looks_at, segmenter.looks_at) else None
    with open_video(video.source, video.name) as source, ExitStack() as beside:
        fps = source.info.fps
        poses = PoseBuilder(video.name, (source.info.height, source.info.width), config.pose.steady_sides)
        cut = _cut_poses_for(estimator, poses, config, meter, beside) if estimator else None
        tracks = TrackletBuilder(video.name, fps, config.tracking)
        sequences = SequenceBuilder(video.name, config.segmentation)
        seen: set[int] = set()

        decoded = ahead(_decoded(source, meter), FRAMES_AHEAD, "decode")
        frames = ahead(_subtracted(decoded, background, meter), FRAMES_AHEAD, "subtract") if background else decoded
        found = ahead(_detected(frames, detector, meter, bars), FRAMES_AHEAD, "detect")
        tracker = open_tracker(config.tracking, fps)
        crops = _tracked(found, tracker, tracks, segmenter, config, meter, cut)
        waiting = ahead(crops, 2 * config.segmentation.batch, "track")
        maps = ahead(_segmented(waiting, segmenter, config, meter, bars), BATCHES_AHEAD, "segment")
        # Closed from the last to the first.
        with closing(decoded), closing(frames), closing(found), closing(waiting), closing(maps):
            for silhouette in _finished(maps, config, meter):
                sequences.add(silhouette)
                seen.add(silhouette.track_id)
                if config.output.silhouettes:
                    _write_silhouette(silhouette, video.name, folder, meter)
        frames_read, warning = source.frames_read, source.warning

    tracklets = tracks.finish()
    headings = {tracklet.track_id: heading(tracklet) for tracklet in tracklets}
    for track_id in seen.difference(headings):  # turned out too short to be a track
        folder.remove(folder.silhouettes(video.name, track_id).parent)
    for sequence in sequences.finish(headings):
        quality = {**sequence.quality, "heading": headings[sequence.track_id]}
        path = folder.sequence(video.name, sequence.track_id)
        write_sequence(path, dataclasses.replace(sequence, quality=quality))
    for pose in poses.finish(headings if estimator else ()):
        write_poses(folder.poses(video.name, pose.track_id), pose)
    write_mot(folder.tracks(video.name), tracklets)
    nobody = None if tracklets else f"{video.name}: nobody was found in {frames_read} frames"
    remarks = [remark for remark in (warning, background.warning if background else None, nobody) if remark]
    return Followed(frames_read, len(tracklets), "; ".join(remarks) or None)


def _background(video: Video, config: Config, meter: Meter) -> Background:
    """The empty scene, from a look at the whole video in advance."""
    with open_video(video.source, video.name) as source, meter.time("background"):
        background = Background(source, video.name, source.info.fps, config.background)
        meter.add("background", frames=source.frames_read)
    return background


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


def _detected(
    frames: Iterator[Frame], detector: Detector, meter: Meter, bars: Progress
) -> Iterator[tuple[Frame, Detections]]:
    for batch in batches(frames, detector.batch):
        with meter.time("detect", frames=len(batch)):
            found = detector.detect(batch)
        meter.add("detect", boxes=sum(map(len, found)))
        bars.advance("tracking", len(batch))
        yield from zip(batch, found, strict=True)


def _tracked(
    found: Iterator[tuple[Frame, Detections]],
    tracker: Tracker,
    tracks: TrackletBuilder,
    segmenter: Segmenter,
    config: Config,
    meter: Meter,
    cut_poses_too: Callable[[Frame, TrackedBoxes], None] | None,
) -> Iterator[PersonCrop]:
    for frame, detections in found:
        with meter.time("track", frames=1):
            tracked = tracks.add(tracker.update(detections))
        with meter.time("crop", boxes=len(tracked)):
            crops = cut_people(frame, tracked, config.segmentation, segmenter.crop_size, segmenter.looks_at)
        if cut_poses_too is not None:
            cut_poses_too(frame, tracked)
        yield from crops


def _cut_poses_for(
    estimator: PoseEstimator, poses: PoseBuilder, config: Config, meter: Meter, beside: ExitStack
) -> Callable[[Frame, TrackedBoxes], None]:
    """What to call for every frame so that its people's joints end up in `poses`, when `beside` is closed at last."""

    def estimate(crops: Iterator[PoseCrop]) -> None:
        for batch in batches(crops, config.pose.batch):
            with meter.time("pose", crops=len(batch)):
                joints = estimator.estimate(stacked(batch))
            poses.add(batch, joints)

    hand_over = beside.enter_context(aside(estimate, 2 * config.pose.batch, "pose"))

    def cut(frame: Frame, tracked: TrackedBoxes) -> None:
        with meter.time("crop"):
            crops = cut_poses(frame, tracked, config.pose, estimator.view)
        for crop in crops:
            hand_over(crop)

    return cut


def _segmented(
    crops: Iterator[PersonCrop], segmenter: Segmenter, config: Config, meter: Meter, bars: Progress
) -> Iterator[tuple[list[PersonCrop], FloatArray]]:
    for batch in batches(crops, config.segmentation.batch):
        with meter.time("segment", crops=len(batch)):
            probabilities = segmenter.segment(np.stack([crop.image for crop in batch]))
        bars.advance("segmentation", len(batch))
        yield batch, probabilities


def _finished(
    maps: Iterator[tuple[list[PersonCrop], FloatArray]], config: Config, meter: Meter
) -> Iterator[Silhouette]:
    for batch, probabilities in maps:
        with meter.time("silhouette", crops=len(batch)):
            silhouettes = finish(batch, probabilities, config.segmentation)
        meter.add("silhouette", usable=sum(silhouette.aligned is not None for silhouette in silhouettes))
        yield from silhouettes


def _write_silhouette(silhouette: Silhouette, video: str, folder: RunFolder, meter: Meter) -> None:
    path = folder.silhouette(video, silhouette.track_id, silhouette.frame_index)
    with meter.time("write", silhouettes=1):
        write_bytes(path, cv2.imencode(".png", silhouette.mask, PNG_FAST)[1].tobytes())
