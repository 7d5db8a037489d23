"""Encoders that see every walk in one direction."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.config import RecognitionConfig, RuntimeConfig, load_config
from pipeline.errors import ConfigError
from pipeline.matching.distance import distance_matrix
from pipeline.matching.match import threshold_of
from pipeline.recognition import open_encoder
from pipeline.recognition.mirroring import mirror
from pipeline.types import SilhouetteSequence

CPU = RuntimeConfig(device="cpu")


def encoder(mirroring, name="gei", **settings):
    return open_encoder(RecognitionConfig(encoder=name, mirroring=mirroring, **settings), CPU, None)


@pytest.fixture
def masks():
    return np.random.default_rng(0).integers(0, 256, (12, 64, 44), dtype=np.uint8)


def walk(masks, heading):
    return SilhouetteSequence("probe", 1, masks, np.arange(len(masks)), {"heading": heading})


def parts(mirroring, *walks, **settings):
    return [embedding.parts for embedding in encoder(mirroring, **settings).encode(walks)]


def test_a_mirror_swaps_left_and_right_and_nothing_else(masks):
    seen = mirror(walk(masks, 1.0))
    np.testing.assert_array_equal(seen.masks[:, :, 0], masks[:, :, -1])
    np.testing.assert_array_equal(mirror(seen).masks, masks)


@pytest.mark.parametrize("name", ["gei", "hog", "untrained"])
def test_by_heading_a_left_going_walk_is_its_mirror_image_going_right(masks, name):
    right, left = walk(masks, 1.4), mirror(walk(masks, -1.4))
    facing_right, mirrored, plain = parts("heading", right, left, walk(masks, 0.0), name=name)
    np.testing.assert_array_equal(mirrored, facing_right)
    np.testing.assert_array_equal(plain, facing_right)  # no clear direction: as it is
    assert not np.allclose(*parts("off", right, left, name=name))


@pytest.mark.parametrize("name", ["gei", "hog", "untrained"])
def test_with_both_the_direction_does_not_matter(masks, name):
    one, other, unknown = parts("both", walk(masks, 1.4), mirror(walk(masks, -1.4)), walk(masks, 0.0), name=name)
    np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(one, unknown)


def test_both_is_the_mean_of_the_two(masks):
    (mean,) = parts("both", walk(masks, 0.0))
    there, back = parts("off", walk(masks, 0.0), mirror(walk(masks, 0.0)))
    np.testing.assert_allclose(mean, (there + back) / 2, rtol=1e-6)


@pytest.mark.parametrize("others", ["off", "heading"])
def test_features_of_different_mirroring_are_never_compared(masks, others):
    (probe,), (gallery,) = (encoder(how).encode([walk(masks, 1.0)]) for how in ("both", others))
    with pytest.raises(ConfigError, match=r"gei-16\+both, 176×16\) and .* cannot be compared"):
        distance_matrix([probe], [gallery], "euclidean")


def test_a_threshold_that_was_measured_without_mirroring_does_not_hold_with_it(masks):
    plain, mirrored = (encoder(how).encode([walk(masks, 1.0)]) for how in ("off", "both"))
    matching = load_config("light").matching
    assert threshold_of(matching, plain) < threshold_of(matching, mirrored) == np.inf


def test_a_walk_whose_heading_nobody_measured_is_a_fault(masks):
    sequence = SilhouetteSequence("probe", 7, masks, np.arange(len(masks)))
    with pytest.raises(ValueError, match="probe track 7: its heading was not measured"):
        encoder("heading").encode([sequence])
    assert encoder("both").encode([sequence])


@pytest.mark.parametrize("written", ["off", "false", "'off'"])
def test_yaml_may_say_off_without_quotes(written):
    assert load_config("light", [f"recognition.mirroring={written}"]).recognition.mirroring == "off"


def test_other_values_are_refused():
    with pytest.raises(ConfigError, match=r"recognition\.mirroring: Input should be 'off', 'heading' or 'both'"):
        load_config("light", ["recognition.mirroring=true"])
