"""What of a picture is not background: a difference in terms of noise, without shadows and the camera's shake."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.background.align import Aligner, Motion, pixelwise, still
from pipeline.background.learn import Scene
from pipeline.types import FloatArray, Image

WINDOW = 5  # px: differences are judged over so many pixels a side
SLOPE = 0.6  # standard deviations beyond the threshold at which the odds are e to 1
SHADOW = (0.40, 0.55, 1.06, 1.25)  # of the background's brightness: shadows and glare lie between the inner two
MISALIGNED = 0.2, 0.35  # px: what edges seem to move by compression, and after a shake was compensated
GAIN_STEP = 8  # every so many pixels a side tell how the exposure has changed
LARGEST_GAIN = 1.3
LIMIT = 2.0  # of the squared threshold: half a window of persons is as good as half a window of background

_CHANNELS = np.ones((1, 3), np.float32)


@dataclass(frozen=True, slots=True)
class Foreground:
    """likely: H×W uint8, 255 × the probability that a pixel shows somebody; motion: the camera's, None where lost."""

    likely: NDArray[np.uint8]
    motion: Motion | None


class Subtractor:
    """Compares the pictures of one video with its empty scene, one after another."""

    def __init__(
        self, scene: Scene, steady: bool, threshold: float = 3.2, shadows: bool = True, unseen: int = 0
    ) -> None:
        """steady: the camera does not move at all. threshold: difference, in standard deviations of the noise, at which
        a pixel is as likely person as background. shadows: take what only darkens the background for a shadow. unseen:
        the foreground where the empty scene was never seen, since the camera shakes.
        """
        self._threshold, self._shadows, self._unseen = np.float32(threshold), shadows, unseen
        grey = cv2.cvtColor(np.clip(scene.mean, 0, 255).astype(np.uint8), cv2.COLOR_BGR2GRAY)
        self._aligner = None if steady else Aligner(np.asarray(grey, np.uint8))
        self._motion = still()
        variance = _variance(scene, MISALIGNED[0] if steady else MISALIGNED[1])
        self._mean, self._weight = scene.mean, np.asarray(1 / variance, np.float32)
        self._outside: NDArray[np.bool_] = np.zeros(scene.mean.shape[:2], np.bool_)

    def compare(self, picture: Image) -> Foreground:
        """The foreground of the next picture, of the scene's size."""
        if self._aligner is None:
            motion: Motion | None = still()
            mean, weight, outside = self._mean, self._weight, self._outside
        else:
            motion = self._aligner.motion(np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), np.uint8), self._motion)
            self._motion = self._motion if motion is None else motion
            mean, weight, outside = self._moved()
        likely = self._likely(picture.astype(np.float32), mean, weight)
        likely[outside] = self._unseen
        return Foreground(likely, motion)

    def _moved(self) -> tuple[FloatArray, FloatArray, NDArray[np.bool_]]:
        """Mean, weight and what they say nothing about, as the camera sees them now."""
        size, motion = self._mean.shape[1::-1], pixelwise(self._motion)
        border = cv2.BORDER_REPLICATE
        mean = cv2.warpAffine(self._mean, motion, size, flags=cv2.INTER_CUBIC, borderMode=border)
        weight = cv2.warpAffine(self._weight, motion, size, flags=cv2.INTER_LINEAR, borderMode=border)
        inside = cv2.warpAffine(np.ones(weight.shape, np.uint8), motion, size, flags=cv2.INTER_NEAREST)
        inside = cv2.erode(inside, np.ones((WINDOW, WINDOW), np.uint8), borderType=cv2.BORDER_CONSTANT, borderValue=1)
        return np.asarray(mean, np.float32), np.asarray(weight, np.float32), np.asarray(inside == 0, np.bool_)

    def _likely(self, picture: FloatArray, mean: FloatArray, weight: FloatArray) -> NDArray[np.uint8]:
        """255 × the probability of foreground, H×W.

        With picture I, background B and weights 1/variance: how far is a pixel from B, and how far from αB, that darker
        or lighter copy of B which fits best around it? Within the range of α of shadows the smaller distance counts.
        Distances are limited before they are averaged, so that strong ones do not reach beyond the person's outline.
        """
        mean = np.asarray(cv2.multiply(mean, (*_gain(picture, mean), 0.0)), np.float32)
        changed = _distance(picture, mean, weight)
        if self._shadows:
            own, both = _around(mean, mean, weight), _around(picture, mean, weight)
            alpha: FloatArray = np.asarray(both / np.maximum(own, np.float32(1e-6)), np.float32)
            shaded = _distance(picture, cv2.multiply(mean, cv2.merge([alpha, alpha, alpha])), weight)
            changed += _shadowness(alpha) * (np.minimum(shaded, changed) - changed)
        limit = float(LIMIT * self._threshold**2)
        changed = cv2.blur(cv2.min(changed, limit), (WINDOW, WINDOW))
        odds = cv2.exp((self._threshold - cv2.sqrt(changed)) * np.float32(1 / SLOPE))
        return np.asarray(np.round(255 / (1 + odds)), np.uint8)


def _variance(scene: Scene, misaligned: float) -> FloatArray:
    """Of a pixel, the mean of the channels, H×W: its noise, and what a shift by `misaligned` pixels does to it."""
    across, down = cv2.Sobel(scene.mean, cv2.CV_32F, 1, 0), cv2.Sobel(scene.mean, cv2.CV_32F, 0, 1)
    shifted = (misaligned / 8) ** 2 * (across**2 + down**2)  # Sobel's sum is 8 times the slope
    return np.asarray((scene.noise**2 + shifted).mean(axis=2), np.float32)


def _distance(first: FloatArray, second: FloatArray, weight: FloatArray) -> FloatArray:
    """Squared difference of two pictures in noise, summed over the channels, H×W."""
    off = cv2.subtract(first, second)
    return np.asarray(cv2.multiply(cv2.transform(cv2.multiply(off, off), _CHANNELS), weight), np.float32)


def _around(first: FloatArray, second: FloatArray, weight: FloatArray) -> FloatArray:
    """Products summed over the channels, weighted, and averaged over the window."""
    product = cv2.transform(cv2.multiply(first, second), _CHANNELS)
    return np.asarray(cv2.blur(cv2.multiply(product, weight), (WINDOW, WINDOW)), np.float32)


def _shadowness(alpha: FloatArray) -> FloatArray:
    """1 where the brightness is a shadow's, 0 where it is too dark or too light for one, in between linear."""
    darkest, dark, light, lightest = (np.float32(value) for value in SHADOW)
    rising, falling = (alpha - darkest) / (dark - darkest), (lightest - alpha) / (lightest - light)
    return np.asarray(np.clip(np.minimum(rising, falling), 0, 1), np.float32)


def _gain(picture: FloatArray, mean: FloatArray) -> tuple[float, float, float]:
    """By how much each channel is lighter than the background, told by the median pixel."""
    few = (slice(GAIN_STEP // 2, None, GAIN_STEP), slice(GAIN_STEP // 2, None, GAIN_STEP))
    ratio = (picture[few] + 1) / (np.maximum(mean[few], 0) + 1)
    if not ratio.size:
        return 1.0, 1.0, 1.0
    blue, green, red = np.clip(np.median(ratio.reshape(-1, 3), axis=0), 1 / LARGEST_GAIN, LARGEST_GAIN).tolist()
    return blue, green, red
