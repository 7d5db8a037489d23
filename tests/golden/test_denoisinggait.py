"""DenoisingGait equals OpenGait's, with seeded weights, from stored diffusion features on: golden/denoisinggait."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pipeline.recognition.models.denoisinggait import displacement


@pytest.fixture(scope="module")
def seen(golden, golden_network):
    """(network, {sequence: its inputs}, the reference's outputs)."""
    model, network, _ = golden_network("denoisinggait", "denoisinggait")
    with (
        np.load(golden("denoisinggait") / "input.npz") as given,
        np.load(golden("denoisinggait") / "output.npz") as output,
    ):
        arrays = {s: model.inputs((given[f"{s}_feat"], given[f"{s}_sils"])) for s in "ABC"}
        inputs = {s: [torch.from_numpy(array).float()[None] for array in arrays[s]] for s in "ABC"}
        yield network, inputs, dict(output)


@pytest.mark.parametrize("sequence", ["A", "B", "C"])
def test_embeddings_and_scores_equal_the_reference(seen, sequence, assert_close_to_rms):
    network, inputs, output = seen
    with torch.inference_mode():
        embeddings = network(*inputs[sequence])
        assert_close_to_rms(embeddings.numpy(), output[f"emb_{sequence}"])
        if f"softmax_logits_{sequence}" in output:
            assert_close_to_rms(network.logits(embeddings).numpy(), output[f"softmax_logits_{sequence}"])


def test_a_batch_gives_what_each_gives_alone(seen, assert_close_to_rms):
    network, inputs, output = seen
    both = [
        torch.cat([one[:, :, :3] if one.ndim == 5 else one[:, :3], other])
        for one, other in zip(*map(inputs.get, "AB"), strict=True)
    ]
    with torch.inference_mode():
        assert_close_to_rms(network(*both)[1:].numpy(), output["emb_B"])


@pytest.mark.parametrize("sequence", ["A", "C"])
def test_both_fields_equal_the_reference(seen, sequence, assert_close_to_rms):
    network, inputs, output = seen
    answers, silhouettes = inputs[sequence]
    masks = (silhouettes > 0).float()[:, None]
    following, later = (torch.cat([x[:, :, 1:], x[:, :, -1:]], 2) for x in (answers, masks))
    with torch.inference_mode():
        within, across = network.fields(answers, masks, following, later)
    assert_close_to_rms(within.numpy(), output[f"feature_self_{sequence}"], 3e-4)  # of positions up to 95, in float32
    assert_close_to_rms(across.numpy(), output[f"feature_flow_{sequence}"], 3e-4)


@pytest.mark.parametrize("radius", [1, 2, 3])
def test_displacements_equal_the_reference(golden, radius, assert_close_to_rms):
    folder = golden("denoisinggait")
    with np.load(folder / "input.npz") as given, np.load(folder / "output.npz") as output:
        frames = [torch.from_numpy(given[f"flowfunc_f{i}"])[0].transpose(0, 1) for i in (0, 1)]
        found = displacement(*frames, radius).transpose(0, 1)[None]
        assert_close_to_rms(found.numpy(), output[f"flowfunc_r{radius}"])
