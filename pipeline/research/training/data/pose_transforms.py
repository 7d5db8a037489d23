"""What is done to the poses of a walk, T×V×3 (x, y, confidence) of V joints, before a network sees them.

Reference: golden/transforms_sampling (OpenGait data/transform.py, from GaitGraph2's), equal under the same seeds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import ConfigError
from pipeline.profiles import nearest
from pipeline.research.training.data.draws import Draws

MIRRORED: Mapping[str, Sequence[int]] = {
    "coco": (0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15),
    "OUMVLP": (0, 1, 5, 6, 7, 2, 3, 4, 11, 12, 13, 8, 9, 10, 15, 14, 17, 16),
}
"""For each joint, the one of the other side of the body."""

TOWARDS_CENTRE: Mapping[str, Sequence[int]] = {
    "coco": (5, 0, 0, 1, 2, 0, 0, 5, 6, 7, 8, 5, 6, 11, 12, 13, 14),
    "OUMVLP": (1, 1, 1, 2, 3, 1, 5, 6, 2, 8, 9, 5, 11, 12, 0, 0, 14, 15),
}
"""For each joint, the other end of its bone."""

_ALIASES = {"alphapose": "OUMVLP", "openpose": "OUMVLP", "oumvlp": "OUMVLP", "OUMVLP": "OUMVLP", "coco": "coco"}
LIMBS = (6, 8, 14, 12, 7, 13, 5, 10, 16, 11, 9, 15)
"""The twelve joints of arms and legs that MSGG looks at."""


def _joints(table: Mapping[str, Sequence[int]], joint_format: str) -> NDArray[np.int64]:
    if joint_format not in _ALIASES:
        raise ConfigError(f"joint_format: {joint_format!r}{nearest(joint_format, sorted(_ALIASES))}")
    return np.array(table[_ALIASES[joint_format]], np.int64)


class NormalizeEmpty:
    """Put joints that were not found (x = 0) where the mean of the frame's joints is, with no confidence."""

    def __call__(self, frames: NDArray[Any], draws: Draws) -> NDArray[Any]:
        filled = frames.copy()
        for frame, joint in zip(*np.nonzero(frames[:, :, 0] == 0), strict=True):  # each counts the ones filled before
            filled[frame, joint, :2] = filled[frame].mean(axis=0)[:2]
            filled[frame, joint, 2] = 0
        return filled


class RandomMove:
    """Shift a walk by at most random_r (x, y)."""

    def __init__(self, random_r: Sequence[float] = (4, 1)) -> None:
        self._most = random_r

    def __call__(self, frames: NDArray[Any], draws: Draws) -> NDArray[Any]:
        shift = [draws.numpy.uniform(-self._most[axis], self._most[axis]) for axis in (0, 1)]
        return np.asarray(frames + np.array([*shift, 0.0]))


class PointNoise:
    """Jitter every value of every joint in every frame."""

    def __init__(self, std: float = 0.01) -> None:
        self._std = std

    def __call__(self, frames: NDArray[Any], draws: Draws) -> NDArray[Any]:
        return np.asarray(frames + draws.numpy.normal(0, self._std, frames.shape).astype(np.float32))


class JointNoise:
    """Shift every joint's position for the whole walk."""

    def __init__(self, std: float = 0.25) -> None:
        self._std = std

    def __call__(self, frames: NDArray[Any], draws: Draws) -> NDArray[Any]:
        joints = frames.shape[1]
        noise = np.hstack([draws.numpy.normal(0, self._std, (joints, 2)), np.zeros((joints, 1))])
        return np.asarray(frames + noise.astype(np.float32))


class FlipSequence:
    """Play a walk backwards."""

    def __init__(self, probability: float = 0.5) -> None:
        self._probability = probability

    def __call__(self, frames: NDArray[Any], draws: Draws) -> NDArray[Any]:
        return np.ascontiguousarray(frames[::-1]) if draws.numpy.random_sample() <= self._probability else frames


class MirrorPoses:
    """Mirror every frame about its mean x; left joints stay left."""

    def __init__(self, probability: float = 0.5) -> None:
        self._probability = probability

    def __call__(self, frames: NDArray[Any], draws: Draws) -> NDArray[Any]:
        if draws.numpy.random_sample() > self._probability:
            return frames
        mirrored = frames.copy()
        mirrored[:, :, 0] = 2 * frames[:, :, 0].mean(axis=1, keepdims=True) - frames[:, :, 0]
        return mirrored


class InversePosesPre:
    """Swap left and right joints, drawn anew for every frame."""

    def __init__(self, probability: float = 0.5, joint_format: str = "coco") -> None:
        self._probability, self._other = probability, _joints(MIRRORED, joint_format)

    def __call__(self, frames: NDArray[Any], draws: Draws) -> NDArray[Any]:
        swapped = draws.numpy.random_sample(len(frames)) <= self._probability
        return np.asarray(np.where(swapped[:, None, None], frames[:, self._other], frames))


class RandomSelectSequence:
    """A run of frames from anywhere. Raises ConfigError for a walk that is not longer."""

    def __init__(self, sequence_length: int = 10) -> None:
        self._length = sequence_length

    def __call__(self, frames: NDArray[Any], draws: Draws) -> NDArray[Any]:
        if len(frames) <= self._length:
            raise ConfigError(
                f"RandomSelectSequence: {self._length} frames of a walk with {len(frames)}. Choose fewer."
            )
        start = draws.numpy.randint(0, len(frames) - self._length)
        return frames[start : start + self._length]


class SelectSequenceCenter:
    """A run of frames from the middle. Raises ConfigError for a walk that is shorter."""

    def __init__(self, sequence_length: int = 10) -> None:
        self._length = sequence_length

    def __call__(self, frames: NDArray[Any], draws: Draws) -> NDArray[Any]:
        if len(frames) < self._length:
            raise ConfigError(
                f"SelectSequenceCenter: {self._length} frames of a walk with {len(frames)}. Choose fewer."
            )
        start = int(len(frames) / 2 - self._length / 2)
        return frames[start : start + self._length]


class GaitGraphMultiInput:
    """GaitGraph2's three branches, T×V×3×5: joints, velocities, bones.

    Joints: x, y, confidence, and x, y from the `center` joint. Velocities: x, y to the next frame, nothing, confidence,
    and y to the next but one (its x gives way to the confidence, as in the reference). Bones: x, y, nothing,
    confidence, and the angle to the y axis (that to the x axis gives way likewise).
    """

    def __init__(self, center: int = 0, joint_format: str = "coco") -> None:
        self._centre, self._bones = center, _joints(TOWARDS_CENTRE, joint_format)

    def __call__(self, frames: NDArray[Any], draws: Draws) -> NDArray[Any]:
        xy, confidence = frames[:, :, :2].astype(np.float64), frames[:, :, 2]
        branches = np.zeros((*frames.shape[:2], 3, 5))
        branches[:, :, 0, :3] = frames
        branches[:, :, 0, 3:] = xy - xy[:, self._centre, None]
        branches[:-2, :, 1, :2] = xy[1:-1] - xy[:-2]
        branches[:-2, :, 1, 3:] = xy[2:] - xy[:-2]
        branches[:, :, 1, 3] = confidence
        bones = xy - xy[:, self._bones]
        length = np.sqrt((bones**2).sum(axis=2, keepdims=True)) + 0.0001
        branches[:, :, 2, :2] = bones
        branches[:, :, 2, 3:] = np.arccos(bones / length)
        branches[:, :, 2, 3] = confidence
        return branches


class GaitTRMultiInput:
    """GaitTR's input, T×V×10: x, y of joints, from joint 0, to the next frame and the next but one, of bones."""

    def __init__(self, joint_format: str = "coco") -> None:
        self._bones = _joints(TOWARDS_CENTRE, joint_format)

    def __call__(self, frames: NDArray[Any], draws: Draws) -> NDArray[Any]:
        xy = frames[:, :, :2].astype(np.float64)
        steps = np.zeros((2, *xy.shape))
        steps[0, :-2], steps[1, :-2] = xy[1:-1] - xy[:-2], xy[2:] - xy[:-2]
        return np.concatenate([xy, xy - xy[:, :1], *steps, xy - xy[:, self._bones]], axis=2)


class GaitGraph1Input:
    """GaitGraph's input: T×V×C → C×T×V×1."""

    def __init__(self, joint_format: str = "coco") -> None:
        """joint_format: named in OpenGait's files; the order of joints is the file's."""

    def __call__(self, frames: NDArray[Any], draws: Draws) -> NDArray[Any]:
        return frames.transpose(2, 0, 1)[..., None]


class SkeletonInput:
    """T×V×C → T×C×V×1."""

    def __call__(self, frames: NDArray[Any], draws: Draws) -> NDArray[Any]:
        return frames.transpose(0, 2, 1)[..., None]


class MSGGTransform:
    """The joints of arms and legs only, T×12×C."""

    def __init__(self, joint_format: str = "coco") -> None:
        if joint_format != "coco":
            raise ConfigError(f"MSGGTransform: joint_format {joint_format!r}; only coco is known.")

    def __call__(self, frames: NDArray[Any], draws: Draws) -> NDArray[Any]:
        return frames[:, LIMBS]


TRANSFORMS = (
    NormalizeEmpty,
    RandomMove,
    PointNoise,
    JointNoise,
    FlipSequence,
    MirrorPoses,
    InversePosesPre,
    RandomSelectSequence,
    SelectSequenceCenter,
    GaitGraphMultiInput,
    GaitTRMultiInput,
    GaitGraph1Input,
    SkeletonInput,
    MSGGTransform,
)
