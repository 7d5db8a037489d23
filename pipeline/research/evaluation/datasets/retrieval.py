"""Every probe walk against all gallery walks: at which places the right ones come, by the standard of the datasets.

CMC (rank-k): the share of probes with a right walk among the first k. mAP: the mean over right walks of the share of
right ones up to each (Zheng et al., ICCV 2015). mINP: the number of right walks over the place of the last one (Ye et
al., TPAMI 2021).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipeline.research.evaluation.datasets.distances import Metric, distance_blocks
from pipeline.types import FloatArray

Names = NDArray[np.str_]


@dataclass(frozen=True, slots=True)
class Retrieval:
    """Of each of N probes: first, the place of the first right walk (from 1; 0 where the gallery has none);
    precision: average precision; penalty: inverse negative penalty (both 0 where the gallery has none).
    """

    first: NDArray[np.int64]
    precision: NDArray[np.float64]
    penalty: NDArray[np.float64]

    @property
    def answerable(self) -> NDArray[np.bool_]:
        """Which probes have a right walk in the gallery."""
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
        return float(self.precision[self.answerable].mean()) if self.answerable.any() else float("nan")

    def mean_penalty(self) -> float:
        """mINP over the probes that can be answered; NaN of none."""
        return float(self.penalty[self.answerable].mean()) if self.answerable.any() else float("nan")


@dataclass(frozen=True, slots=True)
class Walks:
    """N walks: features N×C×P float32, whose they are, and from which view."""

    features: FloatArray
    labels: Names
    views: Names

    def __post_init__(self) -> None:
        if not len(self.features) == len(self.labels) == len(self.views):
            raise ValueError(
                f"features {self.features.shape}, labels {self.labels.shape} and views {self.views.shape} "
                "must have the same length"
            )

    def __len__(self) -> int:
        return len(self.labels)

    def select(self, mask: NDArray[np.bool_]) -> Walks:
        return Walks(self.features[mask], self.labels[mask], self.views[mask])


def retrieve(
    probes: Walks, gallery: Walks, metric: Metric, device: str = "cpu", *, same_view: bool = True
) -> Retrieval:
    """Rank the gallery for every probe. same_view=False: a probe never meets its own person from its own view."""
    blocks = distance_blocks(probes.features, gallery.features, metric, device)
    return ranked(blocks, probes, gallery, same_view=same_view)


def ranked(
    blocks: Iterable[tuple[slice, Tensor]], probes: Walks, gallery: Walks, *, same_view: bool = True
) -> Retrieval:
    """The same from distances in hand: (which rows, rows×M) until all N rows have come.

    Equal distances count against us: wrong walks come before right ones.
    """
    people = {name: number for number, name in enumerate(np.unique([*probes.labels, *gallery.labels]).tolist())}
    own, others = (np.array([people[name] for name in side.labels.tolist()], np.int64) for side in (probes, gallery))
    first, precision, penalty = np.zeros(len(own), np.int64), np.zeros(len(own)), np.zeros(len(own))
    for some, far in blocks:
        block = far
        right = own[some, None] == others[None]
        if not same_view:
            junk = right & (probes.views[some, None] == gallery.views[None])
            block = block.masked_fill(torch.from_numpy(junk).to(block.device), float("inf"))
            right &= ~junk
        places, count = _places(block, right)
        held = np.arange(1, places.shape[1] + 1) <= count[:, None]
        shares = np.where(held, np.arange(1, places.shape[1] + 1) / places, 0)
        some_right = np.maximum(count, 1)
        precision[some] = shares.sum(axis=1) / some_right
        last = places[np.arange(len(places)), some_right - 1]
        first[some] = np.where(count > 0, places[:, 0], 0)
        penalty[some] = np.where(count > 0, count / last, 0)
    return Retrieval(first, precision, penalty)


def _places(block: Tensor, right: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The places of the right walks in each row's order, rising, n×R (what is beyond a row's count is meaningless),
    and how many each row has.

    A walk's place is the number of walks that are no farther; that is counted, which is cheaper than sorting.
    """
    count = right.sum(axis=1)
    most = max(1, int(count.max(initial=0)))
    mine = torch.from_numpy(right).to(block.device)
    nearest = block.masked_fill(~mine, float("inf")).topk(min(most, block.shape[1]), dim=1, largest=False).values
    places = torch.stack([(block <= column[:, None]).sum(dim=1) for column in nearest.T], dim=1)
    # Of right walks at one distance the last has the counted place, the others come just before it.
    steps = torch.arange(places.shape[1], device=block.device)
    counted = torch.from_numpy(np.arange(places.shape[1]) < count[:, None]).to(block.device)
    slack = (places - steps).masked_fill(~counted, torch.iinfo(torch.int64).max)
    places = slack.flip(1).cummin(dim=1).values.flip(1) + steps
    return np.maximum(places.cpu().numpy(), 1), count
