"""GaitGL (Lin et al., "Gait Recognition via Effective Global-Local Feature Representation …", ICCV 2021).

3-D convolutions see the whole body and its strips side by side; time is shortened to a third after the first layer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pipeline.recognition.layers import shapes
from pipeline.recognition.layers.silhouettes import GeMPooling, SeparateFCs, named, temporal_max
from pipeline.recognition.model import Model
from pipeline.recognition.network import GaitNetwork, memory, necks

_PARTS = 64
_DEEP, _NECKED = shapes.has("conv3d.2.conv3d.weight"), shapes.has("BNNecks.fc_bin")


def _channels(weights: shapes.Weights) -> list[int] | None:
    deep = _DEEP(weights)
    last = ".1" if deep else ""
    stages = ["LTA.0.conv3d", f"GLConvA0{last}.global_conv3d.conv3d", f"GLConvA1{last}.global_conv3d.conv3d"]
    stages += ["GLConvB2.1.global_conv3d.conv3d"] if deep else []
    return shapes.outputs("{}.weight", stages, rank=5)(weights)


def _classes(weights: shapes.Weights) -> int | None:
    return shapes.side("BNNecks.fc_bin" if _NECKED(weights) else "Head1.fc_bin", 3, 2)(weights)


@dataclass(frozen=True, slots=True)
class Architecture(shapes.Architecture):
    """The defaults are those for CASIA-B. deep: two convolutions a stage and four channel numbers (OUMVLP, GREW).

    necks: the training head is a BNNeck; otherwise the embeddings are batch-normalised before separate linear maps.
    """

    in_channels: int = shapes.shown(1, shapes.side("conv3d.0.conv3d.weight", 5, 1))
    channels: Sequence[int] = shapes.shown((32, 64, 128), _channels)
    deep: bool = shapes.shown(False, _DEEP)
    necks: bool = shapes.shown(False, _NECKED)
    classes: int = shapes.shown(74, _classes)


def _conv3d(in_channels: int, channels: int) -> nn.Sequential:
    return named(conv3d=nn.Conv3d(in_channels, channels, 3, padding=1, bias=False))


class GLConv(nn.Module):
    """A convolution of the whole body and another of its 2^halving strips, added, or one above the other (`stack`)."""

    def __init__(self, in_channels: int, channels: int, halving: int, stack: bool = False) -> None:
        super().__init__()
        self.strips, self.stack = 2**halving, stack
        self.global_conv3d = _conv3d(in_channels, channels)
        self.local_conv3d = _conv3d(in_channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        whole = self.global_conv3d(x)
        strips = torch.cat([self.local_conv3d(strip) for strip in torch.split(x, x.shape[3] // self.strips, 3)], 3)
        if self.stack:
            return F.leaky_relu(torch.cat([whole, strips], 3))
        return F.leaky_relu(whole) + F.leaky_relu(strips)


class GaitGL(GaitNetwork):
    """Silhouettes [n, in_channels, s, h, w] in 0–1 to embeddings [n, c, 64]; s ≥ 3."""

    HEAD = ("Head1.", "BNNecks.fc_bin")

    def __init__(self, architecture: Architecture, head: bool = True) -> None:
        super().__init__(architecture, head)
        a, c = architecture, architecture.channels
        first: list[nn.Module] = [_conv3d(a.in_channels, c[0]), nn.LeakyReLU()]
        self.conv3d = nn.Sequential(*first, *([_conv3d(c[0], c[0]), nn.LeakyReLU()] if a.deep else []))
        self.LTA = nn.Sequential(named(conv3d=nn.Conv3d(c[0], c[0], (3, 1, 1), (3, 1, 1), bias=False)), nn.LeakyReLU())
        self.MaxPool0 = nn.MaxPool3d((1, 2, 2))
        if a.deep:
            self.GLConvA0: nn.Module = nn.Sequential(GLConv(c[0], c[1], 1), GLConv(c[1], c[1], 1))
            self.GLConvA1: nn.Module = nn.Sequential(GLConv(c[1], c[2], 1), GLConv(c[2], c[2], 1))
            self.GLConvB2: nn.Module = nn.Sequential(GLConv(c[2], c[3], 1), GLConv(c[3], c[3], 1, stack=True))
        else:
            self.GLConvA0, self.GLConvA1 = GLConv(c[0], c[1], 3), GLConv(c[1], c[2], 3)
            self.GLConvB2 = GLConv(c[2], c[2], 3, stack=True)
        self.HPP = GeMPooling(_PARTS)
        self.Head0 = SeparateFCs(_PARTS, c[-1], c[-1])
        self.Bn: nn.Module = nn.Identity() if a.necks else nn.BatchNorm1d(c[-1])
        if a.necks:
            self.BNNecks = necks(_PARTS, c[-1], a.classes, head)
        else:
            with memory(head):
                self.Head1 = SeparateFCs(_PARTS, c[-1], a.classes)

    def forward(self, silhouettes: Tensor) -> Tensor:
        maps = self.MaxPool0(self.GLConvA0(self.LTA(self.conv3d(silhouettes))))
        maps = self.GLConvB2(self.GLConvA1(maps))
        return cast(Tensor, self.Bn(self.Head0(self.HPP(temporal_max(maps)))))

    def logits(self, embeddings: Tensor) -> Tensor:
        if hasattr(self, "BNNecks"):
            return super().logits(embeddings)
        return cast(Tensor, self.Head1(embeddings))


GAITGL = Model(
    name="gaitgl",
    title="GaitGL (CASIA-B, OUMVLP, GREW, GREW BNNeck)",
    paper="Lin et al., ICCV 2021",
    network=GaitGL,
    architecture=Architecture,
    published="CASIA-B 97.4 / 94.5 / 83.8, OUMVLP 89.9, GREW 41.5 (BNNeck 51.7), Gait3D 29.7, Gait3D-Parsing 47.7",
    golden=("gaitedge_phase1_rec", "gaitgl_casiab", "gaitgl_grew", "gaitgl_grew_bnneck"),
    motion=True,
    least_frames=3,
)
