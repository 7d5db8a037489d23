"""Stretches of a walk, as long as the made-up people's walks."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from pipeline.recognition.stretches import stretches
from pipeline.types import GaitSequence, Modality, ModalityFrames, SilhouetteSequence

MASKS = Modality.SILHOUETTES


def walk(frames):
    indices = np.asarray(frames)
    return SilhouetteSequence(
        "v", 3, np.broadcast_to(indices[:, None, None], (len(indices), 64, 44)).astype(np.uint8), indices
    )


@pytest.mark.parametrize(
    ("count", "fps", "expected"),
    [
        (240, 25.0, [12, 12, 12, 12]),
        (50, 25.0, [12, 12]),
        (30, 25.0, [12]),
        (16, 25.0, [12]),
        (10, 25.0, [10]),
        (30, 12.5, [12, 12]),
    ],
)  # fmt: skip
def test_a_walk_gives_as_many_stretches_as_it_has_seconds_four_at_most(count, fps, expected):
    assert [len(one.modalities[MASKS]) for one in stretches(walk(np.arange(count)), (MASKS,), fps)] == expected


def test_stretches_lie_apart_and_take_every_second_frame():
    found = [one.modalities[MASKS] for one in stretches(walk(np.arange(200)), (MASKS,), 25.0)]
    assert all((np.diff(one.frame_indices) == 2).all() for one in found)
    assert all(before.frame_indices[-1] < after.frame_indices[0] for before, after in itertools.pairwise(found))
    assert all((one.data[:, 0, 0] == one.frame_indices).all() for one in found)


def test_only_frames_with_everything_that_is_needed_count():
    masks, joints = walk(np.arange(0, 40)), ModalityFrames(np.zeros((30, 17, 3), np.float32), np.arange(20, 50))
    both = GaitSequence("v", 3, {**masks.modalities, Modality.KEYPOINTS: joints})
    (only,) = stretches(both, (MASKS, Modality.KEYPOINTS), 25.0)
    frames = only.modalities[MASKS].frame_indices
    assert frames[0] == 20 and frames[-1] == 39
    assert np.array_equal(frames, only.modalities[Modality.KEYPOINTS].frame_indices)
