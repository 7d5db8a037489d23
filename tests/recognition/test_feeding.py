"""How walks are put before a network: sizes, lengths, sets and batches."""

from __future__ import annotations

import numpy as np
import pytest
from small_networks import BACKENDS

from pipeline.errors import ConfigError
from pipeline.recognition.encoder import align_modalities
from pipeline.recognition.engines.batching import batches, fit_to_size, repeat_frames, split_into_sets
from pipeline.types import GaitSequence, Modality, ModalityFrames

GLN, GAITSET, LIDAR = BACKENDS["gln"], BACKENDS["gaitset"], BACKENDS["lidargaitpp"]


def pictures(*shape):
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def test_pictures_are_scaled_to_the_size_that_the_weights_were_made_for():
    scaled = fit_to_size(GLN, Modality.SILHOUETTES, pictures(3, 64, 44), (128, 88))
    assert (scaled.shape, scaled.dtype) == ((3, 128, 88), np.uint8)


def test_labels_are_scaled_without_making_up_new_ones_and_are_numbers():
    labels = np.full((2, 64, 44), 3, np.uint8)
    labels[:, 32:] = 11
    scaled = fit_to_size(GLN, Modality.PARSING, labels, (128, 88))
    assert (scaled.shape, scaled.dtype, set(np.unique(scaled))) == ((2, 128, 88), np.float32, {3.0, 11.0})


def test_square_masks_are_left_square():
    assert fit_to_size(GAITSET, Modality.SILHOUETTES, pictures(2, 192, 192), (64, 44)).shape == (2, 192, 192)


def test_pictures_that_cannot_be_cut_into_parts_are_refused_with_both_sizes():
    with pytest.raises(ConfigError, match=r"silhouettes of 60×44: gaitset takes multiples of 64×4\. Use 64×44"):
        fit_to_size(GAITSET, Modality.SILHOUETTES, pictures(2, 60, 44), (64, 44))


def test_a_size_that_a_network_was_made_for_need_be_no_multiple_but_is_the_only_one():
    model, answers = BACKENDS["denoisinggait"], np.zeros((2, 4, 96, 48), np.float32)
    silhouettes = fit_to_size(model, Modality.SILHOUETTES, pictures(2, 192, 96), model.size)
    assert [array.shape for array in model.inputs((answers, silhouettes))] == [(4, 2, 96, 48), (2, 96, 48)]
    with pytest.raises(ConfigError, match="silhouettes of 96×48, not 4×96×48 and 64×44"):
        model.inputs((answers, pictures(2, 64, 44)))


def test_points_have_no_size():
    points = np.zeros((2, 5, 3), np.float32)
    assert fit_to_size(LIDAR, Modality.POINTS, points, (64, 44)) is points


@pytest.mark.parametrize(("count", "least", "expected"), [(1, 3, 3), (2, 3, 4), (3, 3, 3), (5, 1, 5)])
def test_short_walks_are_repeated_as_a_whole(count, least, expected):
    (one, other) = repeat_frames((np.arange(count), np.arange(count) * 10), least)
    assert one.tolist() == (list(range(count)) * (expected // count))
    assert (other == one * 10).all()


@pytest.mark.parametrize("motion", [False, True])
@pytest.mark.parametrize(("count", "size", "sets"), [(7, None, 1), (11, 5, 2), (9, 5, 1), (12, 4, 3)])
def test_sets_hold_every_frame_once_and_are_large_enough(count, size, sets, motion):
    frames = np.arange(count)
    found = [frames[piece] for piece in split_into_sets(count, size, motion)]
    assert len(found) == sets
    assert sorted(np.concatenate(found).tolist()) == frames.tolist()
    assert min(map(len, found)) >= min(size or count, count)


def test_sets_of_motion_are_runs_and_others_span_the_walk():
    frames = np.arange(12)
    runs, spread = ([frames[piece].tolist() for piece in split_into_sets(12, 6, motion)] for motion in (True, False))
    assert runs == [[*range(6)], [*range(6, 12)]]
    assert spread == [[*range(0, 12, 2)], [*range(1, 12, 2)]]


def test_only_inputs_of_one_shape_share_a_batch_and_no_batch_is_too_large():
    inputs = [(np.zeros((1, frames, 2)),) for frames in (3, 5, 3, 3, 5)]
    assert sorted(batches(inputs, 12)) == [[0, 2], [1], [3], [4]]
    assert list(batches(inputs, 1)) == [[0], [2], [3], [1], [4]]


def test_only_frames_that_all_modalities_have_are_looked_at():
    walk = GaitSequence(
        "probe",
        1,
        {
            Modality.SILHOUETTES: ModalityFrames(np.arange(4), np.array([2, 3, 5, 8])),
            Modality.SMPL: ModalityFrames(np.arange(4) * 10, np.array([1, 3, 5, 9])),
        },
    )
    one, other = align_modalities(walk, (Modality.SMPL, Modality.SILHOUETTES), "smplgait")
    assert (one.tolist(), other.tolist()) == ([10, 20], [1, 2])


def test_a_walk_whose_modalities_have_no_frame_in_common_is_refused():
    frames = {need: ModalityFrames(np.zeros(1), np.array([i])) for i, need in enumerate(BACKENDS["smplgait"].needs)}
    with pytest.raises(ValueError, match="no silhouettes with SMPL"):
        align_modalities(GaitSequence("probe", 1, frames), BACKENDS["smplgait"].needs, "smplgait")
