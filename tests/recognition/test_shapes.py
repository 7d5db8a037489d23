"""Architectures are read off tensors that may be anything: wrong ones are refused by name, never a fault."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from small_networks import BACKENDS, MODELS, narrow

from pipeline.errors import CheckpointError
from pipeline.recognition.layers.shapes import architecture_of
from pipeline.recognition.network import load_network


@pytest.mark.parametrize("name", MODELS)
def test_the_architecture_is_read_off_the_tensors_alone(name):
    """But for what a model says that it cannot read."""
    model = BACKENDS[name]
    wanted = narrow(model.architecture(), by=2 if name == "gaittr" else 4)
    with torch.device("meta"):
        shapes = model.network_class(wanted).state_dict()
    weights = {key: torch.empty(tensor.shape, device="meta") for key, tensor in shapes.items()}
    card = {"layers": wanted.layers} if name in ("gaitpart", "smplgait") else {}  # strings, of which nothing is left
    told = architecture_of(model.architecture, card, weights)
    with torch.device("meta"):
        assert {k: v.shape for k, v in model.network_class(told).state_dict().items()} == {
            k: v.shape for k, v in shapes.items()
        }


@pytest.mark.parametrize("name", MODELS)
def test_tensors_of_other_shapes_and_ranks_are_refused(name, tmp_path):
    model, draw = BACKENDS[name], np.random.default_rng(0)
    with torch.device("meta"):
        keys = list(model.network_class(narrow(model.architecture(), by=2 if name == "gaittr" else 4)).state_dict())
    weights = {key: torch.zeros([int(n) for n in draw.integers(0, 3, int(draw.integers(0, 5)))]) for key in keys}
    torch.save({"model": weights}, path := tmp_path / "odd.pt")
    with pytest.raises(CheckpointError, match=r"odd\.pt: not a checkpoint for this network"):
        load_network(model.network_class, model.architecture, path)


def test_a_file_that_tells_of_a_network_larger_than_any_memory_is_refused_before_it_gets_any(tmp_path):
    """A megabyte whose one tensor says that a stage has 300,000 channels: its convolutions would take terabytes."""
    model = BACKENDS["deepgaitv2"]
    weights = model.network_class(narrow(model.architecture())).state_dict()
    for key in [key for key in weights if "conv2" in key and weights[key].ndim == 4]:
        weights[key] = torch.zeros(300_000, 1, 1, 1)
    torch.save({"model": weights}, path := tmp_path / "bomb.pt")
    with pytest.raises(CheckpointError, match=r"bomb\.pt: not a checkpoint for this network.*of another shape"):
        load_network(model.network_class, model.architecture, path)
