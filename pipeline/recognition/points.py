"""Point clouds: points far apart, their neighbours, and pooling by height (PointNet++, Qi et al., NeurIPS 2017).

Shapes: b clouds of n points, [b, n, c]; the first three values of a point are its place in metres, z up.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_TALLEST = 2.0  # metres: heights are divided into bins up to here


def farthest_points(places: Tensor, count: int, random_start: bool = False) -> Tensor:
    """Indices [b, count] of points, each the one farthest from all that were chosen before; places [b, n, 3].

    The first is the one farthest from the cloud's middle; random_start: any (by torch's global generator), so that the
    same walk gives another answer the next time.
    """
    b, n, _ = places.shape
    chosen = torch.empty(b, count, dtype=torch.long, device=places.device)
    rows = torch.arange(b, device=places.device)
    nearest = torch.full((b, n), 1e10, device=places.device, dtype=places.dtype)
    if random_start:
        latest = torch.randint(0, n, (b,)).to(places.device)
    else:
        latest = (places - places.mean(1, keepdim=True)).square().sum(-1).argmax(-1)
    for i in range(count):  # one by one: each depends on those before
        chosen[:, i] = latest
        nearest = torch.minimum(nearest, (places - places[rows, latest][:, None]).square().sum(-1))
        latest = nearest.argmax(-1)
    return chosen


def nearest_neighbours(places: Tensor, centres: Tensor, count: int) -> Tensor:
    """Indices [b, m, count] of the points [b, n, 3] that are nearest to each of the centres [b, m, 3]."""
    apart = -2 * centres @ places.transpose(1, 2)
    apart = apart + centres.square().sum(-1)[:, :, None] + places.square().sum(-1)[:, None]
    return apart.topk(count, dim=-1, largest=False).indices


def pick(points: Tensor, indices: Tensor) -> Tensor:
    """Points [b, n, c] by indices [b, …] → [b, …, c]."""
    rows = torch.arange(len(points), device=points.device).view(-1, *[1] * (indices.ndim - 1))
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
    b, _, c = features.shape
    levels = []
    for count in bins:
        edges = torch.linspace(0, _TALLEST, count + 1, device=features.device)[1:-1]
        where = torch.bucketize(heights.contiguous(), edges)[..., None].expand_as(features)
        empty = features.new_zeros(b, count, c)
        peak = empty.scatter_reduce(1, where, features, "amax", include_self=False)
        mean = empty.scatter_reduce(1, where, features, "mean", include_self=False)
        levels.append(peak + mean)
    return torch.cat(levels, 1).transpose(1, 2)
