"""Opening encoders by name, and which silhouettes of a long walk they look at."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.config import RecognitionConfig, RuntimeConfig
from pipeline.errors import ConfigError
from pipeline.recognition import open_encoder
from pipeline.recognition.encoder import sample_masks
from pipeline.types import SilhouetteSequence

CPU = RuntimeConfig(device="cpu")


def numbered(count):
    """A walk whose t-th mask is filled with t."""
    masks = np.broadcast_to(np.arange(count, dtype=np.uint8)[:, None, None], (count, 64, 44)).copy()
    return SilhouetteSequence("probe", 1, masks, np.arange(count))


def test_an_unknown_encoder_is_refused_with_the_nearest_name():
    with pytest.raises(ConfigError, match=r"recognition.encoder.*did you mean 'gaitbase'"):
        open_encoder(RecognitionConfig(encoder="gaitbas"), CPU, None)


def test_a_model_with_weights_wants_a_checkpoint():
    with pytest.raises(ConfigError, match=r"recognition.checkpoint: gaitbase needs weights"):
        open_encoder(RecognitionConfig(encoder="gaitbase"), CPU, None)


def test_short_walks_are_looked_at_whole():
    assert sample_masks(numbered(7), 7)[:, 0, 0].tolist() == list(range(7))


@pytest.mark.parametrize(
    ("most", "expected"),
    [(1, [5]), (2, [2, 7]), (5, [1, 3, 5, 7, 9]), (9, [0, 1, 3, 4, 5, 6, 7, 8, 9])],
)
def test_long_walks_are_sampled_evenly(most, expected):
    found = sample_masks(numbered(10), most)[:, 0, 0].tolist()
    assert len(set(found)) == most
    assert found == pytest.approx(expected, abs=1)


def test_a_walk_without_silhouettes_is_refused():
    with pytest.raises(ValueError, match="probe track 1 has no silhouettes"):
        sample_masks(numbered(0), 5)


@pytest.mark.parametrize(
    ("most", "window", "expected"),
    [(4, 2, [2, 3, 7, 8]), (5, 2, [2, 3, 7, 8]), (6, 3, [1, 2, 3, 7, 8, 9]), (3, 30, [4, 5, 6])],
)
def test_windows_of_consecutive_silhouettes_are_spread_over_the_walk(most, window, expected):
    assert sample_masks(numbered(11), most, window)[:, 0, 0].tolist() == expected
