"""Encoders that see every walk in one direction."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.config import RecognitionConfig, RuntimeConfig
from pipeline.errors import ConfigError
from pipeline.matching.distance import distance_matrix
from pipeline.pose.skeleton_maps import SkeletonMaps
from pipeline.profiles import load_config
from pipeline.recognition import open_encoder
from pipeline.recognition.mirroring import mirror
from pipeline.types import GaitSequence, Modality, ModalityFrames, SilhouetteSequence

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


@pytest.fixture
def poses(masks):
    """A walk in silhouettes, keypoints and skeleton maps, as a run gives them."""
    body = np.random.default_rng(1).uniform(20, 200, (12, 17, 3)).astype(np.float32)
    body[..., 1] = np.linspace(10, 210, 17) + body[..., 1] / 20
    body[..., 2] /= 250
    frames = {
        Modality.SILHOUETTES: masks,
        Modality.KEYPOINTS: body,
        Modality.SKELETON_MAPS: SkeletonMaps.of(body),
    }
    modalities = {need: ModalityFrames(data, np.arange(12)) for need, data in frames.items()}
    return GaitSequence("probe", 1, modalities, {"heading": -1.0})


def test_every_modality_of_a_run_is_mirrored_and_back(poses):
    twice = mirror(mirror(poses)).modalities
    for need, frames in poses.modalities.items():
        np.testing.assert_allclose(twice[need].data[:], frames.data[:], rtol=1e-5)
        assert twice[need].data.shape == frames.data.shape and len(twice[need]) == 12
    assert mirror(poses).quality == poses.quality


def test_mirrored_keypoints_are_those_of_a_mirrored_picture(poses):
    seen = mirror(poses).modalities
    before, after = (walk[Modality.KEYPOINTS].data[:] for walk in (poses.modalities, seen))
    np.testing.assert_allclose(after[:, 5, 1:], before[:, 6, 1:])  # left shoulder: the right one's height and score
    both = before[:, 6, 0] + after[:, 5, 0]
    np.testing.assert_allclose(both, both[0], rtol=1e-5)
    drawn = SkeletonMaps.of(after)[:].astype(int)
    flipped = seen[Modality.SKELETON_MAPS].data[:].astype(int)
    assert np.abs(drawn - flipped).mean() < 2.5  # a drawing is not symmetric to the pixel


def test_some_frames_of_a_mirrored_walk_are_those_frames(poses):
    maps = mirror(poses).modalities[Modality.SKELETON_MAPS].data
    np.testing.assert_array_equal(maps[np.array([7, 2])], maps[:][[7, 2]])


def test_joints_that_were_not_found_have_no_mirror_image(poses):
    poses.modalities[Modality.KEYPOINTS].data[3, 6] = 0
    seen = mirror(poses).modalities[Modality.KEYPOINTS].data[:]
    assert not seen[3, 5].any() and seen[3, 6].any()


def test_what_has_no_mirror_image_is_refused():
    other = GaitSequence("probe", 1, {Modality.SMPL: ModalityFrames(np.zeros((2, 85)), np.arange(2))})
    with pytest.raises(ConfigError, match=r"SMPL cannot be mirrored\. Use recognition\.mirroring=off"):
        mirror(other)


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


def test_a_walk_whose_heading_nobody_measured_stays_as_it_is(masks):
    sequence = SilhouetteSequence("probe", 7, masks, np.arange(len(masks)))
    np.testing.assert_array_equal(parts("heading", sequence)[0], parts("off", sequence)[0])


@pytest.mark.parametrize("written", ["off", "false", "'off'"])
def test_yaml_may_say_off_without_quotes(written):
    assert load_config("light", [f"recognition.mirroring={written}"]).recognition.mirroring == "off"


def test_other_values_are_refused():
    with pytest.raises(ConfigError, match=r"recognition\.mirroring: Input should be 'off', 'heading' or 'both'"):
        load_config("light", ["recognition.mirroring=true"])
