"""Every probe against all gallery samples: at which places the right ones come, by the standard of the datasets.

CMC (rank-k): the share of probes with a right sample among the first k. mAP: the mean over right samples of the share
of right ones up to each (Zheng et al., ICCV 2015). mINP: the number of right samples over the place of the last one (Ye
et al., TPAMI 2021). Distances are computed a block of rows at a time: 100,000 × 100,000 would take 40 GB at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipeline.errors import ConfigError
from pipeline.types import FloatArray

Metric = Literal["euclidean", "cosine"]

BLOCK_VALUES = 1 << 27  # distances held at once: 512 MB, and as much again while they are computed


@dataclass(frozen=True, slots=True)
class Retrieval:
    """Of each of N probes: first, the place of the first right sample (from 1; 0 where the gallery has none);
    precision: average precision; penalty: inverse negative penalty (both 0 where the gallery has none).
    """

    first: NDArray[np.int64]
    precision: NDArray[np.float64]
    penalty: NDArray[np.float64]

    @property
    def answerable(self) -> NDArray[np.bool_]:
        """Which probes have a right sample in the gallery."""
        return self.first > 0

    def cmc(self, ranks: int, among: NDArray[np.bool_] | None = None) -> NDArray[np.float64]:
        """rank-1 … rank-`ranks` over the probes in `among`, by default those that can be answered; NaN of none."""
        first = self.first[self.answerable if among is None else among]
        if not len(first):
            return np.full(ranks, np.nan)
        found = (first[:, None] > 0) & (first[:, None] <= np.arange(1, ranks + 1))
        return np.asarray(found.mean(axis=0))

    def mean_precision(self) -> float:
        """mAP over the probes that can be answered; NaN of none."""
        return self._mean(self.precision)

    def mean_penalty(self) -> float:
        """mINP over the probes that can be answered; NaN of none."""
        return self._mean(self.penalty)

    def _mean(self, values: NDArray[np.float64]) -> float:
        return float(values[self.answerable].mean()) if self.answerable.any() else float("nan")


def joined(parts: Sequence[Retrieval]) -> Retrieval:
    """One of several, in their order."""
    names = ("first", "precision", "penalty")
    return Retrieval(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


def ranked(block: Tensor, right: NDArray[np.bool_], junk: NDArray[np.bool_] | None = None) -> Retrieval:
    """Of rows×M distances: where the right samples come. junk: those that a probe never meets.

    Equal distances count against us: wrong samples come before right ones.
    """
    if junk is not None:
        block = block.masked_fill(torch.from_numpy(junk).to(block.device), float("inf"))
        right = right & ~junk
    places, count = _places(block, right)
    held = np.arange(1, places.shape[1] + 1) <= count[:, None]
    shares = np.where(held, np.arange(1, places.shape[1] + 1) / places, 0)
    some_right = np.maximum(count, 1)
    last = places[np.arange(len(places)), some_right - 1]
    return Retrieval(
        first=np.where(count > 0, places[:, 0], 0),
        precision=shares.sum(axis=1) / some_right,
        penalty=np.where(count > 0, count / last, 0),
    )


def _places(block: Tensor, right: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The places of the right samples in each row's order, rising, n×R (what is beyond a row's count is meaningless),
    and how many each row has.

    A sample's place is the number of samples that are no farther; that is counted, which is cheaper than sorting.
    """
    count = right.sum(axis=1)
    places = (_counted if block.device.type == "cpu" else _counted_on_gpu)(
        block, right, max(1, int(count.max(initial=0)))
    )
    # Of right samples at one distance the last has the counted place, the others come just before it.
    steps = np.arange(places.shape[1])
    slack = np.where(steps < count[:, None], places - steps, np.iinfo(np.int64).max)
    return np.maximum(np.minimum.accumulate(slack[:, ::-1], axis=1)[:, ::-1] + steps, 1), count


def _counted(block: Tensor, right: NDArray[np.bool_], most: int) -> NDArray[np.int64]:
    """Of the right samples of each row, nearest first, n×most: how many samples are no farther.

    Row by row, for NumPy counts one row in a fortieth of the time that torch takes for its share of a block.
    """
    places = np.zeros((len(right), most), np.int64)
    for row, mine, found in zip(block.numpy(), right, places, strict=True):
        for place, far in enumerate(np.sort(row[mine])):
            found[place] = np.count_nonzero(row <= far)
    return places


def _counted_on_gpu(block: Tensor, right: NDArray[np.bool_], most: int) -> NDArray[np.int64]:
    """The same, all rows at once."""
    mine = torch.from_numpy(right).to(block.device)
    nearest = block.masked_fill(~mine, float("inf")).topk(min(most, block.shape[1]), dim=1, largest=False).values
    return np.asarray(torch.stack([(block <= column[:, None]).sum(dim=1) for column in nearest.T], dim=1).cpu().numpy())


def distance_blocks(
    probes: FloatArray, gallery: FloatArray, metric: Metric, device: str = "cpu"
) -> Iterator[tuple[slice, Tensor]]:
    """Rows of the distances of N×C×P probes to M×C×P gallery samples: (which rows, rows×M float32 on the device).

    euclidean: mean over parts of the L2 distance of a part; cosine: 1 − mean over parts of the cosine (OpenGait,
    evaluation/metric.py). Raises ConfigError when the two sides have different parts.
    """
    if probes.shape[1:] != gallery.shape[1:]:
        sides = " and ".join("×".join(map(str, side.shape[1:])) for side in (probes, gallery))
        raise ConfigError(f"features of {sides} cannot be compared. Compute both with the same encoder.")
    rows = rows_at_once(len(gallery))
    with torch.inference_mode():
        known = parts_of(gallery, metric, device)
        for begin in range(0, len(probes), rows):
            some = slice(begin, min(begin + rows, len(probes)))
            yield some, distances_between(parts_of(probes[some], metric, device), known, metric)


def rows_at_once(gallery: int) -> int:
    """Probes of a block against so many gallery samples."""
    return max(1, BLOCK_VALUES // max(1, gallery))


def distances(probes: FloatArray, gallery: FloatArray, metric: Metric, device: str = "cpu") -> FloatArray:
    """All of them, N×M float32, for sets that are small enough."""
    blocks = [block.cpu() for _, block in distance_blocks(probes, gallery, metric, device)]
    return np.asarray(torch.cat(blocks).numpy() if blocks else np.zeros((0, len(gallery))), np.float32)


def parts_of(features: FloatArray, metric: Metric, device: str) -> Tensor:
    """N×C×P → P×N×C on the device, of unit length for the cosine."""
    parts = torch.from_numpy(features).to(device).permute(2, 0, 1).float().contiguous()
    return torch.nn.functional.normalize(parts, dim=2) if metric == "cosine" else parts


def distances_between(probes: Tensor, gallery: Tensor, metric: Metric) -> Tensor:
    """P×n×C and P×M×C, see `parts_of` → n×M, see `distance_blocks`."""
    parts = len(probes)
    total = torch.zeros(probes.shape[1], gallery.shape[1], device=probes.device)
    for one, others in zip(probes, gallery, strict=True):  # part by part: memory for one
        if metric == "cosine":
            total.addmm_(one, others.T, alpha=1 / parts)
            continue
        squares = torch.addmm((others**2).sum(1)[None], one, others.T, alpha=-2)
        total.add_(squares.add_((one**2).sum(1)[:, None]).clamp_(min=0).sqrt_(), alpha=1 / parts)
    return total.neg_().add_(1) if metric == "cosine" else total
