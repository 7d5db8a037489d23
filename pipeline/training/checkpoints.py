"""Checkpoints of a training, in OpenGait's format: {'model', 'optimizer', 'scheduler', 'iteration'}.

They are named <save_name>-<iteration, at least five digits>.pt, appear whole or not at all, and are read by a reader
that builds tensors and plain containers only.
"""

from __future__ import annotations

import pickle
import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import nn

from pipeline.errors import CheckpointError
from pipeline.files import atomic, write_bytes
from pipeline.networks.safeload import damaged, load_state_dict


def checkpoint_name(save_name: str, iteration: int) -> str:
    """As OpenGait names them."""
    return f"{save_name}-{iteration:0>5}.pt"


def write_checkpoint(path: Path, state: Mapping[str, Any]) -> None:
    """Save a training's state; the file appears under its name when it is whole."""
    with atomic(path) as stream:
        torch.save(dict(state), stream)


def read_checkpoint(path: Path) -> dict[str, Any]:
    """A training's state: 'model' at least; of .safetensors, which hold weights and nothing else, 'model' alone.

    Raises CheckpointError for a file that is missing, damaged or unsafe.
    """
    if not path.is_file():
        raise CheckpointError(f"{path}: no such checkpoint file.")
    if path.suffix == ".safetensors":
        return {"model": load_state_dict(path)}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            state = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        reason = " ".join(str(error).split())[:160]
        raise CheckpointError(f"{path}: refused, it holds other objects than a training's state ({reason}).") from None
    except Exception as error:  # torch.load meets hostile bytes with whatever its parsers raise
        raise damaged(path, error) from None
    if not isinstance(state, dict) or not isinstance(state.get("model"), Mapping):
        raise CheckpointError(f"{path}: no checkpoint of a training; expected a state under 'model'.")
    return state


def latest_checkpoint(folder: Path, save_name: str) -> Path | None:
    """The furthest checkpoint of that name in a folder."""
    pattern = re.compile(re.escape(save_name) + r"-(\d{5,})\.pt")
    found = {
        int(match[1]): path
        for path in (folder.iterdir() if folder.is_dir() else ())
        if (match := pattern.fullmatch(path.name))
    }
    return found[max(found)] if found else None


def write_weights(path: Path, network: nn.Module, spare: tuple[str, ...] = ()) -> None:
    """A network's tensors as safetensors, without those whose names start with one of `spare`."""
    weights = {
        name: tensor.detach().cpu().contiguous()
        for name, tensor in network.state_dict().items()
        if not name.startswith(spare or ("\0",))
    }
    write_bytes(path, save(weights))
