"""HOG of the Gait Energy Image."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.config import RecognitionConfig, RuntimeConfig
from pipeline.errors import ConfigError
from pipeline.recognition import open_encoder
from pipeline.recognition.models.gei import oriented_gradients
from pipeline.types import Modality, SilhouetteSequence

CPU = RuntimeConfig(device="cpu")


@pytest.fixture
def figure():
    """A standing block: H×W float32 in 0–1."""
    image = np.zeros((64, 44), np.float32)
    image[8:60, 14:30] = 1
    return image


def encode(masks, **settings):
    encoder = open_encoder(RecognitionConfig(encoder="hog", **settings), CPU, None)
    return encoder.encode([SilhouetteSequence("probe", 3, masks, np.arange(len(masks)))])[0]


def test_parts_are_rows_of_blocks_of_unit_length(figure):
    parts = oriented_gradients(figure)
    assert parts.shape == (5 * 4 * 9, 7)
    np.testing.assert_allclose(np.linalg.norm(parts, axis=0), 1, rtol=1e-6)


@pytest.mark.parametrize(("rows", "touched"), [(slice(9, 12), [0, 1]), (slice(33, 38), [3, 4]), (slice(57, 60), [6])])
def test_a_change_at_some_height_changes_the_parts_there_only(figure, rows, touched):
    other = figure.copy()
    other[rows, 14:22] = 0
    moved = np.abs(oriented_gradients(other) - oriented_gradients(figure)).max(axis=0)
    assert set(touched) <= set(np.flatnonzero(moved > 0.02)) <= {*touched, touched[0] - 1, touched[-1] + 1}


def test_an_upright_edge_falls_into_the_bins_of_its_direction(figure):
    """Cell 3, 2 holds the left edge of the block, whose gradient points sideways: the first and the last bin."""
    block = oriented_gradients(figure)[:, 3].reshape(5, 4, 9)[1]
    energy = block.sum(axis=0)
    assert energy[[0, 8]].sum() > 0.95 * energy.sum()


def test_it_looks_at_outlines_not_at_brightness(figure):
    np.testing.assert_allclose(oriented_gradients(figure * 0.5), oriented_gradients(figure), atol=0.02)


def test_an_empty_silhouette_has_no_values():
    assert not oriented_gradients(np.zeros((64, 44), np.float32)).any()


def test_raw_square_masks_have_more_parts():
    assert encode(np.zeros((2, 192, 192), np.uint8)).parts.shape == (23 * 36, 23)


def test_an_embedding_says_what_it_is():
    masks = np.random.default_rng(0).integers(0, 256, (12, 64, 44), dtype=np.uint8)
    embedding = encode(masks, max_frames=5)
    assert (embedding.model, embedding.checkpoint_sha256, embedding.frames_used) == ("hog", "", 5)
    assert (embedding.video, embedding.track_id, embedding.parts.dtype) == ("probe", 3, np.float32)


def test_logits_are_refused():
    with pytest.raises(ConfigError, match="the encoder hog has no training head"):
        open_encoder(RecognitionConfig(encoder="hog", features="logits"), CPU, None)


def test_it_needs_silhouettes_only():
    assert open_encoder(RecognitionConfig(encoder="hog"), CPU, None).needs == (Modality.SILHOUETTES,)
