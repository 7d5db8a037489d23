"""Our encoder and distances equal All-in-One-Gait's demo, silhouettes to matching: golden/all_in_one_demo.

The demo compares the training head's logits with one L2 norm over everything, threshold 100; as GREW it feeds the raw
192×192 masks, as CASIAB the aligned ones (64×64 here: the demo does not cut the columns).
"""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from pipeline.config import MatchingConfig, RecognitionConfig, RuntimeConfig
from pipeline.jobs.people import People
from pipeline.matching.distance import distance_matrix
from pipeline.recognition import open_encoder
from pipeline.segmentation.normalise import normalise
from pipeline.types import SilhouetteSequence
from pipeline.weights.checkpoints import Card, Checkpoint

pytestmark = pytest.mark.slow

VARIANTS = ["GREW", "CASIAB"]
WALKS = [f"{video}_{track:03d}" for video in ("gallery", "probe1") for track in (1, 2, 3, 4)]


@pytest.fixture(scope="module")
def encoders(golden, drawn, tmp_path_factory):
    """The GREW network, read once as embeddings and once as logits."""
    keys = json.loads((golden("all_in_one_demo") / "state_dict_keys.json").read_text())
    weights = {
        key: torch.from_numpy(np.asarray(drawn(key, tuple(shape), dtype == "int64")).reshape(shape))
        for key, (shape, dtype) in keys.items()
    }
    path = tmp_path_factory.mktemp("grew") / "GaitBase_DA-180000.pt"
    torch.save({"model": weights, "optimizer": {}, "scheduler": {}, "iteration": 180000}, path)
    card = Card(name="gaitbase_grew", stage="encoder", loader="opengait", file=path.name, licence="none")
    opened = {
        features: open_encoder(
            RecognitionConfig(encoder="gaitbase", checkpoint=str(path), features=features),
            RuntimeConfig(device="cpu"),
            Checkpoint(card, path, "0" * 64),
        )
        for features in ("embeddings", "logits")
    }
    path.unlink()
    return opened


@pytest.fixture(scope="module")
def output(golden):
    with np.load(golden("all_in_one_demo") / "output.npz") as file:
        return {name: file[name] for name in file.files}


@pytest.fixture(scope="module", params=VARIANTS)
def encoded(request, golden, encoders):
    """(variant, features → walk → embedding)."""
    with np.load(golden("all_in_one_demo") / "input.npz") as file:
        masks = {walk: file[walk] for walk in WALKS}
    if request.param == "CASIAB":
        masks = {walk: np.stack([normalise(mask) for mask in frames]) for walk, frames in masks.items()}
    sequences = {
        walk: SilhouetteSequence(walk[:-4], int(walk[-3:]), frames, np.arange(len(frames)))
        for walk, frames in masks.items()
    }
    wanted = {"logits": WALKS, "embeddings": WALKS}
    if request.param == "GREW":  # raw masks take 13 times as long
        wanted = {"logits": [*WALKS[:5], WALKS[-1]], "embeddings": ["gallery_001", "probe1_001"]}
    return request.param, {
        name: dict(zip(walks, encoders[name].encode([sequences[walk] for walk in walks]), strict=True))
        for name, walks in wanted.items()
    }


def test_embeddings_before_the_head_equal_the_reference(encoded, output, assert_close_to_rms):
    variant, found = encoded
    for walk, embedding in found["embeddings"].items():
        assert_close_to_rms(embedding.parts[None], output[f"{variant}_{walk}_embed1"])


def test_logits_equal_the_reference(encoded, output, assert_close_to_rms):
    variant, found = encoded
    for walk, embedding in found["logits"].items():
        logits = embedding.parts
        assert logits.shape == (20000, 16)
        assert_close_to_rms(logits[None, :64], output[f"{variant}_{walk}_logits_first64"])
        total = float(logits.sum(dtype=np.float64))  # of 320000 values, whose rounding errors add up
        assert total == pytest.approx(float(output[f"{variant}_{walk}_logits_sum"]), abs=0.01)


@pytest.mark.parametrize(
    ("features", "metric", "key"),
    [("logits", "frobenius", "demo_distance"), ("embeddings", "euclidean", "opengait_euc_on_embed1")],
)
def test_distances_equal_the_reference(encoded, output, assert_close_to_rms, features, metric, key):
    variant, found = encoded
    probes, gallery = split(found[features])
    rows, columns = ([one.track_id - 1 for one in some] for some in (probes, gallery))
    reference = output[f"{variant}_{key}"][np.ix_(rows, columns)]
    assert_close_to_rms(distance_matrix(probes, gallery, metric), reference)


def test_nearest_identities_equal_the_reference(encoded, golden):
    variant, found = encoded
    probes, gallery = split(found["logits"])
    config = MatchingConfig(metric="frobenius", threshold=100, one_to_one=False)
    matches = People.of_tracks(gallery, config).match(probes, [], {})
    expected = json.loads((golden("all_in_one_demo") / "result.json").read_text())[f"{variant}_pgdict"]
    found = {f"{m.video}-{m.track_id:03d}": m.identity for m in matches}
    assert found == {probe: identity for probe, identity in expected.items() if probe in found}
    assert len(found) == len(probes)


def test_everybody_is_unknown_below_the_reference_threshold_of_one(encoded):
    _, found = encoded
    probes, gallery = split(found["logits"])
    matches = People.of_tracks(gallery, MatchingConfig(metric="frobenius", threshold=1)).match(probes, [], {})
    assert [match.status for match in matches] == ["unknown"] * len(probes)


def split(embeddings):
    everybody = list(embeddings.values())
    return [e for e in everybody if e.video == "probe1"], [e for e in everybody if e.video == "gallery"]
