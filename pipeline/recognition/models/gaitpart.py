"""GaitPart (Fan et al., "GaitPart: Temporal Part-Based Model for Gait Recognition", CVPR 2020).

Focal convolutions keep horizontal strips of a frame apart, and every part of the body has its own look along time:
a micro-motion is a pooled window of frames, weighed by what a small network says of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pipeline.recognition.layers import shapes
from pipeline.recognition.layers.silhouettes import HorizontalPooling, Plain, SeparateFCs, SetBlock, named
from pipeline.recognition.model import Model
from pipeline.recognition.network import GaitNetwork

_SQUEEZE = 4  # the small networks have a quarter of the channels inside


@dataclass(frozen=True, slots=True)
class Architecture(shapes.Architecture):
    """The defaults are those for CASIA-B. Strips of focal convolutions leave no trace in the tensors: `layers` says."""

    in_channels: int = shapes.shown(1, shapes.side("Backbone.forward_block.feature.0.conv.weight", 4, 1))
    layers: Sequence[str] = ("BC-32", "BC-32", "M", "FC-64-2", "FC-64-2", "M", "FC-128-3", "FC-128-3")
    parts: int = shapes.shown(16, shapes.side("Head.fc_bin", 3, 0))
    out_channels: int = shapes.shown(128, shapes.side("Head.fc_bin", 3, 2))


def _over_time(in_channels: int, channels: int, kernel_size: int) -> nn.Sequential:
    return named(conv=nn.Conv1d(in_channels, channels, kernel_size, padding=kernel_size // 2, bias=False))


class TemporalFeatureAggregator(nn.Module):
    """Micro-motions of 3 and of 5 frames of every part, then the strongest over time: [n, c, s, p] → [n, c, p]."""

    def __init__(self, channels: int, parts: int) -> None:
        super().__init__()

        def attention(last: int) -> nn.ModuleList:
            inside = channels // _SQUEEZE
            return nn.ModuleList(
                nn.Sequential(_over_time(channels, inside, 3), nn.LeakyReLU(), _over_time(inside, channels, last))
                for _ in range(parts)
            )

        self.conv1d3x1 = attention(1)
        self.conv1d3x3 = attention(3)

    def forward(self, x: Tensor) -> Tensor:
        motions = self._motions(x, self.conv1d3x1, 3) + self._motions(x, self.conv1d3x3, 5)
        return motions.amax(2)

    @staticmethod
    def _motions(x: Tensor, attention: nn.ModuleList, window: int) -> Tensor:
        n, c, s, p = x.shape
        series = x.permute(0, 3, 1, 2)  # n, p, c, s
        scores = torch.stack([net(series[:, part]) for part, net in enumerate(attention)], 1).sigmoid()
        flat = series.reshape(n * p, c, s)
        pooled = F.avg_pool1d(flat, window, 1, window // 2) + F.max_pool1d(flat, window, 1, window // 2)
        return (pooled.view_as(scores) * scores).permute(0, 2, 3, 1)


class GaitPart(GaitNetwork):
    """Silhouettes [n, in_channels, s, h, w] in 0–1 to embeddings [n, out_channels, parts]. No training head."""

    HEAD = ()

    def __init__(self, architecture: Architecture, head: bool = True) -> None:
        super().__init__(architecture, head)
        a = architecture
        backbone = Plain(a.in_channels, a.layers)
        self.Backbone = SetBlock(backbone)
        self.HPP = HorizontalPooling((a.parts,))
        self.TFA = named(pooling_func=TemporalFeatureAggregator(backbone.channels, a.parts))
        self.Head = SeparateFCs(a.parts, backbone.channels, a.out_channels)

    def forward(self, silhouettes: Tensor) -> Tensor:
        maps = self.Backbone(silhouettes)
        n, _, s = maps.shape[:3]
        parts = self.HPP(maps.transpose(1, 2).flatten(0, 1))  # n·s, c, p
        series = parts.reshape(n, s, *parts.shape[1:]).transpose(1, 2)
        return cast(Tensor, self.Head(self.TFA(series)))


GAITPART = Model(
    name="gaitpart",
    title="GaitPart",
    paper="Fan et al., CVPR 2020",
    network=GaitPart,
    architecture=Architecture,
    published=(
        "CASIA-B 96.1 / 90.7 / 78.7, OUMVLP 88.6, GREW 47.6, Gait3D 28.2, "
        "CASIA-E 82.9 / 74.4 / 60.5, Gait3D-Parsing 43.0"
    ),
    golden=("gaitpart",),
    motion=True,
)
