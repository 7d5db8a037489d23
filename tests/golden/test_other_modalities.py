"""Models that look at more than silhouettes equal OpenGait's, with seeded weights: golden/smplgait and others."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pipeline.recognition.models.lidargaitpp import scale_aware


def cut(maps):
    """64 columns as they reach the networks: ten off each side."""
    return np.ascontiguousarray(maps[..., 10:-10])


def modalities_of(encoder, walk, file):
    """The arrays T×… that the model asks for, from the reference's input file."""
    if encoder == "smplgait":
        return cut(file[f"{walk}_0"]), file[f"{walk}_1"]
    if encoder == "parsinggait":
        return (cut(file[walk]).astype(np.float32),)
    return (file[walk],)


def tensors_of(model, frames):
    for array in model.inputs(frames):
        tensor = torch.from_numpy(array)[None]
        yield tensor.float().div(255) if array.dtype == np.uint8 else tensor


def assert_parity(folder, network, walk, inputs, output, close):
    embeddings = network(*inputs)
    close(embeddings.numpy(), output[f"emb_{walk}"])
    close(network.logits(embeddings).numpy(), output[f"softmax_logits_{walk}"])


@pytest.mark.parametrize(
    ("folder", "encoder"),
    [("smplgait", "smplgait"), ("parsinggait", "parsinggait"), ("parsinggait_combined", "parsinggait")],
)
def test_embeddings_and_logits_equal_the_reference(folder, encoder, golden, golden_network, assert_close_to_rms):
    model, network, _ = golden_network(folder, encoder)
    with (
        np.load(golden(folder) / "output.npz") as output,
        np.load(golden(folder) / "input.npz") as file,
        torch.inference_mode(),
    ):
        for walk in "AB":
            inputs = tensors_of(model, modalities_of(encoder, walk, file))
            assert_parity(folder, network, walk, inputs, output, assert_close_to_rms)


def test_lidargait_equals_the_reference(golden, golden_network, assert_close_to_rms):
    model, network, _ = golden_network("lidargait", "lidargait")
    folder = golden("lidargait")
    with np.load(folder / "output.npz") as output, np.load(folder / "input.npz") as file, torch.inference_mode():
        for walk in "AB":
            assert_parity(folder, network, walk, tensors_of(model, (file[walk],)), output, assert_close_to_rms)


def test_multigaitpp_equals_the_reference(golden, golden_network, assert_close_to_rms):
    _, network, _ = golden_network("multigaitpp", "multigaitpp")
    folder = golden("multigaitpp")
    with np.load(folder / "output.npz") as output, np.load(folder / "input.npz") as file, torch.inference_mode():
        for walk in "AB":
            pictures = torch.from_numpy(file[walk]).float().div(255)  # T×2×64×44: silhouette, labels as grey
            inputs = pictures[None, :, :1].transpose(1, 2), pictures[None, :, 1:].transpose(1, 2)
            assert_parity(folder, network, walk, inputs, output, assert_close_to_rms)


def test_lidargaitpp_equals_the_reference(golden, golden_network, assert_close_to_rms):
    model, network, _ = golden_network("lidargaitpp", "lidargaitpp", card={"random_start": True})
    folder = golden("lidargaitpp")
    with np.load(folder / "output.npz") as output, np.load(folder / "input.npz") as file, torch.inference_mode():
        for walk in "AB":
            torch.manual_seed(0)  # as the reference was run: its farthest points start from torch.randint
            assert_parity(folder, network, walk, tensors_of(model, (file[walk],)), output, assert_close_to_rms)


def test_points_reach_the_network_as_the_reference_transforms_them(golden):
    folder = golden("transforms_sampling")
    with np.load(folder / "input.npz") as given, np.load(folder / "output.npz") as output:
        found = scale_aware(given["points"][..., :3])
        np.testing.assert_allclose(found, output["PointClouds_eval_scale_aware"], atol=1e-6)
