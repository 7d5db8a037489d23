"""Small networks of every registered kind, with random weights, as checkpoints."""

from __future__ import annotations

import dataclasses
import re

import torch
import yaml

from pipeline import registry
from pipeline.recognition import ENCODERS
from pipeline.recognition.model import Model
from pipeline.weights.checkpoints import Card, Checkpoint

BACKENDS = {name: registry.load(ENCODERS, name, "recognition.encoder") for name in sorted(ENCODERS)}
MODELS = [name for name, backend in BACKENDS.items() if isinstance(backend, Model)]


WIDE = {  # what 16 would empty
    **{"gaittr": 2, "gaitgraph1": 4, "gaitgraph2": 4, "multigaitpp": 4, "skeletongaitpp": 4},
    **{"biggait": 4, "biggergait": 8},
}


def narrow(architecture, by=16):
    """The same architecture with so many times fewer channels, few classes, and at most two blocks a stage."""

    small = {"classes": 5, "out_channels": 8}
    if hasattr(architecture, "image"):  # DINOv2's
        small |= {"image": (224, 112), "blocks": 6}

    def less(name, value):
        if name in small:
            return small[name]
        if name in ("layers", "blocks") and all(isinstance(v, int) for v in value):
            return tuple(min(v, 2) for v in value)
        if isinstance(value, tuple) and all(isinstance(v, int) for v in value) and max(value) >= 64:
            return tuple(v // by if v >= 16 else v for v in value)
        if isinstance(value, tuple) and all(isinstance(v, str) for v in value):
            return tuple(re.sub(r"\d{2,}", lambda found: str(int(found[0]) // by), layer) for layer in value)
        return value // by if isinstance(value, int) and not isinstance(value, bool) and value >= 256 else value

    fields = {field.name: getattr(architecture, field.name) for field in dataclasses.fields(architecture)}
    return dataclasses.replace(architecture, **{name: less(name, value) for name, value in fields.items()})


def fill(network):
    """Random weights that neither swell nor shrink what goes through, and batch normalisation that does something."""
    for name, value in network.state_dict().items():
        if name.endswith("running_var"):
            value.uniform_(0.5, 1.5)
        elif name.endswith(("running_mean", "bias")):
            value.normal_(0, 0.1)
        elif name.endswith("qkv_conv.weight"):  # a tenth: attention of this size is not all or nothing
            value.normal_(0, 0.1 * (2 / value[0].numel()) ** 0.5)
        elif name.endswith("Mask_Branch.down_sampling.weight"):  # decided: what is near a half differs among engines
            value.normal_(0, 3)
        elif name.endswith("fc_bin"):
            value.normal_(0, value.shape[1] ** -0.5)
        elif name.endswith("weight") and value.ndim > 1:
            value.normal_(0, (2 / value[0].numel()) ** 0.5)


def save_small(model, path):
    """A checkpoint with the keys of a narrow network of the model's kind, written to `path`."""
    torch.manual_seed(0)
    architecture = narrow(model.architecture(), WIDE.get(model.name, 16))
    network = model.network_class(architecture)
    fill(network)
    torch.save({"model": network.state_dict(), "iteration": 1}, path)
    card = Card(
        name=model.name, stage="encoder", loader="opengait", model=model.name, file=path.name,
        architecture=dataclasses.asdict(architecture),
    )  # fmt: skip
    return Checkpoint(card, path, "ab" * 32)


def save_small_with_card(model, folder):
    """The same as FOLDER/NAME_small.pt with its card beside it, as a user's own weights lie there."""
    path = folder / f"{model.name}_small.pt"
    architecture = save_small(model, path).card.architecture
    fields = {"stage": "encoder", "loader": "opengait", "model": model.name, "licence": "ours"}
    fields["architecture"] = {key: list(v) if isinstance(v, tuple) else v for key, v in architecture.items()}
    path.with_suffix(".yaml").write_text(yaml.safe_dump(fields))
    return path
