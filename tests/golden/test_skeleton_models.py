"""The models for keypoints and skeleton maps equal OpenGait's, with seeded weights."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from odd_checkpoints import as_opengait_saves

from pipeline.extraction.networks import find_checkpoints
from pipeline.profiles import load_config
from pipeline.recognition import open_encoder
from pipeline.recognition.made_up import made_up_sequence
from pipeline.types import GaitSequence, Modality, ModalityFrames

GRAPHS = {
    "gaitgraph1": "gaitgraph1",
    "gaitgraph2": "gaitgraph2",
    "gaitgraph2_gait3d": "gaitgraph2",
    "gaitgraph2_oumvlp": "gaitgraph2",
    "gaittr": "gaittr",
    "msgg": "msgg",
}
MAPS = {
    "skeletongait": "skeletongait",
    "skeletongait_oumvlp": "skeletongait",
    "skeletongaitpp": "skeletongaitpp",
    "skeletongaitpp_ccpg": "skeletongaitpp",
}


@pytest.mark.parametrize("name", GRAPHS)
def test_embeddings_of_keypoints_equal_the_reference(name, golden, golden_network, assert_close_to_rms):
    model, network, _ = golden_network(name, GRAPHS[name])
    with np.load(golden(name) / "input.npz") as file:
        given = np.stack([model.inputs((file[walk],))[0] for walk in file.files])
    with np.load(golden(name) / "output.npz") as output, torch.inference_mode():
        assert_close_to_rms(network(torch.from_numpy(given)).numpy(), output["embeddings"])


@pytest.mark.parametrize("name", MAPS)
def test_embeddings_and_logits_of_skeleton_maps_equal_the_reference(name, golden, golden_network, assert_close_to_rms):
    model, network, head = golden_network(name, MAPS[name])
    assert head
    with (
        np.load(golden(name) / "input.npz") as file,
        np.load(golden(name) / "output.npz") as output,
        torch.inference_mode(),
    ):
        for walk in "AB":
            frames = [file[key] for key in file.files if key.partition("_")[0] == walk]
            if len(frames) > 1 and frames[1].shape[-1] == 64:
                frames[1] = frames[1][..., 10:-10]  # silhouettes come cut from the pipeline
            (given,) = model.inputs(tuple(frames))
            embeddings = network(torch.from_numpy(given).float().div(255)[None])
            assert_close_to_rms(embeddings.numpy(), output[f"emb_{walk}"])
            assert_close_to_rms(network.logits(embeddings).numpy(), output[f"softmax_logits_{walk}"])


@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "legacy"])
@pytest.mark.parametrize("name", ["gaitgraph1", "gaitgraph2_gait3d", "gaittr"])
def test_files_as_opengait_publishes_them_are_run_by_the_profile(
    name, legacy, golden, golden_weights, assert_close_to_rms, tmp_path
):
    """They hold the objects of their training: optimiser, schedule and its methods."""
    path = as_opengait_saves(golden_weights(name), tmp_path / "GaitGraph-02000.pt", legacy)
    path.with_suffix(".yaml").write_text(f"stage: encoder\nloader: opengait\nmodel: {GRAPHS[name]}\n")
    settings = [f"recognition.encoder={GRAPHS[name]}", f"recognition.checkpoint={path}", "runtime.threads=1"]
    config = load_config("gaitgraph2", settings)
    encoder = open_encoder(config.recognition, config.runtime, find_checkpoints(config, None, ["encoder"])["encoder"])
    with np.load(golden(name) / "input.npz") as file:
        walks = [
            GaitSequence("walk", 1, {Modality.KEYPOINTS: ModalityFrames(file[key], np.arange(len(file[key])))})
            for key in file.files
        ]
    with np.load(golden(name) / "output.npz") as output:
        assert_close_to_rms(np.stack([found.parts for found in encoder.encode(walks)]), output["embeddings"])


def test_the_published_card_of_the_profile_reads_such_a_file(golden_weights, tmp_path):
    path = as_opengait_saves(golden_weights("gaitgraph2_gait3d"), tmp_path / "mine.pt")
    config = load_config("gaitgraph2", [f"recognition.checkpoint={path}", "recognition.card=gaitgraph2_gait3d"])
    encoder = open_encoder(config.recognition, config.runtime, find_checkpoints(config, None, ["encoder"])["encoder"])
    (found,) = encoder.encode([made_up_sequence([Modality.KEYPOINTS], 20, 0)])
    assert np.isfinite(found.parts).all() and found.parts.std() > 0
