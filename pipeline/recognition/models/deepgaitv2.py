"""DeepGaitV2 (Fan et al., "Exploring Deep Models for Practical Gait Recognition", 2023): a deeper GaitBase.

Its last three stages look at frames one by one (2d), or along time too, by convolutions that are split (p3d) or whole
(3d). SkeletonGait (Fan et al., "SkeletonGait: Gait Recognition Using Skeleton Maps", AAAI 2024) is the same network on
skeleton maps: limbs and joints drawn as soft lines and dots, in place of the silhouette.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from torch import Tensor

from pipeline.recognition.encoder import Arrays
from pipeline.recognition.layers import shapes
from pipeline.recognition.layers.silhouettes import HorizontalPooling, SeparateFCs, temporal_max
from pipeline.recognition.layers.temporal import BLOCK, Mode, stage, stem
from pipeline.recognition.model import Model
from pipeline.recognition.network import GaitNetwork, necks
from pipeline.types import SILHOUETTE_WIDTH, Modality

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
    channels: Sequence[int] = shapes.shown((64, 128, 256, 512), shapes.channels(BLOCK))
    layers: Sequence[int] = shapes.shown((1, 4, 4, 1), shapes.layers(BLOCK))
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


@dataclass(frozen=True, slots=True)
class SkeletonArchitecture(Architecture):
    """The defaults are those for Gait3D; for OUMVLP layers is 1, 1, 1, 1."""

    in_channels: int = shapes.shown(2, shapes.side("layer0.forward_block.0.weight", 4, 1))


def cut_maps(frames: Arrays) -> Arrays:
    """Maps T×2×H×W → 2×T×H×W, square ones cut to a silhouette's width."""
    (maps,) = frames
    height, width = maps.shape[-2:]
    margin = (width - height * SILHOUETTE_WIDTH // 64) // 2 if width == height else 0
    return (maps[..., margin : width - margin].swapaxes(0, 1),)


SKELETONGAIT = Model(
    name="skeletongait",
    title="SkeletonGait",
    paper="Fan et al., AAAI 2024",
    network=DeepGaitV2,
    architecture=SkeletonArchitecture,
    published="Gait3D 38.1, GREW 77.4, OUMVLP 67.4",
    golden=("skeletongait", "skeletongait_oumvlp"),
    needs=(Modality.SKELETON_MAPS,),
    prepare=cut_maps,
    motion=True,
)
