"""Distances of many walks to many others, a block of rows at a time: 100,000 × 100,000 would take 40 GB at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from pipeline.errors import ConfigError
from pipeline.types import FloatArray

Metric = Literal["euclidean", "cosine"]

BLOCK_VALUES = 1 << 27  # distances held at once: 512 MB, and as much again while they are computed


def distance_blocks(
    probes: FloatArray, gallery: FloatArray, metric: Metric, device: str = "cpu"
) -> Iterator[tuple[slice, Tensor]]:
    """Rows of the distances of N×C×P probes to M×C×P gallery walks: (which rows, rows×M float32 on the device).

    euclidean: mean over parts of the L2 distance of a part; cosine: 1 − mean over parts of the cosine (OpenGait,
    evaluation/metric.py). Raises ConfigError when the two sides have different parts.
    """
    if probes.shape[1:] != gallery.shape[1:]:
        sides = " and ".join("×".join(map(str, side.shape[1:])) for side in (probes, gallery))
        raise ConfigError(f"features of {sides} cannot be compared. Compute both with the same encoder.")
    rows = max(1, BLOCK_VALUES // max(1, len(gallery)))
    with torch.inference_mode():
        known = _parts(gallery, metric, device)
        for begin in range(0, len(probes), rows):
            some = slice(begin, min(begin + rows, len(probes)))
            yield some, _between(_parts(probes[some], metric, device), known, metric)


def distances(probes: FloatArray, gallery: FloatArray, metric: Metric, device: str = "cpu") -> FloatArray:
    """All of them, N×M float32, for sets that are small enough."""
    blocks = [block.cpu() for _, block in distance_blocks(probes, gallery, metric, device)]
    return np.asarray(torch.cat(blocks).numpy() if blocks else np.zeros((0, len(gallery))), np.float32)


def _parts(walks: FloatArray, metric: Metric, device: str) -> Tensor:
    """N×C×P → P×N×C on the device, of unit length for the cosine."""
    parts = torch.from_numpy(walks).to(device).permute(2, 0, 1).float().contiguous()
    return torch.nn.functional.normalize(parts, dim=2) if metric == "cosine" else parts


def _between(probes: Tensor, gallery: Tensor, metric: Metric) -> Tensor:
    parts = len(probes)
    total = torch.zeros(probes.shape[1], gallery.shape[1], device=probes.device)
    for one, others in zip(probes, gallery, strict=True):  # part by part: memory for one
        if metric == "cosine":
            total.addmm_(one, others.T, alpha=1 / parts)
            continue
        squares = torch.addmm((others**2).sum(1)[None], one, others.T, alpha=-2)
        total.add_(squares.add_((one**2).sum(1)[:, None]).clamp_(min=0).sqrt_(), alpha=1 / parts)
    return total.neg_().add_(1) if metric == "cosine" else total
