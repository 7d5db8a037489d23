"""Point clouds: points far apart, their neighbours, and pooling by height (PointNet++, Qi et al., NeurIPS 2017).

Shapes: b clouds of n points, [b, n, c]; the first three values of a point are its place in metres, z up.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_TALLEST = 2.0  # metres: heights are divided into bins up to here


def farthest_points(places: Tensor, count: int, random_start: bool = False) -> Tensor:
    """Indices [b, count] of points, each the one farthest from all that were chosen before; places [b, n, 3].

    The first is the one farthest from the cloud's middle; random_start: any (by torch's global generator), so that the
    same sequence gives another answer the next time.
    """
    if random_start:
        first = torch.randint(0, places.shape[1], places.shape[:1]).to(places.device)
    else:
        first = (places - places.mean(1, keepdim=True)).square().sum(-1).argmax(-1)
    # so that an exported graph has a loop, and not `count` copies of what is in it
    one_by_one = torch.jit.script_if_tracing(_one_by_one)  # type: ignore[no-untyped-call]  # torch says no types
    return cast(Tensor, one_by_one(places, count, first))


def _one_by_one(places: Tensor, count: int, first: Tensor) -> Tensor:
    latest, columns = first, torch.arange(count, device=places.device)
    chosen = first[:, None].expand(-1, count)
    nearest = torch.full_like(places[..., 0], 1e10)
    for i in range(count):  # each depends on those before
        chosen = torch.where(columns == i, latest[:, None], chosen)
        place = places.gather(1, latest[:, None, None].expand(-1, 1, 3))
        nearest = torch.minimum(nearest, (places - place).square().sum(-1))
        latest = nearest.argmax(-1)
    return chosen


def nearest_neighbours(places: Tensor, centres: Tensor, count: int) -> Tensor:
    """Indices [b, m, count] of the points [b, n, 3] that are nearest to each of the centres [b, m, 3]."""
    # Not by |a|² − 2ab + |b|², whose rounding is larger than the differences between neighbours: engines would differ.
    x, y, z = ((centres[:, :, None, axis] - places[:, None, :, axis]).square() for axis in range(3))
    return (x + y + z).topk(count, dim=-1, largest=False).indices


def pick(points: Tensor, indices: Tensor) -> Tensor:
    """Points [b, n, c] by indices [b, …] → [b, …, c]."""
    rows = torch.arange(points.shape[0], device=points.device).view(-1, *[1] * (indices.ndim - 1))
    return points[rows, indices]


class SetAbstraction(nn.Module):
    """Fewer points that each know their neighbourhood; with `count` None, every point as it is.

    radius: that neighbours' distances are measured in.
    """

    def __init__(
        self, in_channels: int, channels: Sequence[int], count: int | None, radius: float = 1.0, neighbours: int = 32
    ) -> None:
        super().__init__()
        self.count, self.radius, self.neighbours = count, radius, neighbours
        sizes = (in_channels, *channels)
        self.mlp_convs = nn.ModuleList(nn.Conv2d(i, o, 1) for i, o in pairwise(sizes))
        self.mlp_bns = nn.ModuleList(nn.BatchNorm2d(size) for size in channels)

    def forward(self, points: Tensor, features: Tensor | None, random_start: bool = False) -> tuple[Tensor, Tensor]:
        """Points [b, n, c] with features [b, n, d] → the chosen points [b, m, c] with features [b, m, d']."""
        if self.count is None:
            grouped = points[:, :, None]
            near = features[:, :, None] if features is not None else None
        else:
            chosen = farthest_points(points[..., :3], min(self.count, points.shape[1]), random_start)
            centres = pick(points, chosen)
            indices = nearest_neighbours(points[..., :3], centres[..., :3], min(self.neighbours, points.shape[1]))
            grouped = (pick(points, indices) - centres[:, :, None]) / self.radius
            near = pick(features, indices) if features is not None else None
            points = centres
        x = torch.cat([grouped, near], -1) if near is not None else grouped
        x = x.permute(0, 3, 2, 1)  # b, c, neighbours, points
        for conv, norm in zip(self.mlp_convs, self.mlp_bns, strict=True):
            x = F.relu(norm(conv(x)))
        return points, x.amax(2).transpose(1, 2)


def pool_by_height(features: Tensor, heights: Tensor, bins: Sequence[int]) -> Tensor:
    """Mean + maximum of the points of every height bin: [b, n, c] with heights [b, n] in metres → [b, c, sum of bins].

    Each level has bins of equal height between 0 and 2 m (the outer ones are open); an empty one gives zeros.
    """
    pooled = []
    for count in bins:
        edges = [-torch.inf, *torch.linspace(0, _TALLEST, count + 1).tolist()[1:-1], torch.inf]
        for low, high in pairwise(edges):  # in ONNX no scatter leaves out what was there before
            inside = ((heights > low) & (heights <= high))[..., None]
            size = inside.sum(1)
            peak = features.masked_fill(~inside, -torch.inf).amax(1)
            mean = (features * inside).sum(1) / size.clamp(min=1)
            pooled.append(torch.where(size > 0, peak + mean, 0.0))
    return torch.stack(pooled, 2)
