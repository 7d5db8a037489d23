"""The second half of extraction, from tracked frames to silhouettes and poses: cropping and segmentation.

The steps run side by side, each in a thread of its own with a short queue before the next, in order. A frame lives
until its people are cut out; what goes on from there are small crops, segmented in batches across people and frames.
Where poses are wanted too, the segmenter finds the joints in the same call; or else other crops of the same people go
to the pose estimator, in a thread beside these.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace

import cv2
import numpy as np

from pipeline.config import Config
from pipeline.engine.meter import Meter
from pipeline.engine.progress import Progress
from pipeline.engine.stream import ahead, aside, batches
from pipeline.extraction.enough import Due, Waiting, spread
from pipeline.extraction.networks import Networks, enough_silhouettes, wants_crops, wants_poses
from pipeline.files import write_bytes
from pipeline.pose import PoseEstimator
from pipeline.pose.crop import PoseCrop, stack_crops
from pipeline.pose.poses import PoseBuilder, cut_poses
from pipeline.runs.folder import RunFolder
from pipeline.segmentation import Segmented
from pipeline.segmentation.rgb import RGBBuilder, body_in_crop, cut_rgb
from pipeline.segmentation.sequences import PersonCrop, SequenceBuilder, Silhouette, cut_people, finish
from pipeline.types import FloatArray, Frame, TrackedBoxes

BATCHES_AHEAD = 2  # segmented batches that wait to be cleaned
DUE_AHEAD = 2  # tracks whose crops wait for the segmenter
PNG_FAST = [cv2.IMWRITE_PNG_BILEVEL, 1, cv2.IMWRITE_PNG_COMPRESSION, 1]


@dataclass(frozen=True, slots=True)
class Extraction:
    """What the extraction of videos works with.

    Attributes:
        networks: Of extraction.
        config: The settings.
        folder: The run folder.
        meter: Where seconds and counts go.
        bars: Where progress is shown.
        keys: What the results of a video depend on, by its name; of videos without, no stretch is kept.
    """

    networks: Networks
    config: Config
    folder: RunFolder
    meter: Meter
    bars: Progress
    keys: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Crops:
    """What the crops of a video, or of a stretch of it, gave.

    poses, rgb: None where nobody wants them; seen: the tracks with a silhouette, usable or not.
    """

    sequences: SequenceBuilder
    poses: PoseBuilder | None
    rgb: RGBBuilder | None
    seen: set[int] = field(default_factory=set)

    @classmethod
    def none(cls, video: str, frame_size: tuple[int, int], config: Config) -> Crops:
        """Nothing yet. frame_size: height, width."""
        poses = PoseBuilder(video, frame_size) if wants_poses(config) else None
        rgb = RGBBuilder() if wants_crops(config) else None
        return cls(SequenceBuilder(video, config.segmentation), poses, rgb)

    def join(self, later: Crops) -> None:
        """Add what later frames of the same video gave."""
        self.sequences.join(later.sequences)
        if self.poses is not None and later.poses is not None:
            self.poses.join(later.poses)
        if self.rgb is not None and later.rgb is not None:
            self.rgb.join(later.rgb)
        self.seen |= later.seen


def crop_people(
    tracked: Iterator[tuple[Frame, TrackedBoxes]], video: str, frame_size: tuple[int, int], fps: float, work: Extraction
) -> Crops:
    """Segment who is tracked and write the silhouettes; find their joints too, where they are wanted.

    Args:
        tracked: Frames with the tracks in them.
        video: The video's name in the run.
        frame_size: Height and width in pixels.
        fps: Frames per second.
        work: Networks, settings and the run folder.
    """
    estimator, enough = work.networks.estimator, enough_silhouettes(work.config)
    crops = Crops.none(video, frame_size, work.config)
    with ExitStack() as beside:
        pose = _pose_crops(estimator, crops.poses, work, beside) if estimator and crops.poses is not None else None
        if enough is None:
            waiting = ahead(_crops(tracked, work, pose), 2 * work.config.segmentation.batch, "track")
            found = _cut_out(beside.enter_context(closing(waiting)), work)
        else:
            patience = int(work.config.tracking.bytetrack.buffer_seconds * fps) + 2
            due = ahead(_needed(tracked, work, pose, Waiting(enough, patience)), DUE_AHEAD, "track")
            found = _cut_out_enough(beside.enter_context(closing(due)), enough, work)
        with closing(found):
            for person, silhouette, joints in found:
                crops.sequences.add(silhouette)
                crops.seen.add(silhouette.track_id)
                if not estimator and crops.poses is not None and joints is not None:
                    crops.poses.add(silhouette.track_id, silhouette.frame_index, joints)
                if crops.rgb is not None and silhouette.aligned is not None:
                    _keep_rgb(person, silhouette, video, crops.rgb, work)
                if work.config.output.silhouettes:
                    _write_silhouette(silhouette, video, work)
    return crops


def _cut(
    frame: Frame, boxes: TrackedBoxes, work: Extraction, wanted: Collection[int] | None = None
) -> list[PersonCrop]:
    """The crops of a frame, in colour too where an encoder looks at those. wanted: the tracks; all by default."""
    with work.meter.time("crop", boxes=len(boxes)):
        crops = cut_people(frame, boxes, work.config.segmentation, work.networks.segmenter.view, wanted)
        if wants_crops(work.config):
            crops = [replace(crop, rgb=cut_rgb(frame.image, crop.box)) for crop in crops]
    return crops


def _crops(
    tracked: Iterator[tuple[Frame, TrackedBoxes]],
    work: Extraction,
    crop_poses: Callable[[Frame, TrackedBoxes], None] | None,
) -> Iterator[PersonCrop]:
    """Everybody of every frame."""
    for frame, boxes in tracked:
        crops = _cut(frame, boxes, work)
        if crop_poses is not None:
            crop_poses(frame, boxes)
        yield from crops


def _needed(
    tracked: Iterator[tuple[Frame, TrackedBoxes]],
    work: Extraction,
    crop_poses: Callable[[Frame, TrackedBoxes], None] | None,
    waiting: Waiting,
) -> Iterator[Due]:
    """As many of everybody as are needed, once it is known who stays how long."""
    stretch_of, stretch = work.config.tracking.stretch_of, 0
    for frame, boxes in tracked:
        if stretch_of(frame.index) != stretch:
            yield from waiting.rest()
            stretch = stretch_of(frame.index)
        if frame.index % work.config.segmentation.every == 0:
            yield from waiting.add(_cut(frame, boxes, work, waiting.wants(boxes)), frame.index)
        if crop_poses is not None:
            crop_poses(frame, boxes)
    yield from waiting.rest()


def _pose_crops(
    estimator: PoseEstimator, poses: PoseBuilder, work: Extraction, beside: ExitStack
) -> Callable[[Frame, TrackedBoxes], None]:
    """A function to call with every frame, so that its people's joints are in `poses` once `beside` is closed."""
    config = work.config

    def estimate(crops: Iterator[PoseCrop]) -> None:
        for batch in batches(crops, config.pose.batch, lambda crop: config.tracking.stretch_of(crop.frame_index)):
            with work.meter.time("pose", crops=len(batch)):
                joints = estimator.estimate(stack_crops(batch))
            for crop, found in zip(batch, joints, strict=True):
                poses.add(crop.track_id, crop.frame_index, crop.to_frame(found))

    hand_over = beside.enter_context(aside(estimate, 2 * config.pose.batch, "pose"))

    def crop(frame: Frame, tracked: TrackedBoxes) -> None:
        with work.meter.time("crop"):
            crops = cut_poses(frame, tracked, config.pose, estimator.view)
        for one in crops:
            hand_over(one)

    return crop


# The last: joints 17×3 in frame pixels, of a segmenter that finds them.
Cut = tuple[PersonCrop, Silhouette, FloatArray | None]


def _cut_out(crops: Iterator[PersonCrop], work: Extraction) -> Generator[Cut, None, None]:
    """The finished silhouettes of crops, in their order."""
    with closing(ahead(_segmented(crops, work), BATCHES_AHEAD, "segment")) as answers:
        for batch, segmented in answers:
            with work.meter.time("silhouette", crops=len(batch)):
                silhouettes = finish(batch, segmented, work.config.segmentation)
            work.meter.add("silhouette", usable=sum(silhouette.aligned is not None for silhouette in silhouettes))
            for number, (person, silhouette) in enumerate(zip(batch, silhouettes, strict=True)):
                joints = None
                if segmented.joints is not None and person.crop and person.frame_index % work.config.pose.every == 0:
                    joints = person.crop.to_frame(segmented.joints[number])
                yield person, silhouette, joints


def _cut_out_enough(due: Iterator[Due], enough: int, work: Extraction) -> Generator[Cut, None, None]:
    """The silhouettes of one track after another, in the order of the frames, until enough of them are usable."""
    for one in due:
        chosen, spare, found = one.first, one.spare, list[Cut]()
        while chosen:
            found += _cut_out(iter(chosen), work)
            missing = enough - sum(silhouette.aligned is not None for _, silhouette, _ in found)
            chosen, spare = spread(spare, missing) if missing > 0 else ([], [])
        yield from sorted(found, key=lambda cut: cut[1].frame_index)


def _segmented(crops: Iterator[PersonCrop], work: Extraction) -> Iterator[tuple[list[PersonCrop], Segmented]]:
    stretch_of = work.config.tracking.stretch_of
    for batch in batches(crops, work.config.segmentation.batch, lambda crop: stretch_of(crop.frame_index)):
        with work.meter.time("segment", crops=len(batch)):
            segmented = work.networks.segmenter.segment(np.stack([crop.image for crop in batch]))
        work.bars.advance("segmentation", len(batch))
        yield batch, segmented


def _keep_rgb(person: PersonCrop, silhouette: Silhouette, video: str, rgb: RGBBuilder, work: Extraction) -> None:
    """Write the crop of a usable silhouette, and remove those that are too many by now."""
    if person.rgb is None or person.crop is None:
        return
    track_id = person.track_id
    with work.meter.time("write", crops=1):
        write_bytes(work.folder.crop(video, track_id, person.frame_index), person.rgb.jpeg)
        body = body_in_crop(silhouette.mask, person.crop, person.box)
        for frame in rgb.add(track_id, person.frame_index, person.rgb.ratio, body):
            work.folder.remove(work.folder.crop(video, track_id, frame))


def _write_silhouette(silhouette: Silhouette, video: str, work: Extraction) -> None:
    path = work.folder.silhouette(video, silhouette.track_id, silhouette.frame_index)
    with work.meter.time("write", silhouettes=1):
        write_bytes(path, cv2.imencode(".png", silhouette.mask, PNG_FAST)[1].tobytes())
