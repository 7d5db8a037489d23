"""DeepGaitV2 (Fan et al., "Exploring Deep Models for Practical Gait Recognition", 2023): a deeper GaitBase.

Its last three stages look at frames one by one (2d), or along time too, by convolutions that are split (p3d) or whole
(3d). With two input channels it is SkeletonGait.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from torch import Tensor

from pipeline.recognition.layers import shapes
from pipeline.recognition.layers.silhouettes import HorizontalPooling, SeparateFCs, temporal_max
from pipeline.recognition.layers.temporal import Mode, stage, stem
from pipeline.recognition.model import Model
from pipeline.recognition.network import GaitNetwork, necks

_BLOCK = r"layer(?P<stage>[1-4])\.(forward_block\.)?(?P<block>\d+)\.conv2(\.forward_block\.0)?\.weight"
_MODES: dict[str, Mode] = {
    "layer2.forward_block.0.conv1.weight": "2d",
    "layer2.0.conv1.forward_block.0.weight": "p3d",
    "layer2.0.bn1.weight": "3d",
}


@dataclass(frozen=True, slots=True)
class Architecture(shapes.Architecture):
    """The defaults are those for Gait3D and GREW; for smaller data sets layers is 1, 1, 1, 1."""

    in_channels: int = shapes.shown(1, shapes.side("layer0.forward_block.0.weight", 4, 1))
    mode: Mode = shapes.shown("p3d", lambda weights: next((_MODES[key] for key in _MODES if key in weights), None))
    channels: Sequence[int] = shapes.shown((64, 128, 256, 512), shapes.channels(_BLOCK))
    layers: Sequence[int] = shapes.shown((1, 4, 4, 1), shapes.layers(_BLOCK))
    parts: int = shapes.shown(16, shapes.PARTS)
    out_channels: int = shapes.shown(256, shapes.OUT_CHANNELS)
    classes: int = shapes.shown(3000, shapes.CLASSES)


class DeepGaitV2(GaitNetwork):
    """Silhouettes [n, in_channels, s, h, w] in 0–1 to embeddings [n, out_channels, parts]."""

    def __init__(self, architecture: Architecture, head: bool = True) -> None:
        super().__init__(architecture, head)
        a, c = architecture, architecture.channels
        self.layer0 = stem(a.in_channels, c[0])
        self.layer1 = stage("2d", c[0], c[0], a.layers[0], 1)
        self.layer2 = stage(a.mode, c[0], c[1], a.layers[1], 2)
        self.layer3 = stage(a.mode, c[1], c[2], a.layers[2], 2)
        self.layer4 = stage(a.mode, c[2], c[3], a.layers[3], 1)
        self.HPP = HorizontalPooling((a.parts,))
        self.FCs = SeparateFCs(a.parts, c[3], a.out_channels)
        self.BNNecks = necks(a.parts, a.out_channels, a.classes, head)

    def forward(self, silhouettes: Tensor) -> Tensor:
        maps = self.layer1(self.layer0(silhouettes))
        maps = self.layer4(self.layer3(self.layer2(maps)))
        return cast(Tensor, self.FCs(self.HPP(temporal_max(maps))))


DEEPGAITV2 = Model(
    name="deepgaitv2",
    title="DeepGaitV2 (2d, p3d, 3d)",
    paper="Fan et al., arXiv 2303.03301, 2023",
    network=DeepGaitV2,
    architecture=Architecture,
    published="p3d: Gait3D 74.4, SUSTech1K 82.4; 3d: OUMVLP 92.0, GREW 79.4",
    golden=("deepgaitv2_2d", "deepgaitv2_3d", "deepgaitv2_p3d_casiab", "deepgaitv2_p3d_gait3d"),
    motion=True,
)
