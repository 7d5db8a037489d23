"""A network with random weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from pipeline.config import RecognitionConfig, RuntimeConfig
from pipeline.errors import ConfigError
from pipeline.recognition import open_encoder
from pipeline.types import SilhouetteSequence
from pipeline.weights.checkpoints import Card, Checkpoint

CPU = RuntimeConfig(device="cpu")


@pytest.fixture
def walk():
    masks = np.random.default_rng(0).integers(0, 256, (6, 64, 44), dtype=np.uint8)
    return SilhouetteSequence("probe", 3, masks, np.arange(len(masks)))


def encode(walk, seed):
    return open_encoder(RecognitionConfig(encoder="untrained", seed=seed), CPU, None).encode([walk])[0]


def test_the_seed_decides_the_weights(walk):
    once, again, other = encode(walk, 1), encode(walk, 1), encode(walk, 2)
    assert once.parts.shape == (128, 16) and once.parts.std() > 0
    np.testing.assert_array_equal(once.parts, again.parts)
    assert np.abs(once.parts - other.parts).max() > once.parts.std()
    assert (once.model, other.model) == ("untrained-16-seed1", "untrained-16-seed2")  # so they are never compared


def test_nobody_elses_random_numbers_are_touched(walk):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    encode(walk, 1)
    assert torch.equal(torch.rand(3), expected)


def test_weights_are_refused():
    card = Card(name="gaitbase_grew", stage="encoder", loader="opengait", file="g.pt", licence="none")
    with pytest.raises(ConfigError, match=r"untrained has no weights, g\.pt is of no use"):
        open_encoder(RecognitionConfig(encoder="untrained"), CPU, Checkpoint(card, Path("g.pt"), ""))
