"""What stands in place of weights: a page or a pointer that was fetched instead, or values that are no numbers."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import CheckpointError
from pipeline.files import reason_of

if TYPE_CHECKING:
    import torch

_LOOKED_AT = 4096  # bytes at the beginning of a file
_SHOWN = 120  # characters of what stands there
_KINDS = (  # how text begins that servers and version control leave in place of a file, in lower case
    (b"version https://git-lfs", "a Git LFS pointer", "fetch it again, or get the file itself: git lfs pull"),
    (b"<!doctype html", "a web page", "fetch it again"),
    (b"<html", "a web page", "fetch it again"),
    (b"<?xml", "an XML document", "fetch it again"),
    (b"{", "a JSON document", "fetch it again"),
)


def refuse_text(path: Path) -> None:
    """Raise CheckpointError for a web page, an error message of a server, or a Git LFS pointer, saying what it says."""
    with path.open("rb") as file:
        head = file.read(_LOOKED_AT).removeprefix(b"\xef\xbb\xbf").lstrip()
    if b"\0" in head:  # no text: a safetensors file may begin with any of the above
        return
    for beginning, kind, remedy in _KINDS:
        if head[: len(beginning)].lower() == beginning:
            text = head.decode("utf-8", "replace")
            title = re.search(r"<title[^>]*>(.*?)</title>", text, re.IGNORECASE | re.DOTALL)
            words = " ".join((title[1] if title else re.sub(r"<[^>]*>", " ", text)).split())
            said = "".join(character for character in words if character.isprintable())[:_SHOWN]
            raise CheckpointError(f"{path}: {kind}, not weights: {said!r}; {remedy}.")


def damage_error(path: Path, error: Exception) -> CheckpointError:
    """The error for a file that its reader cannot make sense of."""
    reason = reason_of(error)
    return CheckpointError(f"{path}: damaged, truncated or no checkpoint ({reason}). Fetch it again.")


def refuse_diverged(name: str, tensor: torch.Tensor | NDArray[Any], path: Path) -> None:
    """Raise CheckpointError for a tensor of weights that has values which are no finite numbers."""
    finite = np.isfinite(tensor) if isinstance(tensor, np.ndarray) else tensor.isfinite()
    if not bool(finite.all()):
        raise _diverged(path, name)


def refuse_diverged_network(model: Any, path: Path) -> None:
    """Raise CheckpointError for weights in OpenVINO's `model` of `path` that are no finite numbers.

    Infinity alone may be meant: a bound (one value) or a mask (0 and minus infinity only).
    """
    for node in model.get_ops():
        if node.get_type_name() != "Constant" or node.get_element_type().to_string() not in ("f16", "f32", "f64"):
            continue
        values = node.data
        if np.isfinite(values).all():
            continue
        meant = values.size == 1 or (bool(((values == 0) | np.isneginf(values)).all()) and bool((values == 0).any()))
        if np.isnan(values).any() or not meant:
            raise _diverged(path, node.get_friendly_name())


def _diverged(path: Path, name: str) -> CheckpointError:
    return CheckpointError(
        f"{path}: its weights are no finite numbers ({name!r}): a training that diverged, or a damaged file. "
        "Take an earlier checkpoint, or fetch it again."
    )
