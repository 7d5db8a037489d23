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
    "gaitedge_phase1_rec": "gaitgl",
    "gaitgl_casiab": "gaitgl",
    "gaitgl_grew": "gaitgl",
    "gaitgl_grew_bnneck": "gaitgl",
    "gaitpart": "gaitpart",
    "gaitset": "gaitset",
    "gaitssb_finetune": "gaitssb",
    "gaitssb_pretrain": "gaitssb",
    "gln_phase1": "gln",
    "gln_phase2": "gln",
    "swingait": "swingait",
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
                logits, reference = network.logits(embeddings).numpy(), output[f"softmax_logits_{walk}"]
                assert_close_to_rms(logits.squeeze(), reference.squeeze())  # GLN's are [n, 1, classes] there


def test_scores_of_scoliosis_equal_the_reference(golden, golden_network, assert_close_to_rms):
    model, network, _ = golden_network("sconet", "sconet")
    with np.load(golden("sconet") / "output.npz") as output, torch.inference_mode():
        for walk, masks in silhouettes(golden("sconet")):
            embeddings = network(torch.from_numpy(model.inputs((masks,))[0]).float().div(255)[None])
            assert_close_to_rms(embeddings.numpy(), output[f"triplet_embeddings_{walk}"])
            assert_close_to_rms(network.logits(embeddings).numpy(), output[f"emb_{walk}"])
