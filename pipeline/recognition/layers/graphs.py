"""Layers of networks that look at skeletons: n walks of t frames with v joints, c channels each, as [n, c, t, v].

Attribute names are those of the published checkpoints (ResGCN, ST-GCN and what descends from them).
"""

from __future__ import annotations

from typing import cast

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pipeline.skeletons import Skeleton

TEMPORAL_KERNEL = 9  # frames
MAX_HOP = 3  # how far the published adjacencies reach
SPATIAL_HOPS = 2  # how far ResGCN looks


def adjacency(skeleton: Skeleton, max_hop: int = MAX_HOP) -> Tensor:
    """[hops + 1, v, v]: joints that are 0, 1, … bones apart, every column divided by the number of all of them.

    "Distance partitioning" of ST-GCN (Yan et al., AAAI 2018).
    """
    hops = skeleton.hops
    near = hops <= max_hop
    weights = near / near.sum(axis=0)
    return torch.from_numpy(np.stack([np.where(hops == hop, weights, 0) for hop in range(max_hop + 1)])).float()


def gather(x: Tensor, graph: Tensor) -> Tensor:
    """Sum over neighbours: [n, k·c, t, v] with one set of c channels for each of the k matrices → [n, c, t, v]."""
    k = graph.shape[0]
    n, kc, t, v = x.shape
    return torch.einsum("nkctv,kvw->nctw", x.reshape(n, k, kc // k, t, v), graph)


class GraphConv(nn.Module):
    """A 1×1 convolution for each distance in the graph, summed over the joints at that distance."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.gcn = nn.Conv2d(in_channels, out_channels * (SPATIAL_HOPS + 1), 1)

    def forward(self, x: Tensor, graph: Tensor) -> Tensor:
        return gather(self.gcn(x), graph[: SPATIAL_HOPS + 1])


class Bottleneck(nn.Module):
    """A convolution (over the graph or over time) between 1×1 ones that narrow and widen, around a shortcut.

    reduction: by how much they narrow; None leaves them and the shortcut out (ResGCN's "initial" block).
    stride: of the frames, for convolutions over time.
    """

    def __init__(
        self, in_channels: int, out_channels: int, reduction: int | None, over_time: bool, stride: int
    ) -> None:
        super().__init__()
        inner = out_channels // reduction if reduction else out_channels
        if reduction:
            if stride != 1 or in_channels != out_channels:
                self.residual: nn.Module = nn.Sequential(
                    nn.Conv2d(in_channels, out_channels, 1, (stride, 1)), nn.BatchNorm2d(out_channels)
                )
            else:
                self.residual = nn.Identity()
            self.conv_down = nn.Conv2d(in_channels, inner, 1)
            self.bn_down = nn.BatchNorm2d(inner)
            self.conv_up = nn.Conv2d(inner, out_channels, 1)
            self.bn_up = nn.BatchNorm2d(out_channels)
        wide = inner if reduction else in_channels
        self.conv: nn.Module = over_frames(wide, inner, stride) if over_time else GraphConv(wide, inner)
        self.bn = nn.BatchNorm2d(inner)
        self._narrow = reduction is not None

    def forward(self, x: Tensor, *graph: Tensor) -> Tensor:
        if not self._narrow:
            return F.relu(self.bn(self.conv(x, *graph)))
        y = F.relu(self.bn_down(self.conv_down(x)))
        y = F.relu(self.bn(self.conv(y, *graph)))
        return F.relu(self.bn_up(self.conv_up(y)) + self.residual(x))


def over_frames(in_channels: int, out_channels: int, stride: int, kernel: int = TEMPORAL_KERNEL) -> nn.Conv2d:
    """A convolution over time that keeps the number of frames (over `stride`)."""
    return nn.Conv2d(in_channels, out_channels, (kernel, 1), (stride, 1), (kernel // 2, 0))


class ResGCNBlock(nn.Module):
    """Over the graph, then over time; `edge` weighs every edge of the graph (Song et al., ACM MM 2020)."""

    def __init__(self, in_channels: int, out_channels: int, joints: int, reduction: int | None, stride: int) -> None:
        super().__init__()
        self.scn = Bottleneck(in_channels, out_channels, reduction, over_time=False, stride=1)
        self.tcn = Bottleneck(out_channels, out_channels, reduction, over_time=True, stride=stride)
        self.edge = nn.Parameter(torch.ones(MAX_HOP + 1, joints, joints))

    def forward(self, x: Tensor, graph: Tensor) -> Tensor:
        return cast(Tensor, self.tcn(self.scn(x, graph * self.edge)))


class NeighbourConv(nn.Module):
    """ST-GCN's graph convolution: as GraphConv, with every matrix of the graph it is given."""

    def __init__(self, in_channels: int, out_channels: int, matrices: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels * matrices, 1)

    def forward(self, x: Tensor, graph: Tensor) -> Tensor:
        return gather(self.conv(x), graph)


class STGCNBlock(nn.Module):
    """Spatial-temporal graph convolution (Yan et al., AAAI 2018) with a shortcut. matrices: of the graph."""

    def __init__(self, in_channels: int, out_channels: int, matrices: int, stride: int = 1, shortcut: bool = True):
        super().__init__()
        self.gcn = NeighbourConv(in_channels, out_channels, matrices)
        self.tcn = nn.Sequential(
            nn.BatchNorm2d(out_channels),
            nn.ReLU(),
            over_frames(out_channels, out_channels, stride),
            nn.BatchNorm2d(out_channels),
        )
        self.residual: nn.Module | None = None
        if shortcut and (stride != 1 or in_channels != out_channels):
            self.residual = nn.Sequential(
                nn.Conv2d(in_channels, out_channels, 1, (stride, 1)), nn.BatchNorm2d(out_channels)
            )
        elif shortcut:
            self.residual = nn.Identity()

    def forward(self, x: Tensor, graph: Tensor) -> Tensor:
        y = self.tcn(self.gcn(x, graph))
        return F.relu(y if self.residual is None else y + self.residual(x))
