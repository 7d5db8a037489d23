"""BigGait and BiggerGait equal OpenGait's, with seeded weights, step by step: golden/biggait, biggergait_dinov2*.

A picture takes these networks a second or two, so what a sequence gives is computed once for all tests.
"""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
import torch

from pipeline.recognition.layers.shapes import architecture_of
from pipeline.recognition.models import biggait, biggergait

FOLDERS = {
    "biggait": (biggait.BIGGAIT, "ABC"),
    "biggergait_dinov2": (biggergait.BIGGERGAIT, "B"),
    "biggergait_dinov2_group": (biggergait.BIGGERGAIT, "AB"),
}


@pytest.fixture(scope="module")
def made(golden, golden_weights):
    """made("biggait") is its weights: of the aliased heads, those of the head."""

    def make(folder):
        weights = golden_weights(folder, without="Gait_Net.Gait_List.")
        keys = json.loads((golden(folder) / "state_dict_keys.json").read_text())
        aliases = [match for key in keys if (match := re.match(r"Gait_Net\.Gait_List\.(\d+)\.(.*)", key))]
        groups = 1 + max((int(match[1]) for match in aliases), default=0)
        heads = len({key.split(".")[2] for key in weights if key.startswith("Gait_Net.real_gait.")})
        for match in aliases:
            weights[match[0]] = weights[f"Gait_Net.real_gait.{int(match[1]) * heads // groups}.{match[2]}"]
        return weights

    return make


def network_of(model, weights):
    network = model.network_class(architecture_of(model.architecture, {}, weights))
    network.load_state_dict(model.network_class.rename_keys(weights), strict=True)
    return network.eval()


@pytest.fixture(scope="module", params=FOLDERS)
def seen(request, golden, made):
    """(folder, network, {sequence: (inputs, embeddings)}, the reference's outputs)."""
    model, sequences = FOLDERS[request.param]
    network = network_of(model, made(request.param))
    folder, found = golden(request.param), {}
    with np.load(folder / "input.npz") as file, torch.inference_mode():
        for sequence in sequences:
            frames = [file[f"{sequence}_rgb"], *([file[f"{sequence}_ratios"]] if "biggait" in request.param else [])]
            pictures, *ratios = (torch.from_numpy(array)[None] for array in model.inputs(tuple(frames)))
            inputs = (pictures.float() / 255, *(ratio.float() for ratio in ratios))
            found[sequence] = inputs, network(*inputs)
    with np.load(folder / "output.npz") as output:
        yield request.param, network, found, dict(output)


def test_embeddings_equal_the_reference(seen, assert_close_to_rms):
    _, _, found, output = seen
    for sequence, (_, embeddings) in found.items():
        assert_close_to_rms(embeddings.numpy(), output[f"emb_{sequence}"])


def test_what_dinov2_says_equals_the_reference(seen, assert_close_to_rms):
    folder, network, found, output = seen
    with torch.inference_mode():
        if folder == "biggait":
            vit, pictures = network.backbone, found["A"][0][0][0, :, :1].transpose(0, 1)
            said = vit(pictures)
            assert_close_to_rms(said[0][0, ::16].numpy(), output["vit_block0_block_A0_every16"])
            assert_close_to_rms(vit.norm(said[-1])[0, 1::16].numpy(), output["vit_x_norm_patchtokens_A0_every16"])
        elif "hidden_6_A0_every16" in output and "A" in found:
            vit, pictures = network.Backbone, found["A"][0][0][0, :, :1].transpose(0, 1)
            said = vit(pictures)
            for block in (1, 6, 12):
                assert_close_to_rms(said[block - 1][0, ::16].numpy(), output[f"hidden_{block}_A0_every16"])
        else:
            vit = network.Backbone
        assert_close_to_rms(vit.positions()[0, :, :16].numpy(), output["pos_embed_interp_first16ch"])


def test_bodies_and_their_maps_equal_the_reference(seen, assert_close_to_rms):
    """Of B: BigGait's reference took the other channel for its frames."""
    folder, network, found, output = seen
    pictures, *ratios = found["B"][0]
    with torch.inference_mode():
        body, *maps = network.found(pictures[0].transpose(0, 1), *(ratio[0] for ratio in ratios))
    if folder == "biggait":
        assert_close_to_rms(body[:, 0].numpy(), output["foreground_B"])
        assert_close_to_rms(maps[0].transpose(0, 1).numpy(), output["denoising_B"][0])
        assert_close_to_rms(maps[1].transpose(0, 1).numpy(), output["appearance_B"][0])
    else:
        mask = np.unpackbits(output["mask64_packed_B"], axis=1).reshape(-1, 64, 32)
        np.testing.assert_array_equal(body[:, 0].numpy(), mask)
        assert_close_to_rms(maps[0][0][0].numpy(), output["gait_in_B0_first_group"])
        assert_close_to_rms(maps[0][-1][0].numpy(), output["gait_in_B0_last_group"])


def test_crops_are_padded_to_their_proportions_as_in_the_reference(golden, assert_close_to_rms):
    folder = golden("biggait")
    with np.load(folder / "input.npz") as file, np.load(folder / "output.npz") as output:
        pictures, ratios = (torch.from_numpy(file[f"padding_resize_{name}"]) for name in ("in", "ratios"))
        assert_close_to_rms(biggait.upright(pictures, ratios, (64, 32)).numpy(), output["padding_resize_out"])
