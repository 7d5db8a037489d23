"""Several encoders as one: their distances add up as their weights say."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest
from small_networks import BACKENDS, save_small

from pipeline.config import RecognitionConfig, RuntimeConfig
from pipeline.errors import ConfigError
from pipeline.jobs.prepare import find_checkpoints, of_encoders
from pipeline.matching.distance import distance_matrix
from pipeline.profiles import load_config
from pipeline.recognition import needs_of, open_encoder
from pipeline.recognition.made_up import made_up_sequence
from pipeline.types import Modality, SilhouetteSequence

CPU = RuntimeConfig(device="cpu", threads=1)


def walk(track_id):
    masks = np.random.default_rng(track_id).integers(0, 256, (12, 64, 44), dtype=np.uint8)
    return SilhouetteSequence("probe", track_id, masks, np.arange(12), {"usable": 0.5})


@pytest.fixture(scope="module")
def walks():
    return [walk(track_id) for track_id in (1, 2, 3)]


@pytest.fixture(scope="module")
def gaitset(tmp_path_factory):
    return save_small(BACKENDS["gaitset"], tmp_path_factory.mktemp("gaitset") / "gaitset.pt")


def distances(embeddings):
    return distance_matrix(embeddings, embeddings, "euclidean")


def unit(embeddings):
    return [dataclasses.replace(e, parts=e.parts / np.linalg.norm(e.parts, axis=0)) for e in embeddings]


def test_distances_are_the_weighted_mean_of_those_of_unit_parts(walks, gaitset, assert_close_to_rms):
    one = open_encoder(RecognitionConfig(encoder="gaitset"), CPU, gaitset).encode(walks)
    other = open_encoder(RecognitionConfig(encoder="hog"), CPU, None).encode(walks)
    encoders = [{"encoder": "gaitset", "checkpoint": "x", "weight": 3}, {"encoder": "hog", "weight": 1}]
    fused = open_encoder(RecognitionConfig(encoders=encoders), CPU, gaitset, None).encode(walks)
    expected = 0.75 * distances(unit(one)) + 0.25 * distances(unit(other))
    assert_close_to_rms(distances(fused), expected, 1e-5)


def test_a_fused_embedding_says_of_what_it_is(walks, gaitset):
    encoders = [{"encoder": "gaitset", "weight": 2}, "gei"]
    (first, *_) = open_encoder(RecognitionConfig(encoders=encoders), CPU, gaitset, None).encode(walks)
    assert (first.model, first.frames_used) == ("fused-gaitset*2+gei-16*1", 12)
    assert dict(first.quality) == {"usable": 0.5}
    alone = open_encoder(RecognitionConfig(encoders=["hog", "gei"]), CPU, None, None).encode(walks)[0]
    assert len({first.checkpoint_sha256, alone.checkpoint_sha256}) == 2


def test_embeddings_of_other_weights_are_not_compared(walks):
    of_weight = [
        open_encoder(RecognitionConfig(encoders=["hog", {"encoder": "gei", "weight": weight}]), CPU, None, None).encode(
            walks[:1]
        )[0]
        for weight in (1, 2)
    ]
    with pytest.raises(ConfigError, match="cannot be compared"):
        distance_matrix(of_weight[:1], of_weight[1:], "euclidean")


def test_what_any_of_them_needs_all_walks_must_have(walks):
    config = RecognitionConfig(encoders=["gei", "smplgait"])
    assert needs_of(config) == (Modality.SILHOUETTES, Modality.SMPL)
    assert made_up_sequence(needs_of(config), 3, 0).modalities.keys() == set(needs_of(config))


def test_mirroring_goes_round_all_of_them(walks):
    config = RecognitionConfig(encoders=["hog", "gei"], mirroring="both")
    (embedding,) = open_encoder(config, CPU, None, None).encode(walks[:1])
    assert embedding.model == "fused-hog*1+gei-16*1+both"


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (["recognition.encoders=[gei]"], "one is no fusion"),
        (["recognition.encoders=[gei, hog]", "recognition.checkpoint=x"], "each of recognition.encoders its own"),
        (["recognition.encoders=[gei, hog]", "matching.metric=cosine"], "must be euclidean"),
        (["recognition.encoders=[gei, {encoder: hog, weight: 0}]"], "greater than 0"),
    ],
)
def test_settings_that_make_no_fusion_are_refused(settings, said):
    with pytest.raises(ConfigError, match=said):
        load_config("light", settings)


def test_every_encoder_has_its_own_checkpoint(shared):
    config = load_config("light", ["recognition.encoders=[gei, hog]"])
    found = find_checkpoints(config, shared / "checkpoints")
    assert list(found) == ["detector", "segmenter", "encoder", "encoder2"]
    assert of_encoders(found) == [None, None]
    assert all(one != other for one, other in itertools.combinations(found, 2))
