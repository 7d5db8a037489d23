"""GLN (Hou et al., "Gait Lateral Network: Learning Discriminative and Compact Representations …", ECCV 2020).

A set network whose three depths are merged from the deepest up, like a feature pyramid. It was trained in two phases:
the second adds a layer that makes the embedding compact. OpenGait compares the embeddings of the first, in both phases.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pipeline.recognition.layers import shapes
from pipeline.recognition.layers.silhouettes import HorizontalPooling, SeparateFCs, SetBlock, leaky_pair, temporal_max
from pipeline.recognition.model import Model
from pipeline.recognition.network import GaitNetwork, memory


@dataclass(frozen=True, slots=True)
class Architecture(shapes.Architecture):
    """The defaults are those for CASIA-B. compact: phase 2; the compact layer is the training head here."""

    in_channels: int = shapes.shown(1, shapes.side("sil_stage_0.forward_block.0.conv.weight", 4, 1))
    channels: Sequence[int] = shapes.shown(
        (32, 64, 128), shapes.outputs("sil_stage_{}.forward_block.2.conv.weight", range(3))
    )
    lateral_channels: int = shapes.shown(256, shapes.side("lateral_layer1.weight", 4, 0))
    bins: Sequence[int] = (16, 8, 4, 2, 1)
    out_channels: int = shapes.shown(256, shapes.side("Head.fc_bin", 3, 2))
    compact: bool = shapes.shown(True, shapes.has("reduce_fc.weight"))
    compact_channels: int = shapes.shown(256, shapes.side("reduce_fc.weight", 2, 0))
    classes: int = shapes.shown(74, shapes.side("reduce_cls.weight", 2, 0))


class GLN(GaitNetwork):
    """Silhouettes [n, in_channels, s, h, w] in 0–1 to embeddings [n, out_channels, 3 · sum of bins]."""

    HEAD = ("encoder_bn.", "reduce_fc.", "reduce_bn.", "reduce_cls.")

    def __init__(self, architecture: Architecture, head: bool = True) -> None:
        super().__init__(architecture, head)
        a, c, lateral = architecture, architecture.channels, architecture.lateral_channels
        self.sil_stage_0 = SetBlock(leaky_pair(a.in_channels, c[0], 5, pool=False))
        self.sil_stage_1 = SetBlock(leaky_pair(c[0], c[1], pool=False))
        self.sil_stage_2 = SetBlock(leaky_pair(c[1], c[2], pool=False))
        self.set_stage_1 = leaky_pair(c[0], c[1], pool=False)
        self.set_stage_2 = leaky_pair(c[1], c[2], pool=False)
        self.lateral_layer1, self.lateral_layer2, self.lateral_layer3 = (
            nn.Conv2d(2 * channels, lateral, 1, bias=False) for channels in c
        )
        self.smooth_layer1, self.smooth_layer2, self.smooth_layer3 = (
            nn.Conv2d(lateral, lateral, 3, padding=1, bias=False) for _ in c
        )
        self.HPP = HorizontalPooling(a.bins)
        parts = 3 * sum(a.bins)
        self.Head = SeparateFCs(parts, lateral, a.out_channels)
        if a.compact:
            with memory(head):
                self.encoder_bn = nn.BatchNorm1d(parts * a.out_channels)
                self.reduce_fc = nn.Linear(parts * a.out_channels, a.compact_channels, bias=False)
                self.reduce_bn = nn.BatchNorm1d(a.compact_channels)
                self.reduce_cls = nn.Linear(a.compact_channels, a.classes, bias=False)

    def forward(self, silhouettes: Tensor) -> Tensor:
        frames = self.sil_stage_0(silhouettes)
        set0 = temporal_max(frames)
        level1 = torch.cat([set0, set0], 1)  # at full size there is no set network yet, only the pooled frames
        frames = self.sil_stage_1(F.max_pool3d(frames, (1, 2, 2)))
        pooled = temporal_max(frames)
        set1 = self.set_stage_1(F.max_pool2d(set0, 2)) + pooled
        level2 = torch.cat([pooled, set1], 1)
        frames = self.sil_stage_2(F.max_pool3d(frames, (1, 2, 2)))
        pooled = temporal_max(frames)
        set2 = self.set_stage_2(F.max_pool2d(set1, 2)) + pooled

        top = self.lateral_layer3(torch.cat([pooled, set2], 1))
        middle = _twice(top) + self.lateral_layer2(level2)
        bottom = _twice(middle) + self.lateral_layer1(level1)
        levels = (self.smooth_layer1(bottom), self.smooth_layer2(middle), self.smooth_layer3(top))
        return cast(Tensor, self.Head(torch.cat([self.HPP(level) for level in levels], -1)))

    def compact(self, embeddings: Tensor) -> Tensor:
        """Embeddings [n, c, p] → one compact vector [n, compact_channels]: phase 2, in evaluation (no dropout)."""
        return cast(Tensor, self.reduce_bn(self.reduce_fc(F.relu(self.encoder_bn(embeddings.flatten(1))))))

    def logits(self, embeddings: Tensor) -> Tensor:
        return cast(Tensor, self.reduce_cls(self.compact(embeddings))).unsqueeze(-1)


def _twice(maps: Tensor) -> Tensor:
    return F.interpolate(maps, scale_factor=2, mode="nearest")


GLN_MODEL = Model(
    name="gln",
    title="GLN (phases 1 and 2)",
    paper="Hou et al., ECCV 2020",
    network=GLN,
    architecture=Architecture,
    published="CASIA-B 96.4 / 93.1 / 81.0, Gait3D-Parsing 45.7",
    golden=("gln_phase1", "gln_phase2"),
    size=(128, 88),
)
