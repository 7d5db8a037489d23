"""SMPLGait (Zheng et al., "Gait Recognition in the Wild with Dense 3D Representations and a Benchmark", CVPR 2022).

A small network turns the SMPL body model of every frame into a 16×16 matrix that is multiplied to that frame's feature
map, as a learnt change of viewpoint.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pipeline.recognition.layers import shapes
from pipeline.recognition.layers.silhouettes import HorizontalPooling, Plain, SeparateFCs, SetBlock, temporal_max
from pipeline.recognition.model import Model
from pipeline.recognition.network import GaitNetwork, necks
from pipeline.types import Modality

_SIDE = 16  # rows of the feature maps, and the side of a matrix
_SMPL = 85  # values of a frame: camera 3, pose 72, shape 10


@dataclass(frozen=True, slots=True)
class Architecture(shapes.Architecture):
    """The defaults are those for Gait3D."""

    in_channels: int = shapes.shown(1, shapes.side("Backbone.forward_block.feature.0.conv.weight", 4, 1))
    layers: Sequence[str] = ("BC-64", "BC-64", "M", "BC-128", "BC-128", "M", "BC-256", "BC-256")
    bins: Sequence[int] = (16, 8, 4, 2, 1)
    out_channels: int = shapes.shown(256, shapes.OUT_CHANNELS)
    classes: int = shapes.shown(3000, shapes.CLASSES)


class SMPLGait(GaitNetwork):
    """Silhouettes [n, in_channels, s, 64, w] and SMPL [n, s, 85] to embeddings [n, out_channels, sum of bins]."""

    def __init__(self, architecture: Architecture, head: bool = True) -> None:
        super().__init__(architecture, head)
        a, parts = architecture, sum(architecture.bins)
        backbone = Plain(a.in_channels, a.layers)
        self.Backbone = SetBlock(backbone)
        sizes = (_SMPL, 128, 256, _SIDE**2)
        self.fc1, self.fc2, self.fc3 = (nn.Linear(i, o) for i, o in pairwise(sizes))
        self.bn1, self.bn2, self.bn3 = (nn.BatchNorm1d(size) for size in sizes[1:])
        self.HPP = HorizontalPooling(a.bins)
        self.FCs = SeparateFCs(parts, backbone.channels, a.out_channels)
        self.BNNecks = necks(parts, a.out_channels, a.classes, head)

    def forward(self, silhouettes: Tensor, smpl: Tensor) -> Tensor:
        maps = self.Backbone(silhouettes)
        maps = F.pad(maps, (0, _SIDE - maps.shape[-1]))
        turned = torch.einsum("ncshw,nswk->ncshk", maps, self._matrices(smpl))
        return cast(Tensor, self.FCs(self.HPP(temporal_max(turned))))

    def _matrices(self, smpl: Tensor) -> Tensor:
        """[n, s, 85] → [n, s, 16, 16]."""
        x = smpl.flatten(0, 1)
        x = F.relu(self.bn1(self.fc1(x)))
        x = F.relu(self.bn2(F.dropout(self.fc2(x), 0.2, self.training)))
        x = F.relu(self.bn3(F.dropout(self.fc3(x), 0.2, self.training)))
        matrices = x.reshape(*smpl.shape[:2], _SIDE, _SIDE)
        return matrices + torch.eye(_SIDE, device=x.device, dtype=x.dtype)


SMPLGAIT = Model(
    name="smplgait",
    title="SMPLGait",
    paper="Zheng et al., CVPR 2022",
    network=SMPLGait,
    architecture=Architecture,
    published="Gait3D 48.3, Gait3D-Parsing 60.6",
    golden=("smplgait",),
    needs=(Modality.SILHOUETTES, Modality.SMPL),
)
