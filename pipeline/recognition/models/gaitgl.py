"""GaitGL (Lin et al., "Gait Recognition via Effective Global-Local Feature Representation …", ICCV 2021).

3-D convolutions see the whole body and its strips side by side; time is shortened to a third after the first layer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pipeline.recognition.layers import shapes
from pipeline.recognition.layers.silhouettes import GeMPooling, SeparateFCs, temporal_max
from pipeline.recognition.model import Model
from pipeline.recognition.network import GaitNetwork, memory, necks

_PARTS = 64


@dataclass(frozen=True, slots=True)
class Architecture:
    """The defaults are those for CASIA-B. deep: two convolutions a stage and four channel numbers (OUMVLP, GREW).

    necks: the training head is a BNNeck; otherwise the embeddings are batch-normalised before separate linear maps.
    """

    in_channels: int = 1
    channels: Sequence[int] = (32, 64, 128)
    deep: bool = False
    necks: bool = False
    classes: int = 74

    @classmethod
    def told_by(cls, weights: Mapping[str, Tensor]) -> Mapping[str, Any]:
        """Everything; necks and classes where the head is read."""
        deep, necked = "conv3d.2.conv3d.weight" in weights, "BNNecks.fc_bin" in weights
        last = ".1" if deep else ""
        stages = ["LTA.0.conv3d", f"GLConvA0{last}.global_conv3d.conv3d", f"GLConvA1{last}.global_conv3d.conv3d"]
        stages += ["GLConvB2.1.global_conv3d.conv3d"] if deep else []
        channels = [shapes.side(weights, f"{stage}.weight", 5, 0) for stage in stages]
        return shapes.known(
            in_channels=shapes.side(weights, "conv3d.0.conv3d.weight", 5, 1),
            channels=channels if None not in channels else None,
            deep=deep,
            necks=necked,
            classes=shapes.side(weights, "BNNecks.fc_bin" if necked else "Head1.fc_bin", 3, 2),
        )


class BasicConv3d(nn.Module):
    """A convolution over time and space, without bias."""

    def __init__(
        self,
        in_channels: int,
        channels: int,
        kernel_size: tuple[int, int, int] = (3, 3, 3),
        stride: tuple[int, int, int] = (1, 1, 1),
        padding: tuple[int, int, int] = (1, 1, 1),
    ) -> None:
        super().__init__()
        self.conv3d = nn.Conv3d(in_channels, channels, kernel_size, stride, padding, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return cast(Tensor, self.conv3d(x))


class GLConv(nn.Module):
    """A convolution of the whole body and another of its 2^halving strips, added, or one above the other (`stack`)."""

    def __init__(self, in_channels: int, channels: int, halving: int, stack: bool = False) -> None:
        super().__init__()
        self.strips, self.stack = 2**halving, stack
        self.global_conv3d = BasicConv3d(in_channels, channels)
        self.local_conv3d = BasicConv3d(in_channels, channels)

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
        first: list[nn.Module] = [BasicConv3d(a.in_channels, c[0]), nn.LeakyReLU()]
        self.conv3d = nn.Sequential(*first, *([BasicConv3d(c[0], c[0]), nn.LeakyReLU()] if a.deep else []))
        self.LTA = nn.Sequential(BasicConv3d(c[0], c[0], (3, 1, 1), (3, 1, 1), (0, 0, 0)), nn.LeakyReLU())
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
    golden=("gaitgl_casiab", "gaitgl_grew", "gaitgl_grew_bnneck"),
    motion=True,
    least_frames=3,
)
