"""Stretches of a walk, as long as the walks of the made-up people: a second or so, in every second frame."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

import numpy as np

from pipeline.recognition.encoder import EncoderInput
from pipeline.types import GaitSequence, IntArray, Modality, ModalityFrames

FRAMES, RATE = 12, 12.5  # of a stretch; frames a second
MOST = 4  # stretches of a walk, spread over it


def stretches(walk: EncoderInput, needs: Sequence[Modality], fps: float) -> list[GaitSequence]:
    """Cut one to MOST stretches of FRAMES frames out of a walk; of a short walk, one of as many as it has.

    Args:
        walk: With the modalities.
        needs: Frames count that have all of these; the stretches hold nothing else.
        fps: Frames a second of the video.
    """
    frames = reduce(np.intersect1d, [walk.modalities[need].frame_indices for need in needs])
    step = max(1, round(fps / RATE))
    span = FRAMES * step
    found = []
    for share in np.array_split(frames, max(1, min(MOST, len(frames) // span))):
        begin = max(0, (len(share) - span) // 2)
        some = share[begin : begin + span : step]
        if len(share) < span:
            some = share[np.unique(np.linspace(0, len(share) - 1, FRAMES).round().astype(np.int64))]
        found.append(GaitSequence(walk.video, walk.track_id, _at(walk, needs, some), walk.quality))
    return found


def _at(walk: EncoderInput, needs: Sequence[Modality], frames: IntArray) -> dict[Modality, ModalityFrames]:
    seen = {}
    for need in needs:
        there = walk.modalities[need]
        seen[need] = ModalityFrames(there.data[np.searchsorted(there.frame_indices, frames)], frames)
    return seen
