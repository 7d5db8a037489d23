"""Learn the empty scene of a video from pictures spread over it, taken by a camera that stands still or nearly so."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from pipeline.background.align import LARGEST_SIDE, Aligner, Grey, Motion, pixelwise, resized, still
from pipeline.background.model import LOUDEST, Scene, empty_scene
from pipeline.types import Frame, Image

SAMPLES = 40  # at least, if the video has as many frames; less than twice as many
FEWEST = 8  # below, nothing can be learnt
LARGEST = 1280 * 720  # pixels; larger pictures are shrunk
ROUNDS = 2  # of aligning to the empty scene and learning it again
BETTER = 0.97  # a camera that seems to move is believed where that brings the noise below this share


@dataclass(frozen=True, slots=True)
class Learned:
    """What the samples tell, at the size that pictures are compared at.

    steady: the camera stands still. restless: share of the picture that is never the same for long (leaves in the
    wind, water; most of it where a moving camera cannot be compensated).
    """

    scene: Scene
    steady: bool
    restless: float


def shrunk(image: Image) -> Image:
    """The picture at the size that it is compared at."""
    height, width = image.shape[:2]
    return _scaled(image, (LARGEST / (height * width)) ** 0.5)


def spread(frames: Iterable[Frame]) -> Iterator[tuple[Frame, list[Image]]]:
    """Yield every frame, with the samples so far: evenly spread over a video of any length, shrunk, the first too."""
    kept: list[Image] = []
    step = 1
    for position, frame in enumerate(frames):
        if position % step == 0:
            kept.append(shrunk(frame.image))
            if len(kept) == 2 * SAMPLES:
                kept = kept[::2]
                step *= 2
        yield frame, kept


def learn(samples: Sequence[Image]) -> Learned:
    """The scene behind the people in at least three samples of equal size."""
    scale = LARGEST_SIDE / max(samples[0].shape)
    motions = _shakes([_scaled(sample, scale) for sample in samples])
    steady = motions is None
    if motions is not None:
        back = [None if motion is None else resized(motion, 1 / min(scale, 1.0)) for motion in motions]
        samples = _upright(samples, back)
    scene = empty_scene(samples)
    return Learned(scene, steady, float(np.mean(scene.noise >= LOUDEST)))


def _shakes(small: Sequence[Image]) -> list[Motion | None] | None:
    """The camera's motion in each sample (None where it cannot be told), or None at all where it does not move."""
    fixed = empty_scene(small)
    best = fixed
    motions: list[Motion | None] = [still() for _ in small]
    # First against one of the samples, in case that the shakes are too large; then against the scene without people.
    reference = small[len(small) // 2]
    for attempt in range(1 + ROUNDS):
        aligner = Aligner(_grey(reference))
        found = [aligner.motion(_grey(sample)) for sample in small]
        aligned = _upright(small, found)
        if len(aligned) >= FEWEST:
            scene = empty_scene(aligned)
            if attempt or _noise(scene) < _noise(fixed):
                best, motions = scene, found
        reference = np.asarray(np.clip(best.mean, 0, 255), np.uint8)
    return motions if _noise(best) < BETTER * _noise(fixed) else None


def _upright(samples: Sequence[Image], motions: Sequence[Motion | None]) -> list[Image]:
    """The samples as a camera that stands still would have taken them, without those that cannot be aligned."""
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    return [
        np.asarray(
            cv2.warpAffine(s, pixelwise(m), s.shape[1::-1], flags=flags, borderMode=cv2.BORDER_REPLICATE), np.uint8
        )
        for s, m in zip(samples, motions, strict=True)
        if m is not None
    ]


def _scaled(image: Image, scale: float) -> Image:
    if scale >= 1:
        return image
    size = max(round(image.shape[1] * scale), 1), max(round(image.shape[0] * scale), 1)
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


def _grey(image: Image) -> Grey:
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), np.uint8)


def _noise(scene: Scene) -> float:
    return float(np.sqrt(np.mean(scene.noise**2)))
