"""Checkpoints of a training, in OpenGait's format: {'model', 'optimizer', 'scheduler', 'iteration'}.

They are named <save_name>-<iteration, at least five digits>.pt, appear whole or not at all, and are read by a reader
that builds tensors and plain containers only.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
import yaml
from safetensors.torch import save

from pipeline.files import atomic, write_bytes
from pipeline.weights.cards import Card
from pipeline.weights.files import sha256_of
from pipeline.weights.safeload import load_state_dict
from pipeline.weights.torch_files import open_pickled

if TYPE_CHECKING:
    from pipeline.research.training.networks import Trainable


def checkpoint_name(save_name: str, iteration: int) -> str:
    """As OpenGait names them."""
    return f"{save_name}-{iteration:0>5}.pt"


def write_checkpoint(path: Path, state: Mapping[str, Any]) -> None:
    """Save a training's state; the file appears under its name when it is whole."""
    with atomic(path) as stream:
        torch.save(dict(state), stream)


def read_checkpoint(path: Path) -> dict[str, Any]:
    """A training's state: 'model', and of the rest what the file has; .safetensors hold weights and nothing else.

    Raises CheckpointError as `load_state_dict` does.
    """
    weights = load_state_dict(path)
    if path.suffix == ".safetensors":
        return {"model": weights}
    with open_pickled(path) as pickled:
        return {**pickled.build("optimizer", "scheduler", "iteration"), "model": weights}


def latest_checkpoint(folder: Path, save_name: str) -> Path | None:
    """The furthest checkpoint of that name in a folder."""
    pattern = re.compile(re.escape(save_name) + r"-(\d{5,})\.pt")
    found = {
        int(match[1]): path
        for path in (folder.iterdir() if folder.is_dir() else ())
        if (match := pattern.fullmatch(path.name))
    }
    return found[max(found)] if found else None


def write_weights(path: Path, trainable: Trainable) -> None:
    """The network's tensors as safetensors, without those that are spare, and its card beside them.

    A network that is no whole encoder has no card.
    """
    weights = {
        name: tensor.detach().cpu().contiguous()
        for name, tensor in trainable.network.state_dict().items()
        if not name.startswith(trainable.spare or ("\0",))
    }
    write_bytes(path, save(weights))
    if trainable.encoder:
        card = card_of(trainable, path, path.stem).model_dump(mode="json", exclude_defaults=True, exclude={"name"})
        write_bytes(path.with_suffix(".yaml"), yaml.safe_dump(card, sort_keys=False, allow_unicode=True).encode())


def card_of(trainable: Trainable, weights: Path, name: str) -> Card:
    """The card of weights that a training has written: the encoder that reads them, and its architecture."""
    return Card(
        name=name,
        stage="encoder",
        loader="opengait",
        model=trainable.encoder,
        file=weights.name,
        size=weights.stat().st_size,
        sha256=sha256_of(weights),
        licence="as the data it was trained on",
        source="gait train",
        inputs={
            "features": trainable.features,
            **({"modality": [*map(str, trainable.modality)]} if trainable.modality else {}),
        },
        architecture=trainable.architecture_of_card(),
    )
