"""A batch of GaitEdge's phases and of DenoisingGait has OpenGait's losses and gradients: golden/*/info.json."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
import yaml

from pipeline.research.training.data.batches import Batch
from pipeline.research.training.data.sampling import Draws
from pipeline.research.training.data.transforms import transforms_of
from pipeline.research.training.losses import losses_of, total_loss
from pipeline.research.training.networks import open_trainable
from pipeline.research.training.optim import optimizer_of

LONG = (("A", 0, 4), ("A", 3, 7), ("B", 0, 4), ("B", 1, 5))
SHORT = (("A", 0, 2), ("A", 3, 5), ("B", 0, 2), ("B", 2, 4))
OF_DIFFUSION = (("A", 0, 2), ("A", 2, 4), ("B", 0, 2), ("B", 1, 3))
SMOOTHED = [3, 1, 0, 2]  # the first two of the four had their large vectors left out
CASES = {  # folder → walks, files, the optimiser's groups (tensors, rate), how near the gradients are
    "gaitedge": (LONG, ("ratios", "rgbs", "sils"), [(38, 1e-5), (13, 1e-4)], 1e-3),
    "gaitedge_e2e": (LONG, ("ratios", "rgbs", "sils"), [(38, 1e-5), (13, 1e-4)], 1e-3),
    "gaitedge_phase1_seg": (SHORT, ("rgbs", "sils"), [(38, 0.1)], 1e-3),
    "denoisinggait": (OF_DIFFUSION, ("feat", "sils"), None, 2e-2),  # they move with the number of threads
}


@pytest.fixture(params=CASES)
def batch(request, golden, golden_weights, monkeypatch):
    """(folder, its settings, a network with seeded weights, its batch)."""
    walks, files, _, _ = CASES[request.param]
    folder = golden(request.param)
    settings = yaml.safe_load((folder / "config_merged.yaml").read_text())
    trainable = open_trainable(settings["model_cfg"], 2)
    trainable.network.load_state_dict(golden_weights(request.param))
    transforms = transforms_of(settings["trainer_cfg"]["transform"], "transform", [])
    inputs = golden("gaitedge" if request.param.startswith("gaitedge") else request.param) / "input.npz"
    with np.load(inputs) as found:
        given = [
            np.stack([transform(found[f"{walk}_{file}"][first:last], Draws.seeded(0)) for walk, first, last in walks])
            for file, transform in zip(files, transforms, strict=True)
        ]
    monkeypatch.setattr(torch, "randperm", lambda count: torch.tensor(SMOOTHED))
    tensors = [torch.from_numpy(array).float() for array in given]
    return folder, settings, trainable, Batch(tensors, torch.tensor([0, 0, 1, 1]), [], [])


def test_losses_and_gradients_equal_the_reference(batch, assert_close_to_rms):
    folder, settings, trainable, given = batch
    _, _, groups, near = CASES[folder.name]
    info = json.loads((folder / "info.json").read_text())
    expected = next(info[key] for key in ("train", "train_step", "train_4x2_frames") if key in info)
    optimizer = optimizer_of(settings["optimizer_cfg"], trainable.network, [], trainable.groups)
    if groups is not None:
        assert [(len(group["params"]), group["lr"]) for group in optimizer.param_groups] == groups
    outputs = trainable.outputs(trainable.network.train(), given)
    loss, logged = total_loss(losses_of(settings["loss_cfg"]), outputs.losses)
    loss.backward()
    assert float(loss.detach()) == pytest.approx(expected["sum"], rel=1e-5)
    for name in ("triplet/loss", "softmax/loss", "bce/loss"):
        if f"scalar/{name}" in expected:
            assert float(logged[name].mean()) == pytest.approx(expected[f"scalar/{name}"], rel=1e-4)
    for name, parameter in trainable.network.named_parameters():
        norm = expected["grad_l2"][name]
        assert (parameter.grad is None) == (norm is None), name
        if norm is not None and norm > 1e-2:  # below is rounding: biases before a batch normalisation
            assert float(parameter.grad.norm()) == pytest.approx(norm, rel=near), name
    if folder.name == "denoisinggait":
        with np.load(folder / "output.npz") as output:
            assert_close_to_rms(outputs.embeddings.detach().numpy(), output["train_emb"], 2e-3)
