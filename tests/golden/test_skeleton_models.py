"""The models for keypoints and skeleton maps equal OpenGait's, with seeded weights."""

from __future__ import annotations

import numpy as np
import pytest
import torch

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
