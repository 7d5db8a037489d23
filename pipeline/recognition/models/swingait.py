"""SwinGait (Fan et al., "Exploring Deep Models for Practical Gait Recognition", 2023).

The first half of DeepGaitV2, then a video transformer in place of its second half.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor

from pipeline.recognition.layers import shapes
from pipeline.recognition.layers.silhouettes import HorizontalPooling, SeparateFCs, temporal_max
from pipeline.recognition.layers.swin3d import SwinTransformer3D
from pipeline.recognition.layers.temporal import BLOCK, Mode, stage, stem
from pipeline.recognition.model import Model
from pipeline.recognition.network import GaitNetwork, necks

_MAP = (30, 20)  # rows and columns of the maps that the transformer gets, whole windows when halved
_PARTS = 15


def _stages(weights: shapes.Weights) -> tuple[tuple[int, ...] | None, tuple[int, ...] | None]:
    """Blocks of the two convolutional stages and of the transformer's; channels of all but the last."""
    stages = shapes.blocks(weights, BLOCK)
    depths = shapes.blocks(weights, r"transformer\.layers\.(?P<stage>[01])\.blocks\.(?P<block>\d+)\.norm1\.weight")
    if sorted(stages) != [1, 2] or sorted(depths) != [0, 1]:
        return None, None
    found = (stages[1], stages[2], depths[0], depths[1])
    return tuple(count for count, _ in found), tuple(channels for _, channels in found[:3])


@dataclass(frozen=True, slots=True)
class Architecture(shapes.Architecture):
    """The defaults are B1122 (CCPG, SUSTech1K); Gait3D's is B1442. heads: of attention, in the first stage."""

    in_channels: int = shapes.shown(1, shapes.side("layer0.forward_block.0.weight", 4, 1))
    mode: Mode = "p3d"
    channels: Sequence[int] = shapes.shown((64, 128, 256), lambda weights: _stages(weights)[1])
    layers: Sequence[int] = shapes.shown((1, 1, 2, 2), lambda weights: _stages(weights)[0])
    heads: int = shapes.shown(16, shapes.side("transformer.layers.0.blocks.0.attn.relative_position_bias_table", 2, 1))
    out_channels: int = shapes.shown(256, shapes.OUT_CHANNELS)
    classes: int = shapes.shown(100, shapes.CLASSES)


class SwinGait(GaitNetwork):
    """Silhouettes [n, in_channels, s, h, w] in 0–1 to embeddings [n, out_channels, 15]."""

    def __init__(self, architecture: Architecture, head: bool = True) -> None:
        super().__init__(architecture, head)
        a, c = architecture, architecture.channels
        self.layer0 = stem(a.in_channels, c[0])
        self.layer1 = stage("2d", c[0], c[0], a.layers[0], 1)
        self.layer2 = stage(a.mode, c[0], c[1], a.layers[1], 2)
        self.transformer = SwinTransformer3D(c[1], c[2], a.layers[2:], (a.heads, 2 * a.heads))
        self.HPP = HorizontalPooling((_PARTS,))
        # The reference has one part more, a copy of the last that it drops again: its weights are in the checkpoints.
        self.FCs = SeparateFCs(_PARTS + 1, self.transformer.channels, a.out_channels)
        self.BNNecks = necks(_PARTS + 1, a.out_channels, a.classes, head)

    def forward(self, silhouettes: Tensor) -> Tensor:
        maps = self.layer2(self.layer1(self.layer0(silhouettes)))
        n, c, s, h, w = maps.shape
        frames = maps.transpose(1, 2).reshape(n * s, c, h, w)
        frames = F.interpolate(frames, _MAP, mode="bilinear", align_corners=True)
        maps = self.transformer(frames.reshape(n, s, c, *_MAP).transpose(1, 2))
        parts = self.HPP(temporal_max(maps))
        return cast(Tensor, self.FCs(_one_more(parts)))[..., :_PARTS]

    def neck(self, embeddings: Tensor) -> Tensor:
        return super().neck(_one_more(embeddings))[..., :_PARTS]

    def neck_and_logits(self, embeddings: Tensor) -> tuple[Tensor, Tensor]:
        neck, logits = super().neck_and_logits(_one_more(embeddings))
        return neck[..., :_PARTS], logits[..., :_PARTS]


def _one_more(parts: Tensor) -> Tensor:
    return torch.cat([parts, parts[..., -1:]], -1)


SWINGAIT = Model(
    name="swingait",
    title="SwinGait",
    paper="Fan et al., arXiv 2303.03301, 2023",
    network=SwinGait,
    architecture=Architecture,
    published="Gait3D 75.0, GREW 79.3, SUSTech1K 79.7",
    golden=("swingait",),
    motion=True,
)
