"""Made-up walks: noise of the right shapes, to try a network on; and people who do not exist, whom encoders look at.

made_up.npz holds 60 of these people, three walks each in other clothes and from another side, as the default segmenter
cut them out and found their joints (`gait synth cohort` makes it). They tell what a distance is worth where nobody
measured it (matching/evidence.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.pose.skeleton_maps import SkeletonMaps
from pipeline.types import GaitSequence, Modality, ModalityFrames

FILE = Path(__file__).with_suffix(".npz")
LEVELS = 85  # grey levels of a silhouette from one that is kept to the next

POINTS = 1024
LABELS = 12


def made_up_sequence(
    needs: Sequence[Modality], frames: int, seed: int, size: tuple[int, int] = (64, 44), track_id: int = 1
) -> GaitSequence:
    """A sequence of so many frames; size: height and width of its pictures."""
    draw = np.random.default_rng(seed)
    indices = np.arange(frames)
    modalities = {need: ModalityFrames(_data(need, frames, draw, size), indices) for need in needs}
    return GaitSequence("made-up", track_id, modalities)


def _data(need: Modality, frames: int, draw: np.random.Generator, size: tuple[int, int]) -> NDArray[Any]:
    if need is Modality.KEYPOINTS:
        places = draw.uniform(0, 200, (frames, 17, 2))
        return np.concatenate([places, draw.uniform(0.3, 1, (frames, 17, 1))], -1).astype(np.float32)
    if need in (Modality.SMPL, Modality.DIFFUSION):
        shape = (85,) if need is Modality.SMPL else (4, 96, 48)
        return draw.standard_normal((frames, *shape)).astype(np.float32)
    if need is Modality.POINTS:
        return draw.uniform((0, 0, 0), (0.6, 0.6, 1.8), (frames, POINTS, 3)).astype(np.float32)
    if need is Modality.ASPECT_RATIOS:
        return draw.uniform(0.3, 0.6, frames).astype(np.float32)
    if need is Modality.PARSING:
        return draw.integers(0, LABELS, (frames, *size), dtype=np.uint8)
    if need is Modality.BODIES:
        size = (64, 32)
    channels = {Modality.SKELETON_MAPS: (2,), Modality.RGB: (3,), Modality.DEPTH: (3,)}.get(need, ())
    shape = (frames, *channels, *size)
    return draw.integers(0, 256, shape, dtype=np.uint8)


@cache
def made_up_walks() -> tuple[list[GaitSequence], list[int]]:
    """The walks, in silhouettes, keypoints and skeleton maps, and whose each is."""
    with np.load(FILE, allow_pickle=False) as file:
        masks, lengths = file["masks"] * np.uint8(LEVELS), file["lengths"].tolist()
        keypoints = file["keypoints"].astype(np.float32)
        headings, people = file["headings"].astype(float).tolist(), file["people"].tolist()
    walks, begin = [], 0
    for number, (length, heading) in enumerate(zip(lengths, headings, strict=True), start=1):
        frames, joints = np.arange(length), keypoints[begin : begin + length]
        seen = {
            Modality.SILHOUETTES: ModalityFrames(masks[begin : begin + length], frames),
            Modality.KEYPOINTS: ModalityFrames(joints, frames),
            Modality.SKELETON_MAPS: ModalityFrames(SkeletonMaps.of(joints), frames),
        }
        walks.append(GaitSequence("made-up", number, seen, {"heading": heading}))
        begin += length
    return walks, people
