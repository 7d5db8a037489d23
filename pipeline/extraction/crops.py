"""From tracked frames to silhouettes and poses: cutting, segmentation and what is gathered of both.

The steps run side by side, each in a thread of its own with a short queue before the next, in order. A frame lives
until its people are cut out; what goes on from there are small crops, segmented in batches across people and frames.
Where poses are wanted too, other crops of the same people go to the pose estimator, in a thread beside these.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field

import cv2
import numpy as np

from pipeline.config import Config
from pipeline.engine.progress import Progress
from pipeline.engine.stream import ahead, aside, batches
from pipeline.files import write_bytes
from pipeline.pose import PoseEstimator
from pipeline.pose.crop import PoseCrop, stack_crops
from pipeline.pose.poses import PoseBuilder, cut_poses
from pipeline.runs.folder import RunFolder
from pipeline.runs.record import Meter
from pipeline.segmentation import Segmenter
from pipeline.segmentation.sequences import PersonCrop, SequenceBuilder, Silhouette, cut_people, finish
from pipeline.types import FloatArray, Frame, TrackedBoxes

BATCHES_AHEAD = 2  # segmented batches that wait to be cleaned
PNG_FAST = [cv2.IMWRITE_PNG_BILEVEL, 1, cv2.IMWRITE_PNG_COMPRESSION, 1]


@dataclass(slots=True)
class Cuttings:
    """What was cut out of a video, or of a stretch of it. seen: the tracks with a silhouette, usable or not."""

    sequences: SequenceBuilder
    poses: PoseBuilder
    seen: set[int] = field(default_factory=set)

    @classmethod
    def none(cls, video: str, frame_size: tuple[int, int], config: Config) -> Cuttings:
        """Nothing yet. frame_size: height, width."""
        return cls(
            SequenceBuilder(video, config.segmentation), PoseBuilder(video, frame_size, config.pose.steady_sides)
        )

    def join(self, later: Cuttings) -> None:
        """Take over what was cut out of later frames of the same video."""
        self.sequences.join(later.sequences)
        self.poses.join(later.poses)
        self.seen |= later.seen


def cut_out(
    tracked: Iterator[tuple[Frame, TrackedBoxes]],
    video: str,
    frame_size: tuple[int, int],
    segmenter: Segmenter,
    estimator: PoseEstimator | None,
    config: Config,
    folder: RunFolder,
    meter: Meter,
    bars: Progress,
) -> Cuttings:
    """Cut out everybody tracked, segment them and write their silhouettes; estimate their poses too, if asked for."""
    cuttings = Cuttings.none(video, frame_size, config)
    with ExitStack() as beside:
        pose = _cut_poses_for(estimator, cuttings.poses, config, meter, beside) if estimator else None
        crops = _cut(tracked, segmenter, config, meter, pose)
        waiting = ahead(crops, 2 * config.segmentation.batch, "track")
        maps = ahead(_segmented(waiting, segmenter, config, meter, bars), BATCHES_AHEAD, "segment")
        with closing(waiting), closing(maps):  # closed from the last to the first
            for silhouette in _finished(maps, config, meter):
                cuttings.sequences.add(silhouette)
                cuttings.seen.add(silhouette.track_id)
                if config.output.silhouettes:
                    _write_silhouette(silhouette, video, folder, meter)
    return cuttings


def _cut(
    tracked: Iterator[tuple[Frame, TrackedBoxes]],
    segmenter: Segmenter,
    config: Config,
    meter: Meter,
    cut_poses_too: Callable[[Frame, TrackedBoxes], None] | None,
) -> Iterator[PersonCrop]:
    for frame, boxes in tracked:
        with meter.time("crop", boxes=len(boxes)):
            crops = cut_people(frame, boxes, config.segmentation, segmenter.crop_size, segmenter.looks_at)
        if cut_poses_too is not None:
            cut_poses_too(frame, boxes)
        yield from crops


def _cut_poses_for(
    estimator: PoseEstimator, poses: PoseBuilder, config: Config, meter: Meter, beside: ExitStack
) -> Callable[[Frame, TrackedBoxes], None]:
    """What to call for every frame so that its people's joints end up in `poses`, when `beside` is closed at last."""

    def estimate(crops: Iterator[PoseCrop]) -> None:
        for batch in batches(crops, config.pose.batch, lambda crop: config.tracking.stretch_of(crop.frame_index)):
            with meter.time("pose", crops=len(batch)):
                joints = estimator.estimate(stack_crops(batch))
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
    for batch in batches(crops, config.segmentation.batch, lambda crop: config.tracking.stretch_of(crop.frame_index)):
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
