"""What the parity tests of the gait networks share: weights by rule, inputs as the networks get them, outputs."""

from __future__ import annotations

import json
import math
import zlib
from functools import cache

import numpy as np
import pytest
import torch

from pipeline import registry
from pipeline.recognition import ENCODERS
from pipeline.recognition.layers.shapes import architecture_of

LARGEST = 5e7  # values of a tensor: GREW's heads, of 327 MB and more, are not looked at
PIECE = 2**16  # values
OF_THEIR_OWN = "running_", "relative_position_bias_table", "edge", "gammas"  # in keys: drawn otherwise


@pytest.fixture(scope="module")
def drawn(weight_rule):
    """drawn(key, shape, is_int) is the rule's tensor, made once for all tests of a file: networks share most of theirs.

    Large ones in pieces: the rule takes 64-bit memory for all of it at once, which costs several times the drawing.
    """

    @cache
    def make(key, shape, is_int=False):
        if is_int or len(shape) < 2 or math.prod(shape) <= PIECE or any(word in key for word in OF_THEIR_OWN):
            return weight_rule.make(key, shape, is_int)
        draw = np.random.Generator(np.random.Philox(zlib.crc32(key.encode())))
        values = np.empty(math.prod(shape), np.float32)
        for begin in range(0, len(values), PIECE):
            piece = draw.standard_normal(min(PIECE, len(values) - begin))
            piece = piece / np.sqrt(shape[1]) if key.endswith("fc_bin") else piece * np.sqrt(2.0 / np.prod(shape[1:]))
            values[begin : begin + PIECE] = piece
        return values.reshape(shape)

    return make


@pytest.fixture(scope="module")
def golden_weights(golden, drawn):
    """golden_weights("gaitset") is that folder's state dict; a tensor of more than LARGEST values is empty.

    without: how the keys begin that are left out.
    """

    def make(name, without=()):
        folder = golden(name)
        structural = {}
        if (folder / "structural.npz").exists():
            with np.load(folder / "structural.npz") as file:
                structural = {key: file[key] for key in file.files}

        def tensor(key, shape, dtype):
            if math.prod(shape) > LARGEST:
                return torch.empty(0, device="meta")
            values = structural[key] if key in structural else drawn(key, tuple(shape), dtype == "int64")
            return torch.from_numpy(np.array(values).reshape(shape))  # a copy: networks train on it

        keys = json.loads((folder / "state_dict_keys.json").read_text())
        return {key: tensor(key, shape, dtype) for key, (shape, dtype) in keys.items() if not key.startswith(without)}

    return make


@pytest.fixture(scope="module")
def golden_network(golden_weights):
    """golden_network("gaitset", "gaitset") is (its Model, the network with these weights, with a head?).

    The architecture is read off the weights, except for what `card` says.
    """

    def make(folder, encoder, card=None):
        model = registry.load(ENCODERS, encoder, "recognition.encoder")
        weights = golden_weights(folder)
        head = not any(tensor.is_meta for tensor in weights.values())
        network = model.network_class(architecture_of(model.architecture, card or {}, weights), head)
        assert sorted(network.state_dict()) == sorted(weights)
        if not head:
            network.drop_head()
            weights = {key: tensor for key, tensor in weights.items() if not key.startswith(model.network_class.HEAD)}
        network.load_state_dict(weights, strict=True)
        return model, network.eval(), head

    return make
