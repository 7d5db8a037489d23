"""Synthetic walkers as a data set in OpenGait's layout: root/<id>/<type>/<view>/<view>.pkl and a partition file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.config import DEFAULT_PROFILE, SegmentationConfig
from pipeline.extraction.networks import find_checkpoints
from pipeline.profiles import load_config
from pipeline.research.synth.body import draw_outfit
from pipeline.research.synth.camera import Shot, draw_shot, draw_side, look_at, turned
from pipeline.research.synth.outlines import Outlines
from pipeline.research.synth.painting import draw_looks, draw_street, paint_shadow, paint_street, paint_walker
from pipeline.research.synth.silhouette import (
    SyntheticSequence,
    facing_right,
    fill,
    film_outlines,
    person,
    sequences,
    varied_sequence,
)
from pipeline.research.training.data.dataset import sample_path, write_partition, write_sample
from pipeline.research.training.data.processes import in_processes
from pipeline.segmentation import Segmenter, open_segmenter
from pipeline.segmentation.sequences import Silhouette, cut_people, finish
from pipeline.types import SILHOUETTE_HEIGHT, SILHOUETTE_WIDTH, FloatArray, Frame, Image, TrackedBoxes

Floats = NDArray[np.float64]

PARTITION = "partition.json"
TEST_SHARE = 0.1  # of the people, the last ones
ATTEMPTS = 3  # cameras that are tried for a walk that the segmenter cannot make out
KINDS = ("nm", "nm", "bg", "nm", "cl")  # taken in turn
VARIED = ("nm", "cl", "bg", "cl", "nm", "bg", "cl", "nm")
AROUND = 0.5  # of the person's height, beside the walker on each side of the picture: all that a segmenter is shown
LEAST_USABLE = 0.5  # of the frames


@dataclass(frozen=True, slots=True)
class Plan:
    """What to write. sequences: per person, frames: per sequence.

    segmented: share of the walks that a real segmenter, the light profile's, cuts out of pictures; checkpoints: a
    folder to search for it. varied: walks of one person are seen from sides up to 150° apart, most with bags or coats;
    every second picture counts, faults are milder, everybody walks to the right.
    """

    root: Path
    people: int
    seed: int
    sequences: int = 10
    frames: int = 30
    segmented: float = 0.0
    checkpoints: Path | None = None
    varied: bool = False


def write_dataset(plan: Plan, workers: int = 1) -> Iterator[str]:
    """Write every person and last the partition; yields each identity as it is done.

    Bytes depend on the plan only, and, where a segmenter takes part, on how this machine rounds.
    Raises CheckpointError where its weights are not at hand.
    """
    names = [f"{index:05d}" for index in range(1, plan.people + 1)]
    yield from in_processes(partial(_write_person, plan), names, workers)
    test = max(1, round(TEST_SHARE * plan.people)) if plan.people > 1 else 0
    write_partition(plan.root / PARTITION, names[: plan.people - test], names[plan.people - test :])


def _write_person(plan: Plan, name: str) -> str:
    written = dict.fromkeys(KINDS, 0)
    for walk in _walks(plan, int(name)):
        written[walk.kind] += 1
        kind = f"{walk.kind}-{written[walk.kind]:02d}"
        write_sample(sample_path(plan.root, name, kind, f"{walk.view:03d}"), walk.masks)
    return name


def _walks(plan: Plan, number: int) -> Iterator[SyntheticSequence]:
    for index, walk in enumerate(_drawn(plan, number)):
        turn = int((index + 1) * plan.segmented) > int(index * plan.segmented)
        yield (_try_cameras(plan, number, index, walk.kind) if turn else None) or walk


def _drawn(plan: Plan, number: int) -> Iterator[SyntheticSequence]:
    if not plan.varied:
        yield from sequences((plan.seed, number), plan.sequences, plan.frames, KINDS)
        return
    who, side = person((plan.seed, number)), _side(plan, number)
    for index in range(plan.sequences):
        rng = np.random.default_rng([plan.seed, number, index + 1])
        yield varied_sequence(who, VARIED[index % len(VARIED)], plan.frames, side, rng)


def _side(plan: Plan, number: int) -> float:
    return draw_side(np.random.default_rng([plan.seed, number, plan.sequences + 1]))


def _try_cameras(plan: Plan, number: int, index: int, kind: str) -> SyntheticSequence | None:
    """A walk as the segmenter sees it; None where it can make it out from no camera that was tried."""
    segmenter, config = light_segmenter(plan.checkpoints)
    who = person((plan.seed, number))
    for attempt in range(1, ATTEMPTS + 1):
        rng = np.random.default_rng([plan.seed, number, index + 1, attempt])
        outfit, shot = draw_outfit(rng, kind), draw_shot(rng)
        if plan.varied:
            shot = turned(shot, _side(plan, number), rng)
        shapes = film_outlines(who, outfit, shot, plan.frames, rng, detail=True)
        silhouettes, _ = segment_walk(shapes, shot, (segmenter, config), rng)
        masks = _without_gaps(silhouettes)
        if masks is not None:
            masks = facing_right(masks, shot) if plan.varied else masks
            return SyntheticSequence(masks, kind, shot, outfit)
    return None


@cache
def light_segmenter(checkpoints: Path | None) -> tuple[Segmenter, SegmentationConfig]:
    """Opened once a process, on one thread: each process works on people of its own."""
    config = load_config(DEFAULT_PROFILE, ["runtime.threads=1"])
    card = find_checkpoints(config, checkpoints, ["segmenter"])["segmenter"]
    return open_segmenter(config.segmentation, config.runtime, card), config.segmentation


@dataclass(frozen=True, slots=True)
class Film:
    """What a camera and its compression do to a picture.

    grey: without colours; contrast: about the middle grey; blur: pixels; noise: grey levels; quality: JPEG's.
    """

    grey: bool
    contrast: float
    blur: float
    noise: float
    quality: int


def draw_film(rng: np.random.Generator) -> Film:
    """A camera for a new walk."""
    return Film(
        grey=bool(rng.random() < 0.35),
        contrast=float(rng.uniform(0.7, 1.2)),
        blur=float(rng.uniform(0.3, 0.7)),
        noise=float(rng.uniform(0.5, 4)),
        quality=int(rng.integers(60, 97)),
    )


def segment_walk(
    shapes: Outlines, shot: Shot, by: tuple[Segmenter, SegmentationConfig], rng: np.random.Generator
) -> tuple[list[Silhouette], list[FloatArray | None]]:
    """One walk as a segmenter sees it: silhouettes, and joints (17×3, pixels) where it finds any.

    The best model of a segmenter's faults is the segmenter itself. Every walk is filmed alone before a made-up street,
    at the size and with the colours, blur, noise and compression of surveillance video, and goes through the pipeline's
    own cutting, segmentation and cleaning.
    """
    shapes, size = _in_picture(shapes)
    return _cut_out(_pictures(shapes, size, shot, rng), shapes.box(), by, rng)


def _in_picture(shapes: Outlines) -> tuple[Outlines, tuple[int, int]]:
    """Moved so that the picture's corner is its origin; and the picture's width and height."""
    boxes = shapes.box()
    room = AROUND * float((boxes[:, 3] - boxes[:, 1]).mean())
    corner = boxes[:, :2].min(axis=0) - room
    width, height = np.ceil(boxes[:, 2:].max(axis=0) + room - corner).astype(int)
    return shapes.map(lambda points: points - corner), (int(width), int(height))


def _pictures(shapes: Outlines, size: tuple[int, int], shot: Shot, rng: np.random.Generator) -> list[Image]:
    """Every picture of the walk; the street passes by behind."""
    width, height = size
    looks, camera = draw_looks(rng, rng), draw_film(rng)
    distance = float(rng.uniform(5, 12))
    place = np.array([rng.uniform(0, 20), -distance, rng.uniform(1.2, 4.0)])
    street_view = look_at(place, np.array([[place[0] + rng.uniform(-3, 3), 0.0, 0.9]]), shot.height_px * distance / 1.7)
    passing = float(rng.uniform(-1, 1) * 0.03 * shot.height_px)  # pixels a frame
    count = len(shapes.joints)
    margin = int(abs(passing) * count) + 2
    backdrop = paint_street(draw_street(rng), street_view, width, height, margin, rng)
    mask = fill(shapes, max(width, height))
    sunny = rng.random() < 0.4
    found = []
    for frame in range(count):
        left = margin + round(passing * (frame - count / 2))
        picture = backdrop[margin : margin + height, left : left + width].copy()
        if sunny:
            paint_shadow(picture, shapes, frame)
        paint_walker(picture, mask[frame, :height, :width], shapes, frame, looks)
        found.append(_expose(picture, camera, rng))
    return found


def _expose(picture: Image, camera: Film, rng: np.random.Generator) -> Image:
    """As the video has it."""
    if camera.grey:
        picture = cv2.cvtColor(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
    soft = cv2.GaussianBlur(picture, (0, 0), camera.blur).astype(np.float32)
    grain = rng.normal(0, camera.noise, picture.shape[:2]).astype(np.float32)
    seen = np.clip(128 + camera.contrast * (soft - 128) + grain[..., None], 0, 255).astype(np.uint8)
    coded = cv2.imencode(".jpg", seen, [cv2.IMWRITE_JPEG_QUALITY, camera.quality])[1]
    return np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), np.uint8)


def _cut_out(
    pictures: list[Image], boxes: Floats, by: tuple[Segmenter, SegmentationConfig], rng: np.random.Generator
) -> tuple[list[Silhouette], list[FloatArray | None]]:
    """Cut by boxes as a tracker gives them, segmented, cleaned, aligned; and the joints in pixels of the picture."""
    segmenter, config = by
    height = (boxes[:, 3] - boxes[:, 1])[:, None]
    loose = rng.normal(0.03, 0.03, 4) * np.array([-1, -1, 1, 1])  # how the detector likes its boxes
    seen = boxes + height * (loose + 0.012 * rng.standard_normal(boxes.shape))
    crops = [
        crop
        for index, (picture, box) in enumerate(zip(pictures, seen.astype(np.float32), strict=True))
        for crop in cut_people(
            Frame(index, index / 25, picture),
            TrackedBoxes(index, np.array([1], np.int64), box[None], np.ones(1, np.float32)),
            config,
            segmenter.view,
        )
    ]
    segmented = segmenter.segment(np.stack([crop.image for crop in crops]))
    joints = [None] * len(crops) if segmented.joints is None else segmented.joints
    placed = [
        None if crop.crop is None or found is None else crop.crop.to_frame(found)
        for crop, found in zip(crops, joints, strict=True)
    ]
    return finish(crops, segmented, config), placed


def _without_gaps(silhouettes: list[Silhouette]) -> NDArray[np.uint8] | None:
    """T×64×44, a frame that is not usable as the one before; None where too few are."""
    usable = [silhouette.aligned for silhouette in silhouettes if silhouette.aligned is not None]
    if len(usable) < LEAST_USABLE * len(silhouettes):
        return None
    masks = np.zeros((len(silhouettes), SILHOUETTE_HEIGHT, SILHOUETTE_WIDTH), np.uint8)
    last = usable[0]
    for frame, silhouette in enumerate(silhouettes):
        last = last if silhouette.aligned is None else silhouette.aligned
        masks[frame] = last
    return masks
