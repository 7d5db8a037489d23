"""The Gait Energy Image."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pipeline.config import RecognitionConfig, RuntimeConfig
from pipeline.errors import ConfigError
from pipeline.recognition import open_encoder
from pipeline.types import SilhouetteSequence
from pipeline.weights.checkpoints import Card, Checkpoint

CPU = RuntimeConfig(device="cpu")


def encoder(**settings):
    return open_encoder(RecognitionConfig(encoder="gei", **settings), CPU, None)


def walk(masks, track_id=1):
    return SilhouetteSequence("probe", track_id, masks, np.arange(len(masks)), {"usable": 0.5})


@pytest.fixture
def masks():
    return np.random.default_rng(0).integers(0, 256, (12, 64, 44), dtype=np.uint8)


@pytest.mark.parametrize(("parts", "rows"), [(16, 4), (1, 64), (64, 1)])
def test_parts_are_the_strips_of_the_mean_silhouette(masks, parts, rows):
    (embedding,) = encoder(parts=parts).encode([walk(masks)])
    mean = masks.mean(axis=0) / 255
    for part in range(parts):
        strip = mean[part * rows : (part + 1) * rows].ravel()
        np.testing.assert_allclose(embedding.parts[:, part] * np.sqrt(strip.size), strip, rtol=1e-5)


def test_an_embedding_says_what_it_is_and_where_it_comes_from(masks):
    (embedding,) = encoder().encode([walk(masks, 5)])
    assert (embedding.video, embedding.track_id, embedding.frames_used) == ("probe", 5, 12)
    assert (embedding.model, embedding.checkpoint_sha256, dict(embedding.quality)) == ("gei-16", "", {"usable": 0.5})
    assert embedding.parts.shape == (176, 16)
    assert embedding.parts.dtype == np.float32


def test_the_distance_of_two_walks_is_the_rms_difference_of_their_pixels():
    black, white = (np.full((3, 64, 44), value, np.uint8) for value in (0, 255))
    dark, bright = (e.parts for e in encoder().encode([walk(black), walk(white)]))
    np.testing.assert_allclose(np.linalg.norm(bright - dark, axis=0), 1, rtol=1e-6)


def test_many_walks_are_encoded_in_order_as_each_alone(masks):
    walks = [walk(masks[:4], 1), walk(masks[4:], 2)]
    together = encoder().encode(walks)
    for one, sequence in zip(together, walks, strict=True):
        (alone,) = encoder().encode([sequence])
        assert one.track_id == sequence.track_id
        np.testing.assert_array_equal(one.parts, alone.parts)


def test_long_walks_are_sampled(masks):
    (embedding,) = encoder(max_frames=5).encode([walk(masks)])
    assert embedding.frames_used == 5


def test_raw_square_masks_are_cut_too():
    (embedding,) = encoder().encode([walk(np.zeros((2, 192, 192), np.uint8))])
    assert embedding.parts.shape == (12 * 192, 16)


def test_parts_that_do_not_divide_the_rows_are_refused(masks):
    with pytest.raises(ConfigError, match=r"recognition.parts=7 does not divide a silhouette of 64 rows"):
        encoder(parts=7).encode([walk(masks)])


@pytest.mark.parametrize(("model", "remedy"), [("", "another encoder"), ("gaitset", "recognition.encoder=gaitset")])
def test_weights_are_refused_with_the_encoder_that_takes_them(model, remedy):
    card = Card(name="gaitbase_grew", stage="encoder", loader="opengait", model=model, file="g.pt", licence="none")
    with pytest.raises(
        ConfigError, match=rf"gei has no weights, g\.pt is of no use .* Set recognition\.checkpoint=null, or {remedy}\."
    ):
        open_encoder(RecognitionConfig(encoder="gei"), CPU, Checkpoint(card, Path("g.pt"), ""))


def test_logits_are_refused():
    with pytest.raises(ConfigError, match="no training head"):
        encoder(features="logits")
