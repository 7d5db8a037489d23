"""What every pixel looks like when nobody is there, and how much it changes by itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.types import FloatArray, Image

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
        stack = np.stack([sample[rows] for sample in samples], axis=-1)  # sorted along contiguous memory
        mean[rows], noise[rows] = _shortest(stack)
    # The length of so few samples is uncertain by a third: neighbours have much the same noise.
    noise = np.asarray(cv2.blur(noise, (5, 5)), np.float32)
    return Scene(mean, np.clip(noise, QUIETEST, LOUDEST))


def _shortest(values: NDArray[np.uint8]) -> tuple[FloatArray, FloatArray]:
    """Mean and standard deviation of the background's values, from …×N."""
    count = values.shape[-1]
    inside = max(2, round(SHARE * count))
    ordered = np.sort(values, axis=-1).astype(np.int16)
    lengths = ordered[..., inside - 1 :] - ordered[..., : count - inside + 1]
    shortest = lengths.min(axis=-1, keepdims=True)
    # Values are whole numbers, so that many intervals are equally short: the middle one of them.
    is_shortest = lengths == shortest
    rank = np.cumsum(is_shortest, axis=-1)
    begin = np.argmax(rank >= (rank[..., -1:] + 1) // 2, axis=-1)
    sums = np.concatenate(
        [np.zeros((*values.shape[:-1], 1), np.int32), np.cumsum(ordered, axis=-1, dtype=np.int32)], -1
    )
    total = np.take_along_axis(sums, begin[..., None] + inside, -1) - np.take_along_axis(sums, begin[..., None], -1)
    mean = (total[..., 0] / inside).astype(np.float32)
    noise = ((shortest[..., 0] + 1) / NORMAL).astype(np.float32)  # + 1: whole numbers hide up to one level
    return mean, noise
