"""Every registered network: it builds, loads its keys, takes walks of any length, and sees each as if alone."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch
from small_networks import BACKENDS, MODELS, save_small

from pipeline.config import RecognitionConfig, RuntimeConfig
from pipeline.errors import CheckpointError, ConfigError
from pipeline.recognition import open_encoder
from pipeline.recognition.made_up import made_up_sequence
from pipeline.types import Modality
from pipeline.weights.checkpoints import Checkpoint

CPU = RuntimeConfig(device="cpu", threads=1)


def lengths_for(model):
    """Frames of four walks. Large pictures are looked at by eights, so that fewer tell as much."""
    return (1, 3, 60, 3) if model.size[0] <= 64 else (1, 3, 20, 3)


@pytest.fixture(scope="module", params=MODELS)
def saved(request, tmp_path_factory):
    """(model, a checkpoint of a small network of its kind with random weights)."""
    model = BACKENDS[request.param]
    return model, save_small(model, tmp_path_factory.mktemp(model.name) / f"{model.name}.pt")


def encoder(saved, runtime=CPU, **settings):
    model, checkpoint = saved
    return open_encoder(RecognitionConfig(encoder=model.name, **settings), runtime, checkpoint)


def walks(model, lengths=()):
    lengths = lengths or lengths_for(model)
    size = model.size if model.size[0] % 64 else (64, 44)  # the smallest that it takes
    return [made_up_sequence(model.needs, length, seed, size, seed + 1) for seed, length in enumerate(lengths)]


@pytest.fixture(scope="module")
def embeddings(saved):
    """A long walk among short ones, encoded together."""
    return encoder(saved).encode(walks(saved[0]))


def test_walks_of_any_length_are_encoded_in_order(saved, embeddings):
    assert [embedding.track_id for embedding in embeddings] == [1, 2, 3, 4]
    assert [embedding.frames_used for embedding in embeddings] == list(lengths_for(saved[0]))
    assert len({embedding.parts.shape for embedding in embeddings}) == 1
    assert all(np.abs(embedding.parts).max() > 0 for embedding in embeddings)


def test_each_walk_is_seen_as_if_alone(saved, embeddings, assert_close_to_rms):
    model, _ = saved
    alone = encoder(saved)
    for together, walk in zip(embeddings, walks(model), strict=True):
        assert_close_to_rms(together.parts, alone.encode([walk])[0].parts, 1e-4)


def test_different_walks_have_different_embeddings(embeddings):
    one, other = embeddings[1].parts, embeddings[3].parts
    assert np.abs(one - other).max() > 1e-3 * np.sqrt(np.mean(one**2))


def test_a_missing_key_is_named(saved, tmp_path):
    model, checkpoint = saved
    content = torch.load(checkpoint.path, weights_only=True)
    key = next(key for key in content["model"] if not key.startswith(model.network_class.HEAD or "\0"))
    del content["model"][key]
    torch.save(content, path := tmp_path / checkpoint.path.name)
    with pytest.raises(CheckpointError, match=re.escape(key)):
        encoder((model, Checkpoint(checkpoint.card, path, "")))


def test_what_a_walk_lacks_is_named(saved):
    model, _ = saved
    other = Modality.SILHOUETTES if Modality.SILHOUETTES not in model.needs else Modality.KEYPOINTS
    with pytest.raises(ConfigError, match=f"needs .*{model.needs[0]}"):
        encoder(saved).encode([made_up_sequence([other], 3, 0)])


def test_scores_of_the_training_head_are_given_where_there_is_one(saved):
    model, _ = saved
    if not model.network_class.HEAD:
        with pytest.raises(ConfigError, match="no training head"):
            encoder(saved, features="logits")
        return
    (scores,) = encoder(saved, features="logits").encode(walks(model, [3]))
    assert scores.model.endswith("-logits")
    assert scores.parts.shape[0] == 5


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_a_gpu_gives_the_same(saved, embeddings, assert_close_to_rms):
    on_gpu = encoder(saved, RuntimeConfig(device="cuda")).encode(walks(saved[0]))
    for one, other in zip(on_gpu, embeddings, strict=True):
        assert_close_to_rms(one.parts, other.parts, 2e-3)  # TF32
