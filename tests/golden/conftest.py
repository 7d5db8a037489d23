"""What the parity tests of the gait networks share: weights by rule, inputs as the networks get them, outputs."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import torch

from pipeline.backends import load_backend
from pipeline.recognition import ENCODERS
from pipeline.recognition.network import architecture_of

LARGEST = 5e7  # values of a tensor: GREW's heads, of 327 MB and more, are not looked at


@pytest.fixture(scope="session")
def golden_weights(golden, weight_rule):
    """golden_weights("gaitset") is that folder's state dict; a head larger than LARGEST is left out."""

    def make(name):
        folder = golden(name)
        structural = {}
        if (folder / "structural.npz").exists():
            with np.load(folder / "structural.npz") as file:
                structural = {key: file[key] for key in file.files}
        return {
            key: torch.from_numpy(
                np.asarray(
                    structural[key] if key in structural else weight_rule.make(key, shape, dtype == "int64")
                ).reshape(shape)
            )
            for key, (shape, dtype) in json.loads((folder / "state_dict_keys.json").read_text()).items()
            if math.prod(shape) <= LARGEST
        }

    return make


@pytest.fixture(scope="session")
def golden_network(golden_weights):
    """golden_network("gaitset", "gaitset") is (its Model, the network with these weights, with a head?).

    The architecture is read off the weights, except for what `card` says.
    """

    def make(folder, encoder, card=None):
        model = load_backend(ENCODERS, encoder, "recognition.encoder")
        weights = golden_weights(folder)
        architecture = architecture_of(model.architecture, card or {}, weights)
        with torch.device("meta"):
            network = model.network(architecture)
        complete = set(weights) == set(network.state_dict())
        network = model.network(architecture, head=complete)
        if complete:
            network.load_state_dict(weights, strict=True)
        else:
            network.drop_head()
            network.load_state_dict({k: v for k, v in weights.items() if not k.startswith(model.network.HEAD)})
        return model, network.eval(), complete

    return make
