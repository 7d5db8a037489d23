"""SkeletonGait (Fan et al., "SkeletonGait: Gait Recognition Using Skeleton Maps", AAAI 2024).

It is DeepGaitV2 on skeleton maps: limbs and joints drawn as soft lines and dots, in place of the silhouette.
"""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.recognition.encoder import Arrays
from pipeline.recognition.layers import shapes
from pipeline.recognition.model import Model
from pipeline.recognition.models import deepgaitv2
from pipeline.types import SILHOUETTE_WIDTH, Modality


@dataclass(frozen=True, slots=True)
class Architecture(deepgaitv2.Architecture):
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
    network=deepgaitv2.DeepGaitV2,
    architecture=Architecture,
    published="Gait3D 38.1, GREW 77.4, OUMVLP 67.4",
    golden=("skeletongait", "skeletongait_oumvlp"),
    needs=(Modality.SKELETON_MAPS,),
    prepare=cut_maps,
    motion=True,
)
