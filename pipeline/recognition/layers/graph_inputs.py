"""What graph networks see of keypoints, made inside of the network: joints, velocities, bones, and their mirror images.

Keypoints here are tensors [n, t, v, 3]: n sequences of t frames, v joints, each x, y and a score.
"""

from __future__ import annotations

from typing import NamedTuple, cast

import torch
import torch.nn.functional as F
from torch import Tensor

from pipeline.skeletons import BY_JOINTS, COCO17, Skeleton, sources

SHORTEST_BONE = 1e-4  # added to a bone's length, so that none is divided by zero
HEIGHT = 225.0  # of every pose, as GPGait sees it
NEIGHBOURS = (  # of COCO's shoulders, elbows, wrists, hips, knees and ankles: one of each's bones; the other's end
    *((7, 11), (8, 12), (5, 9), (10, 6), (7, None), (8, None)),
    *((5, 13), (6, 14), (11, 15), (12, 16), (13, None), (14, None)),
)


def as_joints(keypoints: Tensor, skeleton: Skeleton) -> Tensor:
    """Keypoints of any known skeleton as those of `skeleton`: see `pipeline.skeletons.as_skeleton`.

    Raises ValueError where the number of joints is no skeleton's.
    """
    joints = int(keypoints.shape[2])
    if joints == len(skeleton.joints):
        return keypoints
    if joints not in BY_JOINTS:
        raise ValueError(f"keypoints of {joints} joints: known are {', '.join(map(str, BY_JOINTS))}")
    one, other = torch.tensor(sources(skeleton, BY_JOINTS[joints]), device=keypoints.device).T
    first, second = keypoints[:, :, one], keypoints[:, :, other]
    middle = torch.cat([(first + second)[..., :2] / 2, torch.minimum(first, second)[..., 2:]], dim=-1)
    missing = (first[..., :2] == 0).all(-1) | (second[..., :2] == 0).all(-1)
    return middle.masked_fill((missing & (one != other)).unsqueeze(-1), 0)


class Place(NamedTuple):
    """Where the people of a network's training were: mean x, y of all joints (pixels), standard deviation of y."""

    mean: Tensor
    spread: Tensor


def move_to_place(keypoints: Tensor, place: Place) -> Tensor:
    """Every sequence moved and scaled as a whole so that its joints have that mean and spread; missing ones stay at 0.

    Networks that were shown pixels know people of one size, somewhere in the picture of one camera.
    """
    points, found = keypoints[..., :2], (keypoints[..., :2] != 0).any(dim=-1, keepdim=True)
    count = found.sum(dim=(1, 2), keepdim=True).clamp(min=1)
    mean = (points * found).sum(dim=(1, 2), keepdim=True) / count
    away = (points - mean) * found
    spread = (away[..., 1:].square().sum(dim=(1, 2), keepdim=True) / count).sqrt().clamp(min=1e-6)
    moved = (away * (place.spread / spread) + place.mean) * found
    return torch.cat([moved, keypoints[..., 2:]], dim=-1)


def missing_to_middle(keypoints: Tensor) -> Tensor:
    """Joints that were not found (x is 0) near the middle of their frame's joints, with a score of 0.

    As the references: one after another, the middle being that of all joints, found ones, filled ones and zeros.
    """
    missing = keypoints[..., :1] == 0
    earlier = missing.int().cumsum(dim=2) - 1
    middle = keypoints.mean(dim=2, keepdim=True) * (1 + 1 / keypoints.shape[2]) ** earlier
    return torch.where(missing, middle * keypoints.new_tensor([1, 1, 0]), keypoints)


def middle_frames(keypoints: Tensor, frames: int) -> Tensor:
    """`frames` frames from the middle of the sequence; short ones are first lengthened (see `to_and_fro`)."""
    chosen = to_and_fro(keypoints.shape[1], frames)
    start = (chosen.shape[0] - frames) // 2
    return keypoints[:, chosen[start + torch.arange(frames)]]


def to_and_fro(count: int, frames: int) -> Tensor:
    """Which of `count` frames to show so that there are `frames` at least: at both ends the sequence turns round.

    GaitGraph2's PadSequence: a sequence that is too short for that is first made three times as long, as often as
    needed, backwards, forwards and backwards again. Sequences that are long enough stay as they are. Without lists and
    branches, so that an exported graph does the same for sequences of any length.
    """
    had = torch.as_tensor(count)
    places = torch.arange(cast(int, torch.maximum(had, torch.tensor(frames))))
    missing = (frames + 1 - had).clamp(min=0)
    before, after = (missing + 1) // 2, missing // 2 + 1
    lengths = had * 3 ** torch.arange(frames.bit_length())
    times = (torch.maximum(before, after) > lengths).sum()
    away = (places - before + 1).abs()
    turned = torch.where(away < lengths[times], away, 2 * (lengths[times] - 1) - away)
    within = (turned + had * (times % 2)) % (2 * had)
    short = torch.where(within < had, within, 2 * had - 1 - within)
    return torch.where(had < frames, short, places)


def velocities(points: Tensor, frames: int) -> Tensor:
    """How far every joint has moved `frames` later, [n, t, v, 2]; 0 in the last two frames, as the references do."""
    moved = points[:, frames : points.shape[1] - 2 + frames] - points[:, :-2]
    return F.pad(moved, (0, 0, 0, 0, 0, points.shape[1] - moved.shape[1]))


def bones(points: Tensor, parents: tuple[int, ...]) -> Tensor:
    """The way from every joint's parent to the joint, [n, t, v, 2]."""
    return points - points[:, :, list(parents)]


def three_branches(keypoints: Tensor, parents: tuple[int, ...], centre: int) -> Tensor:
    """GaitGraph2's input (Teepe et al., CVPRW 2022): [n, t, v, 3] → [n, 3, 5, t, v].

    Joints: x, y, score, and x, y seen from the joint `centre`. Velocities: over one frame, nothing, the score (it has
    taken the place of x over two frames), y over two frames. Bones: x, y, nothing, the score (in the place of the
    angle to the x axis), the angle to the y axis. The published networks were trained so.
    """
    points, score = keypoints[..., :2], keypoints[..., 2:]
    nothing = torch.zeros_like(score)
    joint = torch.cat([keypoints, points - points[:, :, centre : centre + 1]], dim=-1)
    velocity = torch.cat([velocities(points, 1), nothing, score, velocities(points, 2)[..., 1:]], dim=-1)
    bone = bones(points, parents)
    length = bone.square().sum(-1, keepdim=True).sqrt() + SHORTEST_BONE
    angle = torch.acos(bone[..., 1:] / length)
    branches = [joint, velocity, torch.cat([bone, nothing, score, angle], dim=-1)]
    return torch.stack(branches, dim=1).permute(0, 1, 4, 2, 3)


def ten_channels(keypoints: Tensor, parents: tuple[int, ...]) -> Tensor:
    """GaitTR's input (Zhang et al., Expert Systems 2023): [n, t, v, 3] → [n, 10, t, v].

    x, y, then both seen from the nose, moved over one frame, over two, and along the bone; no scores.
    """
    points = keypoints[..., :2]
    parts = [points, points - points[:, :, :1], velocities(points, 1), velocities(points, 2), bones(points, parents)]
    return torch.cat(parts, dim=-1).permute(0, 3, 1, 2)


def one_height(points: Tensor, height: float = HEIGHT) -> Tensor:
    """Every pose [n, t, 17, 2] scaled to one height and moved to the middle of its shoulders (GPGait)."""
    own = points[..., 1].amax(dim=-1) - points[..., 1].amin(dim=-1)
    scaled = points * (height / own.clamp(min=1e-6))[..., None, None]
    return scaled - scaled[:, :, 5:7].mean(dim=2, keepdim=True)


def descriptors(points: Tensor) -> Tensor:
    """GPGait's input (Fu et al., ICCV 2023): [n, t, 17, 2] → [n, 5, t, 17], places, bones and angles.

    Angles are those outside, between two bones, or between one bone and the vertical; of the head's joints they are 0.
    """
    ways = []
    for joint, (one, other) in enumerate(NEIGHBOURS, start=len(COCO17.joints) - len(NEIGHBOURS)):
        first = points[:, :, one] - points[:, :, joint]
        second = first * first.new_tensor([0, 1]) if other is None else points[:, :, other] - points[:, :, joint]
        across = first[..., 0] * second[..., 1] - first[..., 1] * second[..., 0]
        ways.append(torch.pi - torch.atan2(across.abs(), (first * second).sum(dim=-1)))
    angles = F.pad(torch.stack(ways, dim=-1), (len(COCO17.joints) - len(ways), 0))
    return torch.cat([points, bones(points, COCO17.parents), angles.unsqueeze(-1)], dim=-1).permute(0, 3, 1, 2)


def human_oriented(keypoints: Tensor) -> Tensor:
    """`descriptors` of poses of one height: [n, t, 17, 3] → [n, 5, t, 17]."""
    return descriptors(one_height(keypoints[..., :2]))


def backwards(keypoints: Tensor) -> Tensor:
    """The sequence from its end to its beginning."""
    return keypoints.flip(1)


def sides_swapped(keypoints: Tensor, skeleton: Skeleton) -> Tensor:
    """Left joints as right ones. The places stay, as in the references: it is not the mirror image."""
    return keypoints[:, :, list(skeleton.mirrored)]
