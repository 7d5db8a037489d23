"""What is done to the poses of a sample, T×V×3 (x, y, confidence) of V joints, before a network sees them.

Reference: golden/transforms_sampling (OpenGait data/transform.py, from GaitGraph2's), equal under the same seeds; of
RescaleCenter and HOD_MultiInput, FastPoseGait.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipeline.errors import ConfigError
from pipeline.recognition.layers.graph_inputs import (
    HEIGHT,
    descriptors,
    missing_to_middle,
    one_height,
    ten_channels,
    three_branches,
)
from pipeline.research.training.data.sampling import Draws
from pipeline.skeletons import COCO17, COCO18

Frames = NDArray[Any]

JOINT_FORMATS: Mapping[str, tuple[Sequence[int], tuple[int, ...]]] = {
    "coco": (COCO17.mirrored, COCO17.parents),
    "authors": (COCO17.mirrored, (0, *COCO17.parents[1:])),  # GaitGraph2's: the nose has no bone
    **dict.fromkeys(("alphapose", "openpose", "oumvlp", "OUMVLP"), (COCO18.mirrored, COCO18.parents)),
}
"""For each joint, the one of the other side of the body, and the other end of its bone."""

LIMBS = (6, 8, 14, 12, 7, 13, 5, 10, 16, 11, 9, 15)
"""The twelve joints of arms and legs that MSGG looks at."""


def fill_missing(frames: Frames, draws: Draws) -> Frames:
    """Put joints that were not found (x = 0) where the mean of the frame's joints is, with no confidence."""
    return missing_to_middle(_one(frames))[0].numpy()


def shift(frames: Frames, draws: Draws, random_r: Sequence[float] = (4, 1)) -> Frames:
    """Shift a sample by at most random_r (x, y)."""
    move = [draws.numpy.uniform(-random_r[axis], random_r[axis]) for axis in (0, 1)]
    return np.asarray(frames + np.array([*move, 0.0]))


def jitter_values(frames: Frames, draws: Draws, std: float = 0.01) -> Frames:
    """Jitter every value of every joint in every frame."""
    return np.asarray(frames + draws.numpy.normal(0, std, frames.shape).astype(np.float32))


def jitter_joints(frames: Frames, draws: Draws, std: float = 0.25) -> Frames:
    """Shift every joint's position for the whole sample."""
    joints = frames.shape[1]
    noise = np.hstack([draws.numpy.normal(0, std, (joints, 2)), np.zeros((joints, 1))])
    return np.asarray(frames + noise.astype(np.float32))


def reverse(frames: Frames, draws: Draws, probability: float = 0.5) -> Frames:
    """Play a sample backwards."""
    return np.ascontiguousarray(frames[::-1]) if draws.numpy.random_sample() <= probability else frames


def mirror(frames: Frames, draws: Draws, probability: float = 0.5) -> Frames:
    """Mirror every frame about its mean x; left joints stay left."""
    if draws.numpy.random_sample() > probability:
        return frames
    mirrored = frames.copy()
    mirrored[:, :, 0] = 2 * frames[:, :, 0].mean(axis=1, keepdims=True) - frames[:, :, 0]
    return mirrored


def swap_sides(frames: Frames, draws: Draws, probability: float = 0.5, joint_format: str = "coco") -> Frames:
    """Swap left and right joints, drawn anew for every frame."""
    swapped = draws.numpy.random_sample(len(frames)) <= probability
    return np.asarray(np.where(swapped[:, None, None], frames[:, JOINT_FORMATS[joint_format][0]], frames))


def swap_all_sides(frames: Frames, draws: Draws, probability: float = 0.5, joint_format: str = "coco") -> Frames:
    """Swap left and right joints of the whole sample, or of no frame."""
    return frames[:, JOINT_FORMATS[joint_format][0]] if draws.numpy.random_sample() <= probability else frames


def random_run(frames: Frames, draws: Draws, sequence_length: int = 10) -> Frames:
    """A run of frames from anywhere. Raises ConfigError for a sample that is not longer."""
    if len(frames) <= sequence_length:
        raise ConfigError(f"RandomSelectSequence: {sequence_length} frames of a walk with {len(frames)}. Choose fewer.")
    start = draws.numpy.randint(0, len(frames) - sequence_length)
    return frames[start : start + sequence_length]


def central_run(frames: Frames, draws: Draws, sequence_length: int = 10) -> Frames:
    """A run of frames from the middle. Raises ConfigError for a sample that is shorter."""
    if len(frames) < sequence_length:
        raise ConfigError(f"SelectSequenceCenter: {sequence_length} frames of a walk with {len(frames)}. Choose fewer.")
    start = int(len(frames) / 2 - sequence_length / 2)
    return frames[start : start + sequence_length]


def gaitgraph2_input(frames: Frames, draws: Draws, center: int = 0, joint_format: str = "coco") -> Frames:
    """GaitGraph2's three branches, T×V×3×5: joints, velocities, bones.

    Joints: x, y, confidence, and x, y from the `center` joint. Velocities: x, y to the next frame, nothing, confidence,
    and y to the next but one (its x gives way to the confidence, as in the reference). Bones: x, y, nothing,
    confidence, and the angle to the y axis (that to the x axis gives way likewise).
    """
    return three_branches(_one(frames), JOINT_FORMATS[joint_format][1], center)[0].permute(2, 3, 0, 1).numpy()


def gaittr_input(frames: Frames, draws: Draws, joint_format: str = "coco") -> Frames:
    """GaitTR's input, T×V×10: x, y of joints, from joint 0, to the next frame and the next but one, of bones."""
    return ten_channels(_one(frames), JOINT_FORMATS[joint_format][1])[0].permute(1, 2, 0).numpy()


def rescale(frames: Frames, draws: Draws, center: str = "neck", scale: float = HEIGHT) -> Frames:
    """Every pose of one height, its neck at 0. Raises ConfigError for another height or middle than the encoder's."""
    if center != "neck" or scale != HEIGHT:
        raise ConfigError(f"RescaleCenter: center must be neck and scale {HEIGHT:g}, as the network sees poses.")
    points = one_height(_one(frames)[..., :2])[0].numpy()
    return np.concatenate([points, frames[:, :, 2:]], axis=2)


def gpgait_input(frames: Frames, draws: Draws, joint_format: str = "coco") -> Frames:
    """GPGait's input, T×17×5: x, y of joints, of bones, and an angle."""
    return descriptors(_one(frames)[..., :2])[0].permute(1, 2, 0).numpy()


def gaitgraph_input(frames: Frames, draws: Draws, joint_format: str = "coco") -> Frames:
    """GaitGraph's input: T×V×C → C×T×V×1, the joints as they are in the file."""
    return frames.transpose(2, 0, 1)[..., None]


def channels_first(frames: Frames, draws: Draws) -> Frames:
    """T×V×C → T×C×V×1."""
    return frames.transpose(0, 2, 1)[..., None]


def limbs(frames: Frames, draws: Draws, joint_format: str = "coco") -> Frames:
    """The joints of arms and legs only, T×12×C."""
    return frames[:, LIMBS]


def _one(frames: Frames) -> Tensor:
    """A sample as the layers of networks take them, 1×T×V×3 float64."""
    return torch.from_numpy(frames[None].astype(np.float64))


TRANSFORMS = {
    "NormalizeEmpty": fill_missing,
    "RandomMove": shift,
    "PointNoise": jitter_values,
    "JointNoise": jitter_joints,
    "FlipSequence": reverse,
    "MirrorPoses": mirror,
    "InversePosesPre": swap_sides,
    "RandomFlipLeftRight": swap_all_sides,
    "RandomSelectSequence": random_run,
    "SelectSequenceCenter": central_run,
    "GaitGraphMultiInput": gaitgraph2_input,
    "GaitTRMultiInput": gaittr_input,
    "GaitGraph1Input": gaitgraph_input,
    "RescaleCenter": rescale,
    "HOD_MultiInput": gpgait_input,
    "SkeletonInput": channels_first,
    "MSGGTransform": limbs,
}
