"""The skeletons that pose estimators and gait networks speak of: joints, bones, and how one becomes another.

Keypoints are T×J×3: x, y in pixels and a score in [0, 1] for each joint of each frame.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

F = TypeVar("F", np.float32, np.float64)


@dataclass(frozen=True)
class Skeleton:
    """joints: their names. bones: pairs of joints. mirrored: for each joint the one on the other side.

    parents: for each joint the one that its bone vector starts at, as GaitGraph counts bones (OpenGait's tables).
    centre: the joint that the others are seen from. hips: the two joints whose middle is the body's.
    """

    name: str
    joints: tuple[str, ...]
    bones: tuple[tuple[int, int], ...]
    mirrored: tuple[int, ...]
    parents: tuple[int, ...]
    centre: int
    hips: tuple[int, int]

    @cached_property
    def hops(self) -> NDArray[np.float64]:
        """J×J: the number of bones on the shortest way from joint to joint; infinite where there is none."""
        count = len(self.joints)
        connected = np.eye(count, dtype=bool)
        for one, other in self.bones:
            connected[one, other] = connected[other, one] = True
        distance = np.where(np.eye(count, dtype=bool), 0.0, np.inf)
        reached = np.eye(count, dtype=bool)
        for step in range(1, count):
            reached = (reached.astype(np.int64) @ connected) > 0
            distance[reached & np.isinf(distance)] = step
        return distance


COCO17 = Skeleton(
    "coco17",
    (
        *("nose", "left eye", "right eye", "left ear", "right ear", "left shoulder", "right shoulder"),
        *("left elbow", "right elbow", "left wrist", "right wrist", "left hip", "right hip"),
        *("left knee", "right knee", "left ankle", "right ankle"),
    ),
    (
        *((0, 1), (0, 2), (1, 3), (2, 4), (3, 5), (4, 6), (5, 6), (5, 7), (7, 9), (6, 8), (8, 10), (5, 11), (6, 12)),
        *((11, 12), (11, 13), (13, 15), (12, 14), (14, 16)),
    ),
    (0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15),
    (5, 0, 0, 1, 2, 0, 0, 5, 6, 7, 8, 5, 6, 11, 12, 13, 14),
    centre=0,
    hips=(11, 12),
)

COCO18 = Skeleton(  # OpenPose's and AlphaPose's: COCO's joints in another order, with a neck
    "coco18",
    (
        *("nose", "neck", "right shoulder", "right elbow", "right wrist", "left shoulder", "left elbow", "left wrist"),
        *("right hip", "right knee", "right ankle", "left hip", "left knee", "left ankle"),
        *("right eye", "left eye", "right ear", "left ear"),
    ),
    (
        *((0, 1), (0, 14), (0, 15), (14, 16), (15, 17), (1, 2), (2, 3), (3, 4), (1, 5), (5, 6), (6, 7)),
        *((1, 8), (8, 9), (9, 10), (1, 11), (11, 12), (12, 13)),
    ),
    (0, 1, 5, 6, 7, 2, 3, 4, 11, 12, 13, 8, 9, 10, 15, 14, 17, 16),
    (1, 1, 1, 2, 3, 1, 5, 6, 2, 8, 9, 5, 11, 12, 0, 0, 14, 15),
    centre=1,
    hips=(8, 11),
)

BODY15 = Skeleton(  # the first fifteen of OpenPose's BODY_25: no eyes and ears, but a neck and the middle of the hips
    "body15",
    (
        *("nose", "neck", "right shoulder", "right elbow", "right wrist", "left shoulder", "left elbow", "left wrist"),
        *("mid hip", "right hip", "right knee", "right ankle", "left hip", "left knee", "left ankle"),
    ),
    (
        *((0, 1), (1, 2), (2, 3), (3, 4), (1, 5), (5, 6), (6, 7), (1, 8), (8, 9), (9, 10), (10, 11)),
        *((8, 12), (12, 13), (13, 14)),
    ),
    (0, 1, 5, 6, 7, 2, 3, 4, 8, 12, 13, 14, 9, 10, 11),
    (1, 1, 1, 2, 3, 1, 5, 6, 1, 8, 9, 10, 8, 12, 13),
    centre=8,
    hips=(9, 12),
)

BY_JOINTS = {len(skeleton.joints): skeleton for skeleton in (COCO17, COCO18, BODY15)}

# Of the joints below, those that COCO-17 lacks lie in the middle of two that it has.
_MIDDLES = {"neck": ("left shoulder", "right shoulder"), "mid hip": ("left hip", "right hip")}


def sources(wanted: Skeleton, given: Skeleton) -> tuple[tuple[int, int], ...]:
    """For every joint of `wanted` the two of `given` that it is the middle of: the same one twice where it is there."""
    place = {name: index for index, name in enumerate(given.joints)}
    pairs = []
    for name in wanted.joints:
        one, other = (name, name) if name in place else _MIDDLES[name]
        pairs.append((place[one], place[other]))
    return tuple(pairs)


def as_skeleton(keypoints: NDArray[F], wanted: Skeleton) -> NDArray[F]:
    """Keypoints T×J×3 of any skeleton here as those of `wanted`: joints in its order, the neck between the shoulders.

    A joint in the middle of two has the lower of their scores; where one of the two is missing (0, 0), so is it.
    Raises ValueError when J is no skeleton's.
    """
    joints = keypoints.shape[1]
    if joints == len(wanted.joints):
        return keypoints
    if joints not in BY_JOINTS:
        raise ValueError(f"keypoints of {joints} joints: known are {', '.join(map(str, BY_JOINTS))}")
    one, other = np.array(sources(wanted, BY_JOINTS[joints])).T
    first, second = keypoints[:, one], keypoints[:, other]
    middle = (first + second) / 2
    middle[..., 2] = np.minimum(first[..., 2], second[..., 2])
    missing = (first[..., :2] == 0).all(axis=-1) | (second[..., :2] == 0).all(axis=-1)
    middle[missing & (one != other)] = 0
    return np.asarray(middle, keypoints.dtype)
