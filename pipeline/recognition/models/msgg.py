"""MSGG, the multi-scale gait graph (Peng et al., "Learning Rich Features for Gait Recognition by Integrating Skeletons
and Silhouettes", Multimedia Tools and Applications 2023).

Three graphs are looked at side by side: twelve joints, six limbs (each the mean of two joints) and three parts of the
body (each the mean of two limbs). After every block the finer graph adds its mean to the coarser one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar, cast

import torch
from torch import Tensor, nn

from pipeline.recognition.layers import shapes
from pipeline.recognition.layers.graph_inputs import as_joints
from pipeline.recognition.layers.graphs import STGCNBlock
from pipeline.recognition.model import Model
from pipeline.recognition.network import GaitNetwork, memory
from pipeline.skeletons import COCO17
from pipeline.types import Modality

# Right shoulder, elbow, knee, hip, left elbow, knee; then their partners: the first and the second half have one mean.
JOINTS = (6, 8, 14, 12, 7, 13, 5, 10, 16, 11, 9, 15)
# At each scale: the edges, and the nodes of the trunk (which every other node hangs on).
SCALES = {
    "low": (
        12,
        ((7, 1), (1, 0), (10, 4), (4, 6), (8, 2), (2, 3), (11, 5), (5, 9), (9, 3), (3, 0), (9, 6), (6, 0)),
        (0, 3, 6, 9),
    ),
    "medium": (6, ((1, 0), (4, 0), (0, 3), (2, 3), (5, 3)), (0, 3)),
    "high": (3, ((1, 0), (2, 0)), (0,)),
}
MATRICES = 3


def _channels(weights: shapes.Weights) -> tuple[int, ...] | None:
    widths = shapes.widths(weights, r"st_gcn_networks_lowSemantic\.(\d*[13579])\.tcn\.0\.weight")
    return (3, *widths) if widths else None


@dataclass(frozen=True, slots=True)
class Architecture(shapes.Architecture):
    """channels: before and after every pair of blocks."""

    channels: Sequence[int] = shapes.shown((3, 16, 32, 64, 128), _channels)
    out_channels: int = shapes.shown(128, shapes.side("fc.weight", 2, 0))
    classes: int = shapes.shown(5153, shapes.side("encoder_cls.weight", 2, 0))


def trunk_and_limbs(nodes: int, edges: Sequence[tuple[int, int]], trunk: Sequence[int]) -> Tensor:
    """[3, nodes, nodes]: what a node gets from itself, from neighbours in the trunk, and from all other neighbours.

    Every column is divided by the number of neighbours, itself included ("gait temporal partitioning").
    """
    linked = torch.eye(nodes)
    for one, other in edges:
        linked[one, other] = linked[other, one] = 1
    shares = linked / linked.sum(dim=0)
    itself = torch.eye(nodes, dtype=torch.bool)
    from_trunk = torch.zeros(nodes, dtype=torch.bool)
    from_trunk[list(trunk)] = True
    return torch.stack(
        [shares * itself, shares * (~itself & from_trunk[:, None]), shares * (~itself & ~from_trunk[:, None])]
    )


def mean_of_halves(x: Tensor) -> Tensor:
    """The coarser scale: the mean of node i of the first half and node i of the second, [n, c, s, v] → v / 2."""
    first, second = x.chunk(2, dim=-1)
    return (first + second) / 2


class MSGG(GaitNetwork):
    """Keypoints [n, s, 17, 3] to embeddings [n, out_channels, 1]."""

    HEAD: ClassVar[tuple[str, ...]] = ("bn_neck.", "encoder_cls.")
    A_lowSemantic: Tensor
    A_mediumSemantic: Tensor
    A_highSemantic: Tensor
    bn_neck: nn.Module
    encoder_cls: nn.Module

    def __init__(self, architecture: Architecture, head: bool = True) -> None:
        super().__init__(architecture, head)
        a = architecture
        sizes = [(a.channels[0], a.channels[1], False), (a.channels[1], a.channels[1], True)]
        for inner, outer in pairwise(a.channels[1:]):
            sizes += [(inner, outer, True), (outer, outer, True)]
        for scale, graph in SCALES.items():
            self.register_buffer(f"A_{scale}Semantic", trunk_and_limbs(*graph))
            blocks = nn.ModuleList(STGCNBlock(i, o, MATRICES, around=around) for i, o, around in sizes)
            weights = nn.ParameterList(torch.ones(MATRICES, graph[0], graph[0]) for _ in sizes)
            setattr(self, f"st_gcn_networks_{scale}Semantic", blocks)
            setattr(self, f"edge_importance_{scale}Semantic", weights)
        self.fc = nn.Linear(a.channels[-1], a.out_channels)
        with memory(head):
            self.bn_neck = nn.BatchNorm1d(a.out_channels)
            self.encoder_cls = nn.Linear(a.out_channels, a.classes, bias=False)

    def scales(self, keypoints: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Joints, limbs and parts, each averaged over frames and nodes: [n, channels[-1]]. The first two are for
        losses of their own in training."""
        return self.scales_of(as_joints(keypoints, COCO17)[:, :, list(JOINTS)])

    def scales_of(self, joints: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The same of the twelve joints alone, [n, s, 12, 3]."""
        x = joints.permute(0, 3, 1, 2)
        y = mean_of_halves(x)
        z = mean_of_halves(y)
        for low, medium, high in zip(*(self._blocks(scale) for scale in SCALES), strict=True):
            x = low(x)
            y = medium(y) + mean_of_halves(x)
            z = high(z) + mean_of_halves(y)
        return x.mean(dim=(2, 3)), y.mean(dim=(2, 3)), z.mean(dim=(2, 3))

    def forward(self, keypoints: Tensor) -> Tensor:
        return cast(Tensor, self.fc(self.scales(keypoints)[2])).unsqueeze(-1)

    def logits(self, embeddings: Tensor) -> Tensor:
        return cast(Tensor, self.encoder_cls(self.bn_neck(embeddings.squeeze(-1)))).unsqueeze(-1)

    def _blocks(self, scale: str) -> list[Any]:
        graph = getattr(self, f"A_{scale}Semantic")
        blocks = getattr(self, f"st_gcn_networks_{scale}Semantic")
        weights = getattr(self, f"edge_importance_{scale}Semantic")
        return [
            lambda x, block=block, weight=weight: block(x, graph * weight)
            for block, weight in zip(blocks, weights, strict=True)
        ]


MSGG_MODEL = Model(
    name="msgg",
    title="MSGG (multi-scale gait graph)",
    paper="Peng et al., Multimedia Tools and Applications 2023",
    network=MSGG,
    architecture=Architecture,
    golden=("msgg",),
    needs=(Modality.KEYPOINTS,),
    motion=True,
)
