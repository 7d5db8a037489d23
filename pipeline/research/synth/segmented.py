"""Silhouettes of walkers who do not exist, as a real segmenter cuts them out: painted small, blurred, and segmented.

The best model of a segmenter's faults is the segmenter itself. Every walk is filmed alone before a made-up street, at
the size and with the colours, blur, noise and compression of surveillance video, and goes through the pipeline's own
cutting, segmentation and cleaning.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.config import SegmentationConfig
from pipeline.research.synth.backdrop import draw_street, paint_street
from pipeline.research.synth.body import draw_outfit
from pipeline.research.synth.camera import Shot, draw_shot, look
from pipeline.research.synth.outlines import Outlines
from pipeline.research.synth.painting import draw_looks, paint_shadow, paint_walker
from pipeline.research.synth.silhouette import Person, SyntheticSequence, fill, filmed
from pipeline.segmentation import Segmenter
from pipeline.segmentation.sequences import cut_people, finish
from pipeline.types import SILHOUETTE_HEIGHT, SILHOUETTE_WIDTH, Frame, Image, TrackedBoxes

Floats = NDArray[np.float64]

AROUND = 0.5  # of the person's height, beside the walker on each side of the picture: all that a segmenter is shown
LEAST_USABLE = 0.5  # of the frames


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


def segmented_sequence(
    who: Person,
    kind: str,
    frames: int,
    rng: np.random.Generator,
    segmenter: Segmenter,
    config: SegmentationConfig,
    view: str | None = None,
) -> SyntheticSequence | None:
    """One walk of a person as `segmenter` sees it; None where too few frames could be used.

    view: side, oblique or along; drawn by default. A frame that could not be used repeats the one before.
    """
    outfit, shot = draw_outfit(rng, kind), draw_shot(rng, view)
    shapes, size = _in_picture(filmed(who, outfit, shot, frames, rng, detail=True))
    pictures = _pictures(shapes, size, shot, rng)
    masks = _cut_out(pictures, shapes.box(), segmenter, config, rng)
    if masks is None:
        return None
    return SyntheticSequence(masks, kind, round(float(np.rad2deg(shot.azimuth))) % 360, shot, outfit)


def _in_picture(shapes: Outlines) -> tuple[Outlines, tuple[int, int]]:
    """Moved so that the picture's corner is its origin; and the picture's width and height."""
    boxes = shapes.box()
    room = AROUND * float((boxes[:, 3] - boxes[:, 1]).mean())
    corner = boxes[:, :2].min(axis=0) - room
    width, height = np.ceil(boxes[:, 2:].max(axis=0) + room - corner).astype(int)
    parts = tuple(replace(part, points=part.points - corner) for part in shapes.parts)
    return Outlines(parts, shapes.joints - corner), (int(width), int(height))


def _pictures(shapes: Outlines, size: tuple[int, int], shot: Shot, rng: np.random.Generator) -> list[Image]:
    """Every picture of the walk; the street passes by behind."""
    width, height = size
    looks, camera = draw_looks(rng, rng), draw_film(rng)
    distance = float(rng.uniform(5, 12))
    place = np.array([rng.uniform(0, 20), -distance, rng.uniform(1.2, 4.0)])
    street_view = look(place, np.array([[place[0] + rng.uniform(-3, 3), 0.0, 0.9]]), shot.height_px * distance / 1.7)
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
        found.append(_exposed(picture, camera, rng))
    return found


def _exposed(picture: Image, camera: Film, rng: np.random.Generator) -> Image:
    """As the video has it."""
    if camera.grey:
        picture = cv2.cvtColor(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
    soft = cv2.GaussianBlur(picture, (0, 0), camera.blur).astype(np.float32)
    grain = rng.normal(0, camera.noise, picture.shape[:2]).astype(np.float32)
    seen = np.clip(128 + camera.contrast * (soft - 128) + grain[..., None], 0, 255).astype(np.uint8)
    coded = cv2.imencode(".jpg", seen, [cv2.IMWRITE_JPEG_QUALITY, camera.quality])[1]
    return np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), np.uint8)


def _cut_out(
    pictures: list[Image], boxes: Floats, segmenter: Segmenter, config: SegmentationConfig, rng: np.random.Generator
) -> NDArray[np.uint8] | None:
    """T×64×44: cut by boxes as a tracker gives them, segmented, cleaned, aligned."""
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
            segmenter.crop_size,
        )
    ]
    silhouettes = finish(crops, segmenter.segment(np.stack([crop.image for crop in crops])), config)
    usable = [silhouette.aligned for silhouette in silhouettes if silhouette.aligned is not None]
    if len(usable) < LEAST_USABLE * len(pictures):
        return None
    masks = np.zeros((len(pictures), SILHOUETTE_HEIGHT, SILHOUETTE_WIDTH), np.uint8)
    last = usable[0]
    for frame, silhouette in enumerate(silhouettes):
        last = last if silhouette.aligned is None else silhouette.aligned
        masks[frame] = last
    return masks
