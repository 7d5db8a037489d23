"""ParsingGait (Zheng et al., "Parsing is All You Need for Accurate Gait Recognition in the Wild", ACM MM 2023).

GaitBase on maps of body parts, and beside it a graph whose nodes are the parts: each sees the feature map weighed by
where it lies, and talks to the parts it is joined to.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pipeline.recognition.layers import shapes
from pipeline.recognition.layers.silhouettes import (
    HorizontalPooling,
    ResNet9,
    SeparateFCs,
    SetBlock,
    temporal_max,
)
from pipeline.recognition.model import Model
from pipeline.recognition.network import GaitNetwork, necks
from pipeline.types import Modality

# Labels of Gait3D-Parsing: 1 head, 2 torso, 3 and 4 arms, 5 and 6 hands, 7 and 8 legs, 9 and 10 feet (left first),
# 11 dress. Nodes are numbered from 0 here.
FINE = tuple((label,) for label in range(1, 12))
FINE_JOINTS = (
    *((0, 1), (0, 10), (1, 2), (1, 3), (1, 6), (1, 7), (2, 4), (2, 10), (3, 5), (3, 10)),
    *((6, 8), (6, 10), (7, 9), (7, 10)),
)
COARSE = ((1, 2, 11), (3, 5), (4, 6), (7, 9), (8, 10))  # the trunk, then each limb
COARSE_JOINTS = ((0, 1), (0, 2), (0, 3), (0, 4))


@dataclass(frozen=True, slots=True)
class Architecture(shapes.ResNet9Architecture):
    """fine: a graph of the 11 labels; coarse: one of the trunk and four limbs. The published network is coarse only."""

    bins: Sequence[int] = (16,)
    fine: bool = shapes.shown(False, shapes.has("gcn_fine.gc1.weight"))
    coarse: bool = shapes.shown(True, shapes.has("gcn_coarse.gc1.weight"))
    out_channels: int = shapes.shown(256, shapes.OUT_CHANNELS)
    classes: int = shapes.shown(3000, shapes.CLASSES)


class GraphConvolution(nn.Module):
    """Every node's values mapped, mixed with its neighbours' and batch-normalised: [n, nodes, c] → the same."""

    def __init__(self, nodes: int, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(nn.init.xavier_uniform_(torch.empty(channels, channels)))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.bn = nn.BatchNorm1d(nodes * channels)

    def forward(self, x: Tensor, adjacency: Tensor) -> Tensor:
        mixed = adjacency @ (x @ self.weight) + self.bias
        return F.relu(self.bn(mixed.flatten(1)).view_as(mixed))


class PartGraph(nn.Module):
    """Nodes of body parts: their features [n, nodes, c] through two graph convolutions."""

    adjacency: Tensor

    def __init__(self, nodes: int, joints: Sequence[tuple[int, int]], channels: int) -> None:
        super().__init__()
        self.gc1 = GraphConvolution(nodes, channels)
        self.gc2 = GraphConvolution(nodes, channels)
        linked = torch.eye(nodes)
        for one, other in joints:
            linked[one, other] = linked[other, one] = 1
        scale = linked.sum(1).rsqrt()
        self.register_buffer("adjacency", scale[:, None] * linked * scale, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return cast(Tensor, self.gc2(self.gc1(x, self.adjacency), self.adjacency))


class ParsingGait(GaitNetwork):
    """Label maps [n, 1, s, h, w] (0 to 11, not scaled) to embeddings [n, out_channels, parts and graph nodes]."""

    def __init__(self, architecture: Architecture, head: bool = True) -> None:
        super().__init__(architecture, head)
        a, c = architecture, architecture.channels[3]
        self.Backbone = SetBlock(ResNet9(a.channels, a.layers, a.strides, a.maxpool, a.in_channels))
        self.HPP = HorizontalPooling(a.bins)
        parts = sum(a.bins)
        if a.fine:
            self.gcn_fine = PartGraph(len(FINE), FINE_JOINTS, c)
            self.gammas_fine = nn.Parameter(torch.full((len(FINE),), 0.75))
            parts += len(FINE)
        if a.coarse:
            self.gcn_coarse = PartGraph(len(COARSE), COARSE_JOINTS, c)
            self.gammas_coarse = nn.Parameter(torch.full((len(COARSE),), 0.75))
            parts += len(COARSE)
        self.FCs = SeparateFCs(parts, c, a.out_channels)
        self.BNNecks = necks(parts, a.out_channels, a.classes, head)

    def forward(self, labels: Tensor) -> Tensor:
        maps = self.Backbone(labels)
        features = [self.HPP(temporal_max(maps))]
        if hasattr(self, "gcn_fine"):
            features.append(_nodes(maps, labels, FINE, self.gammas_fine, self.gcn_fine))
        if hasattr(self, "gcn_coarse"):
            features.append(_nodes(maps, labels, COARSE, self.gammas_coarse, self.gcn_coarse))
        return cast(Tensor, self.FCs(torch.cat(features, -1)))


def _nodes(maps: Tensor, labels: Tensor, groups: Sequence[Sequence[int]], gammas: Tensor, graph: nn.Module) -> Tensor:
    """What the nodes say of a sequence, the strongest over time: maps [n, c, s, h, w] → [n, c, nodes].

    A node sees the map times γ where its part lies and times 1 − γ elsewhere, by mean and maximum.
    """
    n, c, s, h, w = maps.shape
    small = F.interpolate(labels[:, 0], (h, w), mode="nearest").reshape(n * s, 1, h, w)
    frames = maps.transpose(1, 2).reshape(n * s, c, h, w)
    seen = []
    for group, gamma in zip(groups, gammas, strict=True):  # one part at a time: all at once take its memory 11 times
        inside = sum((small == label).to(maps.dtype) for label in group)
        weighed = (frames * (inside * (2 * gamma - 1) + (1 - gamma))).flatten(2)
        seen.append(weighed.mean(-1) + weighed.amax(-1))
    said = graph(torch.stack(seen, 1)).reshape(n, s, len(groups), c)
    return cast(Tensor, said.amax(1).transpose(1, 2))


PARSINGGAIT = Model(
    name="parsinggait",
    title="ParsingGait",
    paper="Zheng et al., ACM MM 2023",
    network=ParsingGait,
    architecture=Architecture,
    published="Gait3D-Parsing 76.2",
    golden=("parsinggait", "parsinggait_combined"),
    needs=(Modality.PARSING,),
)
