"""Strict loading: a checkpoint made for another network is refused with the keys that differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.errors import CheckpointError

if TYPE_CHECKING:
    import torch

SHOWN = 3  # keys named of each kind; the counts say how many there are


def load_strictly(module: torch.nn.Module, state_dict: Mapping[str, torch.Tensor], path: Path) -> None:
    """Copy `state_dict` into `module`; every key and shape must be the same. `path` is named in the error.

    Raises CheckpointError, before anything is copied, with the keys that are missing, too many or of another
    shape. A floating-point tensor may have another precision: it is converted (half-precision files do exist).
    """
    refuse_differences(module.state_dict(), state_dict, path)
    module.load_state_dict(dict(state_dict), strict=True)


def refuse_differences(wanted: Mapping[str, torch.Tensor], state_dict: Mapping[str, torch.Tensor], path: Path) -> None:
    """Raise CheckpointError where keys or shapes differ from those `wanted`, which may be on torch's meta device."""
    missing = [key for key in wanted if key not in state_dict]
    unexpected = [key for key in state_dict if key not in wanted]
    reshaped = [
        f"{key} {_shape(state_dict[key])} instead of {_shape(wanted[key])}"
        for key in wanted
        if key in state_dict and state_dict[key].shape != wanted[key].shape
    ]
    if missing or unexpected or reshaped:
        differences = [
            f"{len(keys)} {kind} ({_first(keys)})"
            for kind, keys in (("missing", missing), ("unexpected", unexpected), ("of another shape", reshaped))
            if keys
        ]
        raise CheckpointError(
            f"{path}: not a checkpoint for this network ({len(wanted)} keys): {'; '.join(differences)}. "
            f"Choose the card that matches the file, or another file."
        )


def _first(keys: Sequence[str]) -> str:
    return ", ".join(keys[:SHOWN]) + (", …" if len(keys) > SHOWN else "")


def _shape(tensor: torch.Tensor) -> str:
    return "×".join(str(side) for side in tensor.shape) or "scalar"
