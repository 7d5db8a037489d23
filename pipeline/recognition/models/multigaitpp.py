"""MultiGait++ (Jin et al., "Exploring More from Multiple Gait Modalities for Human Identification", AAAI 2025).

Two modalities, each with a branch of its own, and a third branch for what they have in common: channel by channel, the
modality that a small network trusts less says how much is common, the rest stays with the one that is trusted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

from pipeline.recognition.encoder import Arrays
from pipeline.recognition.layers import shapes
from pipeline.recognition.layers.silhouettes import HorizontalPooling, SeparateFCs, SetBlock, named, temporal_max
from pipeline.recognition.layers.temporal import BLOCK, stage, stem
from pipeline.recognition.model import Model
from pipeline.recognition.network import GaitNetwork, necks
from pipeline.types import Modality

_PARTS = 16
_SQUEEZE = 16  # the small networks have a sixteenth of the channels inside
GREY_PER_LABEL = 20  # a label map as a grey picture


@dataclass(frozen=True, slots=True)
class Architecture(shapes.Architecture):
    """part1_channel, part2_channel: of the two modalities; blocks: of a stage; the defaults are Gait3D's."""

    part1_channel: int = shapes.shown(1, shapes.side("part1_layer0.forward_block.0.weight", 4, 1))
    part2_channel: int = shapes.shown(1, shapes.side("part2_layer0.forward_block.0.weight", 4, 1))
    blocks: Sequence[int] = shapes.shown((1, 2, 2, 1), shapes.layers(BLOCK))
    channels: Sequence[int] = shapes.shown((64, 128, 256, 512), shapes.channels(BLOCK))
    out_channels: int = shapes.shown(256, shapes.OUT_CHANNELS)
    classes: int = shapes.shown(3000, shapes.CLASSES)


def _trust(channels: int) -> SetBlock:
    inside = channels // _SQUEEZE
    hidden = [nn.Conv2d(channels, inside, 1, bias=False), nn.BatchNorm2d(inside), nn.ReLU()]
    hidden += [nn.Conv2d(inside, inside, 1, bias=False), nn.BatchNorm2d(inside), nn.ReLU()]
    return SetBlock(nn.Sequential(*hidden, nn.Conv2d(inside, channels, 1, bias=False)))


class Commonality(nn.Module):
    """Two maps [n, c, s, h, w] → what they share, and what each keeps to itself."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1, self.conv2 = _trust(channels), _trust(channels)

    def forward(self, first: Tensor, second: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        # conv2 belongs to the first modality: so the published weights are named
        trust = torch.stack([self.conv2(first), self.conv1(second)]).softmax(0)
        least = trust.amin(0)
        low, high = least.amin(1, keepdim=True), least.amax(1, keepdim=True)
        common = ((least - low) / (high - low + 1e-6)).clamp(0, 1)
        own = (1 - common) * trust
        return (first + second) / 2 * common, first * own[0], second * own[1]


class MultiGaitPP(GaitNetwork):
    """Two modalities [n, part_channel, s, h, w] each, in 0–1, to embeddings [n, out_channels, 16]."""

    def __init__(self, architecture: Architecture, head: bool = True) -> None:
        super().__init__(architecture, head)
        a, c, b = architecture, architecture.channels, architecture.blocks
        self.part1_layer0, self.part2_layer0 = stem(a.part1_channel, c[0]), stem(a.part2_channel, c[0])
        self.part1_layer1, self.part2_layer1 = (stage("2d", c[0], c[0], b[0], 1) for _ in range(2))
        self.csquare = Commonality(c[0])
        self.part1_layer2, self.part2_layer2, self.layer2 = (stage("p3d", c[0], c[1], b[1], 2) for _ in range(3))
        self.part1_layer3, self.part2_layer3, self.layer3 = (stage("p3d", c[1], c[2], b[2], 2) for _ in range(3))
        self.fusion = named(conv=SetBlock(nn.Sequential(nn.Conv2d(3 * c[2], c[2], 1, bias=False))))
        self.layer4 = stage("p3d", c[2], c[3], b[3], 1)
        self.HPP = HorizontalPooling((_PARTS,))
        self.FCs = SeparateFCs(_PARTS, c[3], a.out_channels)
        self.BNNecks = necks(_PARTS, a.out_channels, a.classes, head)

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        first = self.part1_layer1(self.part1_layer0(first))
        second = self.part2_layer1(self.part2_layer0(second))
        common, first, second = self.csquare(first, second)
        first = self.part1_layer3(self.part1_layer2(first))
        second = self.part2_layer3(self.part2_layer2(second))
        common = self.layer3(self.layer2(common))
        maps = self.layer4(self.fusion(torch.cat([first, common, second], 1)))
        return cast(Tensor, self.FCs(self.HPP(temporal_max(maps))))


def _inputs(frames: Arrays) -> Arrays:
    """Silhouettes and label maps; the labels become a grey picture, as the published network was trained."""
    masks, labels = frames
    return masks[None], (labels[None] * np.float32(GREY_PER_LABEL / 255)).astype(np.float32)


MULTIGAITPP = Model(
    name="multigaitpp",
    title="MultiGait++",
    paper="Jin et al., AAAI 2025",
    network=MultiGaitPP,
    architecture=Architecture,
    golden=("multigaitpp",),
    needs=(Modality.SILHOUETTES, Modality.PARSING),
    prepare=_inputs,
    motion=True,
)
