"""GaitPart (Fan et al., "GaitPart: Temporal Part-Based Model for Gait Recognition", CVPR 2020).

Focal convolutions keep horizontal strips of a frame apart, and every part of the body has its own look along time:
a micro-motion is a pooled window of frames, weighed by what a small network says of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pipeline.recognition.layers import shapes
from pipeline.recognition.layers.silhouettes import HorizontalPooling, Plain, SeparateFCs, SetBlock
from pipeline.recognition.model import Model
from pipeline.recognition.network import GaitNetwork

_SQUEEZE = 4  # the small networks have a quarter of the channels inside


@dataclass(frozen=True, slots=True)
class Architecture:
    """The defaults are those for CASIA-B. Strips of focal convolutions leave no trace in the tensors: `layers` says."""

    in_channels: int = 1
    layers: Sequence[str] = ("BC-32", "BC-32", "M", "FC-64-2", "FC-64-2", "M", "FC-128-3", "FC-128-3")
    parts: int = 16
    out_channels: int = 128

    @classmethod
    def told_by(cls, weights: Mapping[str, Tensor]) -> Mapping[str, Any]:
        """All but layers."""
        stem = shapes.side(weights, "Backbone.forward_block.feature.0.conv.weight", 4, 1)
        return {**shapes.known(in_channels=stem), **shapes.heads(weights, "Head.fc_bin")}


class BasicConv1d(nn.Module):
    """A convolution along time, without bias, that keeps the length."""

    def __init__(self, in_channels: int, channels: int, kernel_size: int) -> None:
        super().__init__()
        self.conv = nn.Conv1d(in_channels, channels, kernel_size, padding=kernel_size // 2, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return cast(Tensor, self.conv(x))


class TemporalFeatureAggregator(nn.Module):
    """Micro-motions of 3 and of 5 frames of every part, then the strongest over time: [n, c, s, p] → [n, c, p]."""

    def __init__(self, channels: int, parts: int) -> None:
        super().__init__()

        def attention(last: int) -> nn.ModuleList:
            inside = channels // _SQUEEZE
            return nn.ModuleList(
                nn.Sequential(BasicConv1d(channels, inside, 3), nn.LeakyReLU(), BasicConv1d(inside, channels, last))
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


class _PerSequence(nn.Module):
    """Holds the aggregator under the name that it has in OpenGait's checkpoints."""

    def __init__(self, pooling_func: nn.Module) -> None:
        super().__init__()
        self.pooling_func = pooling_func

    def forward(self, x: Tensor) -> Tensor:
        return cast(Tensor, self.pooling_func(x))


class GaitPart(GaitNetwork):
    """Silhouettes [n, in_channels, s, h, w] in 0–1 to embeddings [n, out_channels, parts]. No training head."""

    HEAD = ()

    def __init__(self, architecture: Architecture, head: bool = True) -> None:
        super().__init__(architecture, head)
        a = architecture
        backbone = Plain(a.in_channels, a.layers)
        self.Backbone = SetBlock(backbone)
        self.HPP = HorizontalPooling((a.parts,))
        self.TFA = _PerSequence(TemporalFeatureAggregator(backbone.channels, a.parts))
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
