"""What the estimators share: the size on a card, running a network, and refusing one that estimates no pose."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import CheckpointError, GaitError
from pipeline.files import reason_of
from pipeline.inference.runtime import Network
from pipeline.weights.checkpoints import Checkpoint


def size_of(checkpoint: Checkpoint, default: tuple[int, int]) -> tuple[int, int]:
    """Height and width on the checkpoint's card. Raises CheckpointError for what cannot be a size."""
    said = checkpoint.card.inputs.get("size", default)
    try:
        height, width = (int(side) for side in said)
    except (TypeError, ValueError):
        height = width = 0
    if not (32 <= height <= 1024 and 32 <= width <= 1024):
        raise CheckpointError(f"card {checkpoint.card.name}: `inputs.size` {said} is no height and width. Correct it.")
    return height, width


def run_each(network: Network, pictures: Iterable[NDArray[np.uint8]], path: Path) -> Iterator[list[NDArray[Any]]]:
    """The network's answers in order. Raises CheckpointError where it cannot take the pictures."""
    try:
        yield from network.each(pictures)
    except GaitError:
        raise
    except Exception as error:  # each engine raises exceptions of its own, without a common base
        raise not_an_estimator(path, reason_of(error, end=True)) from None


def not_an_estimator(path: Path, reason: str) -> CheckpointError:
    """The error for a network that is something else."""
    return CheckpointError(f"{path}: no pose estimator ({reason}). Choose another pose.checkpoint, or pose.estimator.")
