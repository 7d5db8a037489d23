"""SkeletonGait++ (Fan et al., AAAI 2024): a silhouette and a skeleton map of the same frame, fused by attention.

Both have a stem and a first stage of their own; what follows is DeepGaitV2's p3d, with its defaults (Gait3D and GREW).
"""

from __future__ import annotations

from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

from pipeline.recognition.encoder import Arrays
from pipeline.recognition.layers.silhouettes import HorizontalPooling, SeparateFCs, SetBlock, temporal_max
from pipeline.recognition.layers.temporal import stage, stem
from pipeline.recognition.model import Model
from pipeline.recognition.models.deepgaitv2 import Architecture
from pipeline.recognition.network import GaitNetwork, necks
from pipeline.segmentation.normalise import cut_width
from pipeline.types import Modality

SQUEEZE = 16  # channels before to within the attention


class AttentionFusion(nn.Module):
    """Of two maps [n, c, s, h, w] one: at every pixel and channel a softmax says how much of each.

    alternating: the votes for the first and the second map alternate along the channels, as in BigGait. middle: the
    size of the kernel within.
    """

    def __init__(self, channels: int, alternating: bool = False, middle: int = 3) -> None:
        super().__init__()
        self.alternating = alternating
        inner = channels // SQUEEZE
        self.conv = SetBlock(
            nn.Sequential(
                nn.Conv2d(2 * channels, inner, 1, bias=False),
                nn.BatchNorm2d(inner),
                nn.ReLU(),
                nn.Conv2d(inner, inner, middle, 1, middle // 2, bias=False),
                nn.BatchNorm2d(inner),
                nn.ReLU(),
                nn.Conv2d(inner, 2 * channels, 1, bias=False),
            )
        )

    def forward(self, one: Tensor, other: Tensor) -> Tensor:
        votes = self.conv(torch.cat([one, other], dim=1))
        if self.alternating:
            votes = torch.cat([votes[:, 0::2], votes[:, 1::2]], dim=1)
        share = torch.stack(votes.chunk(2, dim=1)).softmax(dim=0)
        return one * share[0] + other * share[1]


class SkeletonGaitPP(GaitNetwork):
    """Limbs, joints and silhouettes [n, 3, s, h, w] in 0–1 to embeddings [n, out_channels, parts]."""

    def __init__(self, architecture: Architecture, head: bool = True) -> None:
        super().__init__(architecture, head)
        a, c = architecture, architecture.channels
        self.sil_layer0, self.map_layer0 = stem(1, c[0]), stem(2, c[0])
        self.sil_layer1 = stage("2d", c[0], c[0], a.layers[0], 1)
        self.map_layer1 = stage("2d", c[0], c[0], a.layers[0], 1)
        self.fusion = AttentionFusion(c[0])
        self.layer2 = stage("p3d", c[0], c[1], a.layers[1], 2)
        self.layer3 = stage("p3d", c[1], c[2], a.layers[2], 2)
        self.layer4 = stage("p3d", c[2], c[3], a.layers[3], 1)
        self.HPP = HorizontalPooling((a.parts,))
        self.FCs = SeparateFCs(a.parts, c[3], a.out_channels)
        self.BNNecks = necks(a.parts, a.out_channels, a.classes, head)

    def forward(self, pictures: Tensor) -> Tensor:
        skeletons = self.map_layer1(self.map_layer0(pictures[:, :2]))
        silhouettes = self.sil_layer1(self.sil_layer0(pictures[:, 2:]))
        maps = self.layer4(self.layer3(self.layer2(self.fusion(silhouettes, skeletons))))
        return cast(Tensor, self.FCs(self.HPP(temporal_max(maps))))


def stack_maps(frames: Arrays) -> Arrays:
    """Maps T×2×H×W and silhouettes T×H×W of the same frames → 3×T×H×W, the narrower: limbs, joints, silhouettes."""
    width = min(data.shape[-1] for data in frames)
    maps, silhouettes = (cut_width(data, (data.shape[-1] - width) // 2) for data in frames)
    return (np.concatenate([maps.swapaxes(0, 1), silhouettes[None]]),)


SKELETONGAITPP = Model(
    name="skeletongaitpp",
    title="SkeletonGait++",
    paper="Fan et al., AAAI 2024",
    network=SkeletonGaitPP,
    architecture=Architecture,
    published="Gait3D 77.6, GREW 85.8, SUSTech1K 85.6",
    golden=("skeletongaitpp", "skeletongaitpp_ccpg"),
    needs=(Modality.SKELETON_MAPS, Modality.SILHOUETTES),
    prepare=stack_maps,
    motion=True,
)
