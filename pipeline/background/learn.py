"""The empty scene of a video, learnt from pictures spread over it, of a camera that stands still or nearly so."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.background.align import (
    LARGEST_SIDE,
    Aligner,
    Grey,
    Motion,
    farthest,
    pixelwise,
    pyramid_of,
    resize_motion,
    still,
)
from pipeline.types import FloatArray, Frame, Image

SAMPLES = 40  # at least, if the video has as many frames; less than twice as many
FEWEST = 8  # below, nothing can be learnt
LARGEST = 1280 * 720  # pixels; larger pictures are shrunk
ROUNDS = 2  # of aligning to the empty scene and learning it again
UNMOVED = 0.05  # px, where pictures are aligned: below, there is nothing to compensate
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


def shrink(image: Image) -> Image:
    """The picture at the size that it is compared at."""
    height, width = image.shape[:2]
    return _scaled(image, (LARGEST / (height * width)) ** 0.5)


def sample_while_reading(frames: Iterable[Frame]) -> Iterator[tuple[Frame, list[Image]]]:
    """Yield every frame, with the samples so far: evenly spread over a video of any length, shrunk, the first too."""
    kept: list[Image] = []
    step = 1
    for position, frame in enumerate(frames):
        if position % step == 0:
            kept.append(shrink(frame.image))
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
        back = [None if motion is None else resize_motion(motion, 1 / min(scale, 1.0)) for motion in motions]
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
    pyramids = [pyramid_of(_grey(sample)) for sample in small]
    for attempt in range(1 + ROUNDS):
        aligner = Aligner(_grey(reference))
        found = [aligner.motion(pyramid) for pyramid in pyramids]
        if all(motion is not None and farthest(motion, *reference.shape[:2]) < UNMOVED for motion in found):
            return None
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


SHARE = 1 / 3  # of the samples that have to show the background, the same within noise
NORMAL = 0.8615  # length of the shortest interval with a third of a normal distribution, in standard deviations
QUIETEST = 1.5  # levels of 255: the noise is never less (rounding, compression)
LOUDEST = 12.0  # … and never more, or people would hide in what flickers
BAND = 64  # rows worked on at a time


@dataclass(frozen=True, slots=True)
class Scene:
    """The empty scene: mean H×W×3 float32 BGR in 0–255, noise H×W×3 float32, the standard deviation in levels."""

    mean: FloatArray
    noise: FloatArray


def empty_scene(samples: Sequence[Image]) -> Scene:
    """The scene behind people who come and go, from aligned pictures of equal size spread over a video.

    For each pixel and channel: the shortest interval of values that holds a third of the samples. Its mean is the
    background, its length the noise. Unlike a median it is right where somebody stands for most of the time, as long
    as nobody looks the same for longer than the background does. (The "shorth", with a third for a half: Andrews et
    al., Robust Estimates of Location, 1972.) Raises ValueError for fewer than three samples.
    """
    if len(samples) < 3:
        raise ValueError(f"a background needs at least 3 samples, got {len(samples)}")
    height, width = samples[0].shape[:2]
    mean, noise = np.empty((height, width, 3), np.float32), np.empty((height, width, 3), np.float32)
    for top in range(0, height, BAND):
        rows = slice(top, top + BAND)
        mean[rows], noise[rows] = _shortest(np.stack([sample[rows] for sample in samples]))
    # The length of so few samples is uncertain by a third: neighbours have much the same noise.
    noise = np.asarray(cv2.blur(noise, (5, 5)), np.float32)
    return Scene(mean, np.clip(noise, QUIETEST, LOUDEST))


def _shortest(values: NDArray[np.uint8]) -> tuple[FloatArray, FloatArray]:
    """Mean and standard deviation of the background's values, from N×…, which are put in order."""
    count = len(values)
    inside = max(2, round(SHARE * count))
    _sort(values)
    lengths = values[inside - 1 :] - values[: count - inside + 1]
    shortest = lengths.min(axis=0)
    # Values are whole numbers, so that many intervals are equally short: the middle one of them.
    is_shortest = lengths == shortest
    left = (is_shortest.sum(axis=0, dtype=np.int16) + 1) // 2
    total = values[:inside].sum(axis=0, dtype=np.int32)
    chosen = np.zeros_like(total)
    for begin, here in enumerate(is_shortest):
        left -= here
        np.copyto(chosen, total, where=here & (left == 0))
        if begin + inside < count:
            total += values[begin + inside]
            total -= values[begin]
    mean = (chosen / inside).astype(np.float32)
    noise = ((shortest.astype(np.int16) + 1) / NORMAL).astype(np.float32)  # + 1: whole numbers hide up to one level
    return mean, noise


def _sort(values: NDArray[np.uint8]) -> None:
    """Sort along the first axis, in place: ten times as fast as numpy, which sorts one pixel after another."""
    lesser = np.empty_like(values[0])
    for low, high in _exchanges(len(values)):
        np.minimum(values[low], values[high], out=lesser)
        np.maximum(values[low], values[high], out=values[high])
        values[low] = lesser


@cache
def _exchanges(count: int) -> list[tuple[int, int]]:
    """Which two of `count` values to put in order, one pair after another (Batcher's merge exchange: Knuth, 5.2.2M)."""
    pairs = []
    top = 1 << max(count - 1, 1).bit_length() - 1
    part = top
    while part:
        step, other, apart = top, 0, part
        while apart:
            pairs += [(low, low + apart) for low in range(count - apart) if low & part == other]
            apart, step, other = step - part, step >> 1, part
        part >>= 1
    return pairs
