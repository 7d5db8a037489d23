"""Left and right of a walker's limbs, kept from changing places between frames.

Seen from the side, an estimator cannot always tell the left leg from the right, and exchanges them for some frames. A
limb that moves on as it has moved hardly accelerates; one that is exchanged jumps over to the other and back. So of all
ways to exchange a limb with its partner frame by frame, the one of least acceleration is found (a Viterbi search). Legs
that really cross go on as they went, and are left alone.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.skeletons import COCO17
from pipeline.types import FloatArray, IntArray

LIMBS = (("hip", "knee", "ankle"), ("shoulder", "elbow", "wrist"))  # what is exchanged together
# Chosen on synthetic walkers (docs/pose.md).
DOUBT = 0.005  # what a frame that is exchanged costs, in body heights a frame²: the estimator is mostly right
JUMP = 0.15  # body heights a frame²: acceleration beyond that tells no more
LONGEST_GAP = 3  # frames: after a longer one, nothing is known of how a limb moved

Floats = NDArray[np.float64]


def consistent_sides(keypoints: FloatArray, frame_indices: IntArray) -> FloatArray:
    """COCO's keypoints T×17×3 with the limbs that were exchanged put back; frame_indices T, rising.

    Only whole limbs of the two sides change places: no joint moves anywhere else.
    """
    kept = keypoints.copy()
    for limb in LIMBS:
        left, right = (np.array([COCO17.joints.index(f"{side} {name}") for name in limb]) for side in ("left", "right"))
        exchanged = exchanged_frames(keypoints[:, left], keypoints[:, right], frame_indices, _height(keypoints))
        frames = np.flatnonzero(exchanged)[:, None]
        kept[frames, left], kept[frames, right] = keypoints[frames, right], keypoints[frames, left]
    return kept


def exchanged_frames(left: FloatArray, right: FloatArray, frame_indices: IntArray, height: float) -> NDArray[np.bool_]:
    """T: in which frames two limbs, T×J×3 each, have changed places; height: of the body, in pixels."""
    count = len(left)
    if count < 3:
        return np.zeros(count, bool)
    pair = np.stack([np.stack([left, right]), np.stack([right, left])]).astype(np.float64)  # as they are, exchanged
    steps = np.diff(frame_indices)
    # cost[t, a, b, c]: of frames t, t + 1, t + 2 in states a, b, c
    cost = np.stack(
        [[[_acceleration(pair[a], pair[b], pair[c], steps, height) for c in (0, 1)] for b in (0, 1)] for a in (0, 1)]
    ).transpose(3, 0, 1, 2)
    best = np.array([[0, DOUBT], [DOUBT, 2 * DOUBT]])  # of the states of the last two frames
    came_from = np.empty((count - 2, 2, 2), np.int64)
    for place in range(count - 2):  # each depends on the one before
        total = best[:, :, None] + cost[place] + np.array([0, DOUBT])
        came_from[place] = total.argmin(axis=0)
        best = total.min(axis=0)
    states = np.empty(count, np.int64)
    states[-2:] = np.unravel_index(int(best.argmin()), best.shape)
    for place in range(count - 3, -1, -1):
        states[place] = came_from[place, states[place + 1], states[place + 2]]
    return states.astype(bool)


def _acceleration(first: Floats, second: Floats, third: Floats, steps: IntArray, height: float) -> Floats:
    """T − 2: how much both limbs (2×T×J×3 each) change their speed from frame to frame, in body heights a frame².

    The mean over joints that all three frames have found; nothing across long gaps.
    """
    one, two, three = first[:, :-2], second[:, 1:-1], third[:, 2:]
    before, after = steps[:-1, None, None], steps[1:, None, None]
    change = (three - two)[..., :2] / after - (two - one)[..., :2] / before
    size = np.minimum(np.linalg.norm(change, axis=-1) / height, JUMP)
    seen = np.minimum(np.minimum(one[..., 2], two[..., 2]), three[..., 2]).clip(0)
    near = np.maximum(steps[:-1], steps[1:]) <= LONGEST_GAP
    mean: Floats = (size * seen).sum(axis=(0, 2)) / np.maximum(seen.sum(axis=(0, 2)), 1e-6) * near
    return mean


def _height(keypoints: FloatArray) -> float:
    """Pixels from the uppermost joint to the lowest, in the middle one of all frames."""
    heights = np.ptp(keypoints[..., 1], axis=1)
    return max(float(np.median(heights)) if len(heights) else 0.0, 1.0)
