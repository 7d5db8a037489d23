"""GaitSet (Chao et al., "GaitSet: Regarding Gait as a Set for Cross-View Gait Recognition", AAAI 2019).

Frames are a set: a network sees each, the maximum over the set is taken at three depths, and a second network follows
the pooled maps. The network has the keys of OpenGait's checkpoints.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor

from pipeline.recognition.layers import shapes
from pipeline.recognition.layers.silhouettes import HorizontalPooling, SeparateFCs, SetBlock, leaky_pair, temporal_max
from pipeline.recognition.model import Model
from pipeline.recognition.network import GaitNetwork


@dataclass(frozen=True, slots=True)
class Architecture(shapes.Architecture):
    """The defaults are those for CASIA-B; for larger data sets the channels are 64, 128, 256."""

    in_channels: int = shapes.shown(1, shapes.side("set_block1.forward_block.0.conv.weight", 4, 1))
    channels: Sequence[int] = shapes.shown(
        (32, 64, 128), shapes.outputs("set_block{}.forward_block.2.conv.weight", (1, 2, 3))
    )
    bins: Sequence[int] = (16, 8, 4, 2, 1)
    out_channels: int = shapes.shown(256, shapes.side("Head.fc_bin", 3, 2))


class GaitSet(GaitNetwork):
    """Silhouettes [n, in_channels, s, h, w] in 0–1 to embeddings [n, out_channels, 2 · sum of bins]. No head."""

    HEAD = ()

    def __init__(self, architecture: Architecture, head: bool = True) -> None:
        super().__init__(architecture, head)
        a, c = architecture, architecture.channels
        self.set_block1 = SetBlock(leaky_pair(a.in_channels, c[0], 5))
        self.set_block2 = SetBlock(leaky_pair(c[0], c[1]))
        self.set_block3 = SetBlock(leaky_pair(c[1], c[2], pool=False))
        self.gl_block2 = leaky_pair(c[0], c[1])
        self.gl_block3 = leaky_pair(c[1], c[2], pool=False)
        self.HPP = HorizontalPooling(a.bins)
        self.Head = SeparateFCs(2 * sum(a.bins), c[2], a.out_channels)

    def forward(self, silhouettes: Tensor) -> Tensor:
        frames = self.set_block1(silhouettes)
        pooled = self.gl_block2(temporal_max(frames))
        frames = self.set_block2(frames)
        pooled = self.gl_block3(pooled + temporal_max(frames))
        last = temporal_max(self.set_block3(frames))
        return cast(Tensor, self.Head(torch.cat([self.HPP(last), self.HPP(pooled + last)], dim=-1)))


GAITSET = Model(
    name="gaitset",
    title="GaitSet",
    paper="Chao et al., AAAI 2019",
    network=GaitSet,
    architecture=Architecture,
    published=(
        "CASIA-B 95.8 / 90.0 / 75.4, OUMVLP 87.2, GREW 48.4, Gait3D 36.7, "
        "CASIA-E 82.5 / 75.3 / 62.5, Gait3D-Parsing 55.9"
    ),
    golden=("gaitset",),
)
