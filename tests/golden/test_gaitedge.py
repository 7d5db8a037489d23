"""GaitEdge equals OpenGait's in its four forms, with seeded weights, step by step: golden/gaitedge*."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from pipeline.recognition.layers.dinov2 import DEVIATION, MEAN
from pipeline.recognition.models.gaitedge import GAITEDGE, UNet, align, places
from pipeline.research.evaluation.datasets.segmentation import overlaps


def bits(packed):
    return np.unpackbits(packed, axis=1).reshape(-1, 128, 128)


@pytest.fixture(params=["gaitedge", "gaitedge_e2e"])
def form(request, golden, golden_network):
    """(does it take silhouettes?, network, inputs, outputs)."""
    _, network, _ = golden_network(request.param, "gaitedge")
    folder = golden(request.param)
    with np.load(folder / "input.npz") as given, np.load(folder / "output.npz") as output:
        yield request.param == "gaitedge", network, dict(given), dict(output)


def inputs_of(given, sequence, edge):
    arrays = (given[f"{sequence}_rgbs"], given[f"{sequence}_ratios"], given[f"{sequence}_sils"])
    return tuple(torch.from_numpy(array)[None].float() for array in GAITEDGE.inputs(arrays[: 2 + edge]))


def fed(given, sequence, edge):
    pictures, ratios, *silhouettes = inputs_of(given, sequence, edge)
    return pictures / 255, ratios, *(masks / 255 for masks in silhouettes)


def repeated(inputs):
    """As the encoder repeats sequences of one or two frames."""
    time, times = inputs[1].shape[1], -(-3 // inputs[1].shape[1])
    assert time * times >= 3
    return inputs[0].repeat(1, 1, times, 1, 1), *(one.repeat(1, times, *[1] * (one.ndim - 2)) for one in inputs[1:])


def test_embeddings_and_scores_equal_the_reference(form, assert_close_to_rms):
    edge, network, given, output = form
    with torch.inference_mode():
        for sequence in "ABCD":
            embeddings = network(*repeated(fed(given, sequence, edge)))
            assert_close_to_rms(embeddings.numpy(), output[f"emb_{sequence}"])
            assert_close_to_rms(network.logits(embeddings).numpy(), output[f"softmax_logits_{sequence}"])


def test_a_batch_gives_what_each_gives_alone(form, assert_close_to_rms):
    edge, network, given, output = form
    both = [[array[:, :, :5] if i == 0 else array[:, :5] for i, array in enumerate(fed(given, s, edge))] for s in "AB"]
    with torch.inference_mode():
        together = network(*map(torch.cat, zip(*both, strict=True)))
    assert_close_to_rms(together[1:].numpy(), output["emb_B"])


def test_silhouettes_and_their_places_equal_the_reference(form, assert_close_to_rms):
    edge, network, given, output = form
    with torch.inference_mode():
        pictures, ratios, *masks = (array[0] for array in fed(given, "A", edge))
        aligned = network.aligned(pictures.transpose(0, 1), ratios, *masks)
        person = masks[0] if edge else torch.from_numpy(bits(output["mask_packed_A"])).float()
        assert_close_to_rms(places(person, ratios).numpy(), output["rois_A"][:, 1:])
        assert_close_to_rms(aligned.numpy(), output["roi_A"][:, 0])


def test_awkward_silhouettes_are_cut_out_as_in_the_reference(form, assert_close_to_rms):
    """One of them is empty."""
    _, _, given, output = form
    masks, ratios = torch.from_numpy(bits(given["align_mask_packed"])).float(), torch.from_numpy(given["align_ratios"])
    maps = np.random.Generator(np.random.Philox(7)).random((8, 1, 128, 128)).astype(np.float32)
    boxes = places(masks, ratios)
    assert_close_to_rms(boxes.numpy(), output["align_rois"][:, 1:])
    assert_close_to_rms(align(torch.from_numpy(maps)[:, 0], boxes).numpy(), output["align_out"][:, 0])


def test_the_u_net_alone_equals_the_reference(golden, golden_weights, assert_close_to_rms):
    """The first phase: golden/gaitedge_phase1_seg."""
    network = UNet()
    weights = golden_weights("gaitedge_phase1_seg")
    network.load_state_dict({key.removeprefix("Backbone."): value for key, value in weights.items()}, strict=True)
    folder = golden("gaitedge_phase1_seg")
    mean, deviation = (torch.tensor(colours)[:, None, None] for colours in (MEAN, DEVIATION))
    with np.load(folder / "input.npz") as given, np.load(folder / "output.npz") as output, torch.inference_mode():
        for sequence in "AB":
            found = network.eval()((torch.from_numpy(given[f"{sequence}_rgbs"]) / 255 - mean) / deviation).sigmoid()
            assert_close_to_rms(found[: len(output[f"prob_{sequence}"])].numpy(), output[f"prob_{sequence}"])
            np.testing.assert_array_equal(found[:, 0].numpy() > 0.5, bits(output[f"pred_packed_{sequence}"]))
            silhouettes = torch.from_numpy(given[f"{sequence}_sils"]) / 255
            told = json.loads((folder / "info.json").read_text())["eval"][sequence]["miou_per_frame"]
            np.testing.assert_allclose(overlaps(found[:, 0].round(), silhouettes).numpy(), told, rtol=1e-5)
