"""Layers of networks that look at skeletons: n sequences of t frames with v joints, c channels each, as [n, c, t, v].

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


def adjacency(skeleton: Skeleton, furthest: int = MAX_HOP, first: int = 0) -> Tensor:
    """[furthest + 1, v, v]: joints that are 0, 1, … bones apart, every column divided by the number of all of them.

    "Distance partitioning" of ST-GCN (Yan et al., AAAI 2018). first: joints before that one are left out.
    """
    hops = skeleton.hops[first:, first:]
    near = hops <= furthest
    weights = near / near.sum(axis=0)
    return torch.from_numpy(np.stack([np.where(hops == hop, weights, 0) for hop in range(furthest + 1)])).float()


def gather(x: Tensor, graph: Tensor) -> Tensor:
    """Sum over neighbours: [n, k·c, t, v] with one set of c channels for each of the k matrices → [n, c, t, v]."""
    k = graph.shape[0]
    n, kc, t, v = x.shape
    return torch.einsum("nkctv,kvw->nctw", x.reshape(n, k, kc // k, t, v), graph)


class GraphConv(nn.Module):
    """A 1×1 convolution for each of the first `matrices` of the graph, summed over the joints that these join.

    name: of the convolution in checkpoints.
    """

    def __init__(self, in_channels: int, out_channels: int, matrices: int, name: str) -> None:
        super().__init__()
        self._matrices, self._name = matrices, name
        self.add_module(name, nn.Conv2d(in_channels, out_channels * matrices, 1))

    def forward(self, x: Tensor, graph: Tensor) -> Tensor:
        return gather(self.get_submodule(self._name)(x), graph[: self._matrices])


def shortcut(in_channels: int, out_channels: int, stride: int) -> nn.Module:
    """What passes around a block: the input itself, or fitted to other channels and fewer frames."""
    if stride == 1 and in_channels == out_channels:
        return nn.Identity()
    return nn.Sequential(nn.Conv2d(in_channels, out_channels, 1, (stride, 1)), nn.BatchNorm2d(out_channels))


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
            self.residual = shortcut(in_channels, out_channels, stride)
            self.conv_down = nn.Conv2d(in_channels, inner, 1)
            self.bn_down = nn.BatchNorm2d(inner)
            self.conv_up = nn.Conv2d(inner, out_channels, 1)
            self.bn_up = nn.BatchNorm2d(out_channels)
        wide = inner if reduction else in_channels
        graph = GraphConv(wide, inner, SPATIAL_HOPS + 1, "gcn") if not over_time else None
        self.conv: nn.Module = graph or over_frames(wide, inner, stride)
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


class STGCNBlock(nn.Module):
    """Spatial-temporal graph convolution (Yan et al., AAAI 2018), its shortcut `around`. matrices: of the graph."""

    def __init__(self, in_channels: int, out_channels: int, matrices: int, stride: int = 1, around: bool = True):
        super().__init__()
        self.gcn = GraphConv(in_channels, out_channels, matrices, "conv")
        self.tcn = nn.Sequential(
            nn.BatchNorm2d(out_channels),
            nn.ReLU(),
            over_frames(out_channels, out_channels, stride),
            nn.BatchNorm2d(out_channels),
        )
        self.residual = shortcut(in_channels, out_channels, stride) if around else None

    def forward(self, x: Tensor, graph: Tensor) -> Tensor:
        y = self.tcn(self.gcn(x, graph))
        return F.relu(y if self.residual is None else y + self.residual(x))
