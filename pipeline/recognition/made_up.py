"""Made-up sequences in any modality: noise of the right shapes, to try a network on where no recording is at hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.types import GaitSequence, Modality, ModalityFrames

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
    if need is Modality.SMPL:
        return draw.standard_normal((frames, 85)).astype(np.float32)
    if need is Modality.POINTS:
        return draw.uniform((0, 0, 0), (0.6, 0.6, 1.8), (frames, POINTS, 3)).astype(np.float32)
    if need is Modality.PARSING:
        return draw.integers(0, LABELS, (frames, *size), dtype=np.uint8)
    shape = (frames, 2, *size) if need is Modality.SKELETON_MAPS else (frames, *size)
    return draw.integers(0, 256, shape, dtype=np.uint8)
