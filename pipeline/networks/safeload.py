"""Tensors, and nothing else, out of checkpoint files. Nothing in a file is ever executed."""

from __future__ import annotations

import pickle
import re
import warnings
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.errors import CheckpointError

if TYPE_CHECKING:
    import torch

_WRAPPERS = ("model", "state_dict")  # OpenGait, YOLOX and ByteTrack; Lightning
_SUFFIXES = (".pt", ".pth", ".tar", ".ckpt", ".safetensors")


def load_state_dict(
    path: Path,
    key: str | None = None,
    *,
    tolerate_objects: bool = False,
    only: Callable[[str], bool] | None = None,
) -> dict[str, torch.Tensor]:
    """Read the state dict of .pt, .pth, .pth.tar, .ckpt or .safetensors: name → tensor on the CPU, owning its memory.

    key: the entry of the file that holds it; None: `model`, `state_dict`, or the file itself. A prefix `module.` that
    all names share (DataParallel's) is dropped. only: names (without that prefix) to keep; the others are not read
    where the format allows that. tolerate_objects: read a pickle that holds other objects too, by a reader that builds
    tensors and containers and puts an inert placeholder for everything else (see tensors_only.py).
    Raises CheckpointError for a file that is missing, damaged, unsafe, or holds something else than tensors there.
    """
    _refuse_what_is_no_file(path)
    if path.suffix == ".safetensors":
        return _read_safetensors(path, only)
    zipped = zipfile.is_zipfile(path)
    if zipped:
        _refuse_swollen_zip(path)
    if tolerate_objects:
        from pipeline.networks.tensors_only import read_tensors

        content = read_tensors(path)
    else:
        content = _torch_load(path, mmap=zipped)
    return _own(path, _without_module(_unwrap(path, content, key)), only)


def _refuse_what_is_no_file(path: Path) -> None:
    if path.is_dir():
        raise CheckpointError(f"{path}: a folder, not a checkpoint file. Name the file inside it.")
    if not path.is_file():
        raise CheckpointError(f"{path}: no such checkpoint file.")
    if path.stat().st_size == 0:
        raise CheckpointError(f"{path}: the file is empty. Fetch it again.")
    if path.suffix not in _SUFFIXES:
        raise CheckpointError(f"{path}: not a checkpoint of tensors; expected one of {', '.join(_SUFFIXES)}.")


def _refuse_swollen_zip(path: Path) -> None:
    """torch.save never compresses, so members that are larger than the file are a zip bomb."""
    try:
        with zipfile.ZipFile(path) as archive:
            total = sum(member.file_size for member in archive.infolist())
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise damaged(path, error) from None
    if total > path.stat().st_size:
        raise CheckpointError(
            f"{path}: unpacks to {total} bytes, more than the file holds, so torch did not write it. Fetch it again."
        )


def _torch_load(path: Path, mmap: bool) -> Any:
    import torch

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about pickle protocols; what matters is whether it can be read
            return torch.load(path, map_location="cpu", weights_only=True, mmap=mmap)
    except pickle.UnpicklingError as error:
        raise _unsafe(path, error) from None
    # torch.load meets hostile bytes with whatever its parsers raise; all of it means the same to the user
    except Exception as error:
        if "TorchScript" in str(error):
            raise CheckpointError(f"{path}: a TorchScript program, not a checkpoint. Pass the state dict.") from None
        raise damaged(path, error) from None


def _unsafe(path: Path, error: Exception) -> CheckpointError:
    text = " ".join(str(error).split())
    found = re.search(r"GLOBAL ([A-Za-z_][\w.]*)", text)
    if found is None:
        return damaged(path, error)
    return CheckpointError(
        f"{path}: refused, its pickle holds other objects than tensors ({found.group(1)}) and loading those can run "
        "code. Where you trust it, convert it in a sandbox: torch.save(torch.load(file, weights_only=False)['model'], "
        "'weights.pt')."
    )


def damaged(path: Path, error: Exception) -> CheckpointError:
    """The error for a file that its reader cannot make sense of."""
    reason = " ".join(str(error).split())[:160] or type(error).__name__
    return CheckpointError(f"{path}: damaged, truncated or no checkpoint ({reason}). Fetch it again.")


def _unwrap(path: Path, content: Any, key: str | None) -> Mapping[Any, Any]:
    if not isinstance(content, Mapping):
        raise CheckpointError(f"{path}: holds a {type(content).__name__}, not a state dict.")
    if key is None:
        key = next((name for name in _WRAPPERS if isinstance(content.get(name), Mapping)), None)
        if key is None:
            return content
    inside = content.get(key)
    if not isinstance(inside, Mapping):
        known = ", ".join(str(name) for name in list(content)[:8])
        raise CheckpointError(f"{path}: no state dict under {key!r}; the file holds {known}.")
    return inside


def _without_module(state: Mapping[Any, Any]) -> Mapping[Any, Any]:
    prefix = "module."
    if state and all(isinstance(name, str) and name.startswith(prefix) for name in state):
        return {name[len(prefix) :]: value for name, value in state.items()}
    return state


def _own(path: Path, state: Mapping[Any, Any], only: Callable[[str], bool] | None) -> dict[str, torch.Tensor]:
    """Check every entry; copy what is kept, so that no file stays mapped and no tensor is a view of a larger one."""
    import torch

    if not state:
        raise CheckpointError(f"{path}: holds no tensors.")
    kept: dict[str, torch.Tensor] = {}
    for name, value in state.items():
        if not isinstance(name, str) or not isinstance(value, torch.Tensor):
            raise CheckpointError(f"{path}: entry {name!r} is a {type(value).__name__}, not a tensor: no state dict.")
        if only is not None and not only(name):
            continue
        if value.layout != torch.strided or value.device.type != "cpu" or value.is_quantized:
            raise CheckpointError(f"{path}: tensor {name!r} is {value.layout} on {value.device}; expected a plain one.")
        if value.numel() * value.element_size() > value.untyped_storage().nbytes():
            raise CheckpointError(f"{path}: tensor {name!r} claims {tuple(value.shape)}, more than the file holds.")
        kept[name] = value.detach().clone(memory_format=torch.contiguous_format)
    return kept


def _read_safetensors(path: Path, only: Callable[[str], bool] | None) -> dict[str, torch.Tensor]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            names = {name: name for name in file.keys()}  # noqa: SIM118  (safe_open is no mapping)
            short = {str(name): full for name, full in _without_module(names).items()}
            return {name: file.get_tensor(full).clone() for name, full in short.items() if not only or only(name)}
    except (SafetensorError, OSError, ValueError) as error:
        raise damaged(path, error) from None
