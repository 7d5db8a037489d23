"""ST-GCN (Yan et al., AAAI 2018) as a gait network: the other backbone of tteepe/GaitGraph2."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar, cast

import torch
from torch import Tensor, nn

from pipeline.recognition.layers import shapes
from pipeline.recognition.layers.graph_inputs import as_joints, backwards, middle_frames, sides_swapped
from pipeline.recognition.layers.graphs import MAX_HOP, STGCNBlock, adjacency
from pipeline.recognition.model import Model
from pipeline.recognition.network import GaitNetwork
from pipeline.skeletons import BY_JOINTS
from pipeline.types import Modality

CHANNELS = (3, 64, 64, 64, 64, 128, 128, 128, 256, 256, 256)


def _joints(weights: shapes.Weights) -> int | None:
    joints = shapes.side("backbone.A", 3, 1)(weights)
    return joints if joints in BY_JOINTS else None


@dataclass(frozen=True, slots=True)
class Architecture(shapes.Architecture):
    """joints: 17 (COCO) or 18 (OpenPose). frames, tta: as GaitGraph2's."""

    joints: int = shapes.shown(18, _joints)
    out_channels: int = shapes.shown(128, shapes.side("backbone.fcn.weight", 2, 0))
    frames: int | None = 30
    tta: bool = True


class Backbone(nn.Module):
    """Keypoints [n, s, joints, 3] to [n, out_channels]."""

    A: Tensor

    def __init__(self, joints: int, out_channels: int) -> None:
        super().__init__()
        self.register_buffer("A", adjacency(BY_JOINTS[joints]))
        self.data_bn = nn.BatchNorm1d(CHANNELS[0] * joints)
        self.st_gcn_networks = nn.ModuleList(
            STGCNBlock(inner, outer, MAX_HOP + 1, 1 if inner in (CHANNELS[0], outer) else 2, around=place > 0)
            for place, (inner, outer) in enumerate(pairwise(CHANNELS))
        )
        self.edge_importance = nn.ParameterList(torch.ones_like(self.A) for _ in self.st_gcn_networks)
        self.fcn = nn.Linear(CHANNELS[-1], out_channels)

    def forward(self, keypoints: Tensor) -> Tensor:
        n, s, joints, c = keypoints.shape
        x = self.data_bn(keypoints.reshape(n, s, joints * c).transpose(1, 2))
        x = x.reshape(n, joints, c, s).permute(0, 2, 3, 1)
        for block, weight in zip(self.st_gcn_networks, self.edge_importance, strict=True):
            x = block(x, self.A * weight)
        return cast(Tensor, self.fcn(x.mean(dim=(2, 3))))


class STGCN(GaitNetwork):
    """Keypoints [n, s, joints, 3] (pixels, score) to embeddings [n, out_channels · 3, 1], · 1 without tta."""

    HEAD: ClassVar[tuple[str, ...]] = ()

    def __init__(self, architecture: Architecture, head: bool = True) -> None:
        super().__init__(architecture, head)
        self.backbone = Backbone(architecture.joints, architecture.out_channels)
        self._skeleton = BY_JOINTS[architecture.joints]
        self._frames, self._tta = architecture.frames, architecture.tta

    def forward(self, keypoints: Tensor) -> Tensor:
        keypoints = as_joints(keypoints, self._skeleton)
        if self._frames is not None:
            keypoints = middle_frames(keypoints, self._frames)
        views = [keypoints]
        if self._tta and not self.training:
            views += [backwards(keypoints), sides_swapped(keypoints, self._skeleton)]
        return torch.cat([self.backbone(view) for view in views], dim=1).unsqueeze(-1)


STGCN_MODEL = Model(
    name="stgcn",
    title="ST-GCN",
    paper="Yan et al., AAAI 2018; for gait: Teepe et al., CVPRW 2022",
    network=STGCN,
    architecture=Architecture,
    golden=("gaitgraph2_tteepe",),
    needs=(Modality.KEYPOINTS,),
    motion=True,
)
