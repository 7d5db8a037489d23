"""Weights out of checkpoint files, and into networks: tensors and nothing else, all of them or a refusal.

Nothing in a file is ever executed.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from pipeline.errors import CheckpointError
from pipeline.weights.not_weights import damage_error, refuse_diverged, refuse_text
from pipeline.weights.torch_files import Inert, TensorPlan, open_pickled

if TYPE_CHECKING:
    import torch

# Entries that hold a state dict; running averages (EMA) first, since those are what authors evaluate.
_WRAPPERS = ("ema_state_dict", "ema", "model", "model_state_dict", "state_dict")
_DEPTH = 3  # of wrappers in wrappers
PREFIXES = ("module.", "network.", "model.")  # of DataParallel, and of Lightning modules
_COMPILED = "_orig_mod."  # torch.compile's, before the names of whatever part was compiled
_SHOWN = 60  # characters of a name that a file has
_SUFFIXES = (".pt", ".pth", ".tar", ".ckpt", ".safetensors")
_KEYS_SHOWN = 3  # of each kind of difference; the counts say how many there are


def load_state_dict(path: Path, only: Callable[[str], bool] | None = None) -> dict[str, torch.Tensor]:
    """Read the state dict of a .pt, .pth, .pth.tar, .ckpt or .safetensors file.

    Of a pickle only tensors and containers are built (see torch_files.py). The state dict is the file itself, or its
    entry `ema`, `model` or `state_dict`. Prefixes that wrappers put before all names (`module.`, `_orig_mod.`,
    `network.`, `model.`) are dropped.

    Args:
        path: The file.
        only: Returns whether to keep a tensor of that name (without prefix); the others are not read.

    Returns:
        Name → tensor on the CPU that owns its memory.

    Raises:
        CheckpointError: The file is missing, damaged or no checkpoint, or holds other things than finite tensors.
    """
    _refuse_no_checkpoint(path)
    if path.suffix == ".safetensors":
        return _from_safetensors(path, "pt", only)
    with open_pickled(path) as pickled:
        state = _state_in(pickled.content)
        if state is None:
            inside = list(pickled.content.items())[:8] if isinstance(pickled.content, Mapping) else []
            there = ", ".join(f"{str(name)[:_SHOWN]!r} ({_kind(value)})" for name, value in inside)
            raise CheckpointError(
                f"{path}: no state dict in it, but {there or _kind(pickled.content)}. Save the weights of the network "
                "alone: torch.save(network.state_dict(), FILE)."
            )
        for name, value in state.items():
            if not isinstance(name, str) or not isinstance(value, TensorPlan):
                raise CheckpointError(
                    f"{path}: entry {str(name)[:_SHOWN]!r} is {_kind(value)}, not a tensor: no state dict."
                )
        return _kept(path, state, lambda name: pickled.tensor(state[name]), only)


def load_arrays(path: Path, only: Callable[[str], bool] | None = None) -> dict[str, NDArray[Any]]:
    """`load_state_dict` as NumPy's arrays. torch is loaded only where the file is not safetensors."""
    _refuse_no_checkpoint(path)
    if path.suffix == ".safetensors":
        with contextlib.suppress(TypeError):  # bfloat16, which NumPy does not know
            return _from_safetensors(path, "np", only)
    return {name: tensor.float().numpy() for name, tensor in load_state_dict(path, only).items()}


def _refuse_no_checkpoint(path: Path) -> None:
    if path.is_dir():
        raise CheckpointError(f"{path}: a folder, not a checkpoint file. Name the file inside it.")
    if not path.is_file():
        raise CheckpointError(f"{path}: no such checkpoint file.")
    if path.stat().st_size == 0:
        raise CheckpointError(f"{path}: the file is empty. Fetch it again.")
    if path.suffix not in _SUFFIXES:
        raise CheckpointError(f"{path}: not a checkpoint of tensors; expected one of {', '.join(_SUFFIXES)}.")
    refuse_text(path)


def _from_safetensors(path: Path, framework: str, only: Callable[[str], bool] | None) -> dict[str, Any]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework=framework, device="cpu") as file:
            own = "clone" if framework == "pt" else "copy"  # no view of the file, which others may replace
            return _kept(path, file.keys(), lambda name: getattr(file.get_tensor(name), own)(), only)
    except (SafetensorError, OSError, ValueError) as error:
        raise damage_error(path, error) from None


def _state_in(content: Any, depth: int = _DEPTH) -> Mapping[Any, Any] | None:
    """The state dict in what a file holds: under a wrapper, or the content itself; None without tensors."""
    if not isinstance(content, Mapping):
        return None
    for name in _WRAPPERS if depth else ():
        if (inside := _state_in(content.get(name), depth - 1)) is not None:
            return inside
    return content if any(isinstance(value, TensorPlan) for value in content.values()) else None


def _kind(value: object) -> str:
    return repr(value.name[:_SHOWN]) if isinstance(value, Inert) else f"a {type(value).__name__}"


def _short_names(path: Path, names: Iterable[str]) -> dict[str, str]:
    """The names in a file, without what wrappers have put before them → those names themselves."""
    full = list(names)
    short = [name.replace(_COMPILED, "") for name in full]
    while common := next((prefix for prefix in PREFIXES if all(name.startswith(prefix) for name in short)), None):
        short = [name.removeprefix(common) for name in short]
    found = dict(zip(short, full, strict=True))
    if len(found) < len(full):
        raise CheckpointError(f"{path}: two of its tensors have one name without `{_COMPILED}`. Save it again.")
    return found


def _kept(
    path: Path,
    names: Iterable[str],
    tensor: Callable[[str], Any],
    only: Callable[[str], bool] | None,
) -> dict[str, Any]:
    """The tensors that are wanted, by their short names. tensor: reads the one of that name in the file."""
    kept = {}
    for short, name in _short_names(path, names).items():
        if only is None or only(short):
            kept[short] = tensor(name)
            refuse_diverged(name, kept[short], path)
    return kept


def load_strictly(module: torch.nn.Module, state_dict: Mapping[str, torch.Tensor], path: Path) -> None:
    """Copy `state_dict` into `module`; every key and shape must be the same.

    A floating-point tensor may have another precision: it is converted (half-precision files do exist).

    Raises:
        CheckpointError: Keys are missing, too many or of another shape. It names them and `path`; nothing was copied.
    """
    refuse_differences(shapes_of(module.state_dict()), shapes_of(state_dict), path)
    module.load_state_dict(dict(state_dict), strict=True)


def shapes_of(state_dict: Mapping[str, torch.Tensor]) -> dict[str, tuple[int, ...]]:
    """The shapes of tensors, by name; of those on torch's meta device too."""
    return {name: tuple(tensor.shape) for name, tensor in state_dict.items()}


def refuse_differences(wanted: Mapping[str, tuple[int, ...]], found: Mapping[str, tuple[int, ...]], path: Path) -> None:
    """Raise CheckpointError where names or shapes `found` in a file differ from those `wanted`."""
    of_kind = {
        "missing": [key for key in wanted if key not in found],
        "unexpected": [key for key in found if key not in wanted],
        "of another shape": [
            f"{key} {_sides(found[key])} instead of {_sides(wanted[key])}"
            for key in wanted
            if key in found and found[key] != wanted[key]
        ],
    }
    differences = [
        f"{len(keys)} {kind} ({', '.join(keys[:_KEYS_SHOWN])}{', …' if len(keys) > _KEYS_SHOWN else ''})"
        for kind, keys in of_kind.items()
        if keys
    ]
    if differences:
        raise CheckpointError(
            f"{path}: not a checkpoint for this network ({len(wanted)} keys): {'; '.join(differences)}. "
            f"Choose the card that matches the file, or another file."
        )


def _sides(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape)) or "scalar"
