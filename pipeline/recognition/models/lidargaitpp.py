"""LidarGait++ (Shen et al., "LidarGait++: Learning Local Features and Size Awareness from LiDAR …", CVPR 2025).

A PointNet++ sees the points of every frame; horizontal pooling goes by real height, since points are in metres.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from pipeline.recognition.encoder import Arrays
from pipeline.recognition.layers import shapes
from pipeline.recognition.layers.points import SetAbstraction, pool_by_height
from pipeline.recognition.layers.silhouettes import SeparateFCs
from pipeline.recognition.model import Model
from pipeline.recognition.network import GaitNetwork, necks
from pipeline.types import Modality

_POINT = 4  # values of a point, as `scale_aware` makes them
_RADII = (0.1, 0.2, 0.4)  # metres


def _channel(weights: shapes.Weights) -> int | None:
    first = shapes.side("sa1.mlp_convs.0.weight", 4, 0)(weights)
    return first // 2 if first else None


@dataclass(frozen=True, slots=True)
class Architecture(shapes.Architecture):
    """The defaults are those for SUSTech1K. points: how many are kept by each of three layers.

    random_start: the farthest points start from a random one, as in OpenGait, where no answer can be had twice; in
    training they always do.
    """

    channel: int = shapes.shown(16, _channel)
    points: Sequence[int] = (512, 256, 128)
    neighbours: int = 32
    bins: Sequence[int] = (1, 2, 4, 8, 16)
    feature_channels: int = shapes.shown(256, shapes.side("sa4.mlp_convs.2.weight", 4, 0))
    out_channels: int = shapes.shown(256, shapes.OUT_CHANNELS)
    classes: int = shapes.shown(250, shapes.CLASSES)
    random_start: bool = False


class LidarGaitPP(GaitNetwork):
    """Points [n, s, p, 4], as `scale_aware` makes them, to embeddings [n, out_channels, sum of bins]."""

    def __init__(self, architecture: Architecture, head: bool = True) -> None:
        super().__init__(architecture, head)
        a, c, parts = architecture, architecture.channel, sum(architecture.bins)
        self.bins, self.random_start = a.bins, a.random_start
        more = (a.neighbours,)
        self.sa1 = SetAbstraction(_POINT, (2 * c, 2 * c, 4 * c), a.points[0], _RADII[0], *more)
        self.sa2 = SetAbstraction(_POINT + 4 * c, (4 * c, 4 * c, 8 * c), a.points[1], _RADII[1], *more)
        self.sa3 = SetAbstraction(_POINT + 8 * c, (8 * c, 8 * c, 16 * c), a.points[2], _RADII[2], *more)
        self.sa4 = SetAbstraction(_POINT + 16 * c, (16 * c, 16 * c, a.feature_channels), None)
        self.FCs = SeparateFCs(parts, a.feature_channels, a.out_channels)
        self.BNNecks = necks(parts, a.out_channels, a.classes, head)

    def forward(self, points: Tensor) -> Tensor:
        n, s = points.shape[:2]
        anywhere = self.random_start or self.training
        clouds, features = self.sa1(points.flatten(0, 1), None, anywhere)
        for layer in (self.sa2, self.sa3, self.sa4):
            clouds, features = layer(clouds, features, anywhere)
        parts = pool_by_height(features, clouds[..., 3], self.bins)
        return cast(Tensor, self.FCs(parts.reshape(n, s, *parts.shape[1:]).amax(1)))


def scale_aware(points: NDArray[np.float32]) -> NDArray[np.float32]:
    """Points T×N×3 in metres → T×N×4: about the middle of their frame, the farthest at 1, and the height in metres.

    Heights count from the lowest point of a frame.
    """
    about = points - points.mean(1, keepdims=True)
    farthest = np.linalg.norm(about, axis=-1, keepdims=True).max(1, keepdims=True)
    heights = points[..., 2:] - points[..., 2:].min(1, keepdims=True)
    scaled: NDArray[np.float32] = np.concatenate([about / np.maximum(farthest, 1e-12), heights], -1).astype(np.float32)
    return scaled


def _inputs(frames: Arrays) -> Arrays:
    return (scale_aware(frames[0]),)


LIDARGAITPP = Model(
    name="lidargaitpp",
    title="LidarGait++",
    paper="Shen et al., CVPR 2025",
    network=LidarGaitPP,
    architecture=Architecture,
    golden=("lidargaitpp",),
    needs=(Modality.POINTS,),
    prepare=_inputs,
)
