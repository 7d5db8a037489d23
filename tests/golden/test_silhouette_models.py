"""The silhouette models equal OpenGait's, with seeded weights, embeddings and the training head's scores alike."""

from __future__ import annotations

import numpy as np
import pytest
import torch

FOLDERS = {
    "deepgaitv2_2d": "deepgaitv2",
    "deepgaitv2_3d": "deepgaitv2",
    "deepgaitv2_p3d_casiab": "deepgaitv2",
    "deepgaitv2_p3d_gait3d": "deepgaitv2",
}


def silhouettes(folder):
    """The reference's two walks as they reach its network: ten of 64 columns cut on each side."""
    with np.load(folder / "input.npz") as file:
        for name in file.files:
            masks = file[name]
            cut = masks.shape[2] // 64 * 10
            yield name, np.ascontiguousarray(masks[:, :, cut : masks.shape[2] - cut])


@pytest.mark.parametrize("name", FOLDERS)
def test_embeddings_and_logits_equal_the_reference(name, golden, golden_network, assert_close_to_rms):
    model, network, head = golden_network(name, FOLDERS[name])
    with np.load(golden(name) / "output.npz") as output, torch.inference_mode():
        for walk, masks in silhouettes(golden(name)):
            (given,) = model.inputs((masks,))
            embeddings = network(torch.from_numpy(given).float().div(255)[None])
            assert_close_to_rms(embeddings.numpy(), output[f"emb_{walk}"])
            if head and f"softmax_logits_{walk}" in output:
                assert_close_to_rms(network.logits(embeddings).numpy(), output[f"softmax_logits_{walk}"])
