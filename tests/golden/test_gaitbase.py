"""GaitBase equals OpenGait's, on four published architectures with seeded weights: golden/gaitbase_*."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import torch

from pipeline.config import RecognitionConfig, RuntimeConfig
from pipeline.recognition import open_encoder
from pipeline.recognition.layers.silhouettes import temporal_max
from pipeline.recognition.models.gaitbase_network import load_gaitbase
from pipeline.types import SilhouetteSequence
from pipeline.weights.checkpoints import Card, Checkpoint

CLASSES = {"grew": 20000, "gait3d": 3000, "casiab": 74, "oumvlp": 5153}
LOGITS = ["gait3d", "casiab", "oumvlp"]  # of GREW's 20000 classes, golden/all_in_one_demo has the logits
CONCATENATED = ["grew", "gait3d"]


def seeded_weights(folder, weight_rule):
    keys = json.loads((folder / "state_dict_keys.json").read_text())
    weights = {
        key: torch.from_numpy(np.asarray(weight_rule.make(key, shape, dtype == "int64")).reshape(shape))
        for key, (shape, dtype) in keys.items()
        if math.prod(shape) < 5e7
    }
    huge = {key: torch.zeros(1).expand(shape) for key, (shape, _) in keys.items() if key not in weights}
    return {key: weights.get(key, huge.get(key)) for key in keys}  # GREW's head, of 327 MB, is not looked at here


@pytest.fixture(scope="module")
def reference(request, golden, weight_rule, tmp_path_factory):
    """(name, folder, a checkpoint file as OpenGait's trainer writes it)."""
    folder = golden(f"gaitbase_{request.param}")
    path = tmp_path_factory.mktemp(request.param) / "GaitBase_DA-60000.pt"
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1, momentum=0.9)
    scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, [20000, 40000, 50000])
    states = {"optimizer": optimizer.state_dict(), "scheduler": scheduler.state_dict(), "iteration": 60000}
    torch.save({"model": seeded_weights(folder, weight_rule), **states}, path)
    yield request.param, folder, path
    path.unlink()


def encoder_of(reference, features="embeddings"):
    name, _, path = reference
    card = Card(
        name=f"gaitbase_{name}",
        stage="encoder",
        loader="opengait",
        file=path.name,
        licence="none",
        architecture={"classes": CLASSES[name]},
    )
    config = RecognitionConfig(encoder="gaitbase", checkpoint=str(path), features=features)
    return open_encoder(config, RuntimeConfig(device="cpu"), Checkpoint(card, path, "0" * 64))


def walks(folder):
    """The reference's input as it reaches its network: 10 columns cut on each side of 64."""
    with np.load(folder / "input.npz") as file:
        return [
            SilhouetteSequence(name, 1, np.ascontiguousarray(file[name][:, :, 10:-10]), np.arange(len(file[name])))
            for name in file.files
        ]


@pytest.mark.parametrize("reference", CLASSES, indirect=True)
def test_embeddings_equal_the_reference(reference, assert_close_to_rms):
    _, folder, _ = reference
    sequences = walks(folder)
    embeddings = encoder_of(reference).encode(sequences)
    with np.load(folder / "output.npz") as output:
        for embedding in embeddings:
            assert_close_to_rms(embedding.parts[None], output[f"emb_{embedding.video}"])
    assert [embedding.frames_used for embedding in embeddings] == [len(sequence) for sequence in sequences]


@pytest.mark.parametrize("reference", LOGITS, indirect=True)
def test_logits_equal_the_reference(reference, assert_close_to_rms):
    _, folder, _ = reference
    embeddings = encoder_of(reference, "logits").encode(walks(folder)[:1])
    with np.load(folder / "output.npz") as output:
        for embedding in embeddings:
            assert_close_to_rms(embedding.parts[None], output[f"softmax_logits_{embedding.video}"])


@pytest.mark.parametrize("reference", CONCATENATED, indirect=True)
def test_feature_maps_and_concatenated_sequences_equal_the_reference(reference, assert_close_to_rms):
    _, folder, path = reference
    network = load_gaitbase(path)
    sequences = walks(folder)
    lengths = [len(sequence) for sequence in sequences]
    masks = np.concatenate([sequence.masks for sequence in sequences])
    with np.load(folder / "output.npz") as output, torch.inference_mode():
        maps = network.Backbone(torch.from_numpy(masks).float().div(255)[None, None])
        pooled = temporal_max(maps, lengths)
        assert_close_to_rms(pooled[:1], output["inter_TP_0"])
        (together,) = (key for key in output.files if key.startswith("emb_concat"))
        assert_close_to_rms(network.embed(pooled), output[together])
