"""GaitTR (Zhang et al., "Spatial Transformer Network on Skeleton-Based Gait Recognition", Expert Systems 2023).

In every block a convolution over time is followed by self-attention among the joints of each frame.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar, cast

import torch.nn.functional as F
from torch import Tensor, nn

from pipeline.recognition.layers import shapes
from pipeline.recognition.layers.graph_inputs import Place, as_joints, move_to_place, ten_channels
from pipeline.recognition.layers.graphs import TEMPORAL_KERNEL, over_frames
from pipeline.recognition.layers.silhouettes import named
from pipeline.recognition.model import Model
from pipeline.recognition.network import GaitNetwork
from pipeline.skeletons import BY_JOINTS
from pipeline.types import Modality

HEADS = 8
KEYS = 0.25  # channels of queries and keys as a share of those of values
TEN = 10  # input channels, see ten_channels


def _channels(weights: shapes.Weights) -> tuple[int, ...] | None:
    widths = shapes.widths(weights, r"backbone\.(\d+)\.st\.bn\.weight")
    return (TEN, *widths) if widths else None


def _joints(weights: shapes.Weights) -> int | None:
    norm = shapes.side("data_bn.weight", 1, 0)(weights) or 0
    return norm // TEN if norm // TEN in BY_JOINTS else None


@dataclass(frozen=True, slots=True)
class Architecture(shapes.Architecture):
    """channels: before and after every block. joints: 17 (COCO) or 18 (OpenPose). placed: as ResGCN's."""

    channels: Sequence[int] = shapes.shown((TEN, 64, 64, 128, 256), _channels)
    joints: int = shapes.shown(17, _joints)
    out_channels: int = shapes.shown(128, shapes.side("fcn.weight", 3, 0))
    placed: bool = False


def _unit(in_channels: int, out_channels: int, kernel: int, dropout: float) -> nn.Sequential:
    """Dropout, a convolution over time, Mish, batch normalisation: [n, c, s, v] → [n, c', s, v]."""
    conv = over_frames(in_channels, out_channels, 1, kernel)
    return named(dropout=nn.Dropout(dropout), conv=conv, act=nn.Mish(), bn=nn.BatchNorm2d(out_channels))


class JointAttention(nn.Module):
    """Multi-head self-attention among the joints of each frame: [n, c, s, v] → [n, c', s, v]."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self._keys, self._values = int(KEYS * out_channels), out_channels
        self.qkv_conv = nn.Conv2d(in_channels, 2 * self._keys + self._values, 1)
        self.attn_out = nn.Conv2d(out_channels, out_channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = (
            part.unflatten(1, (HEADS, -1)).permute(0, 3, 1, 4, 2)  # [n, s, heads, v, c / heads]
            for part in self.qkv_conv(x).split([self._keys, self._keys, self._values], dim=1)
        )
        seen = F.scaled_dot_product_attention(query, key, value)
        return cast(Tensor, self.attn_out(seen.permute(0, 2, 4, 1, 3).flatten(1, 2)))


class SpatialTransformer(nn.Module):
    """Every joint's channels normalised over time, attention, Mish, batch normalisation."""

    def __init__(self, in_channels: int, out_channels: int, joints: int) -> None:
        super().__init__()
        self.bn = nn.BatchNorm2d(out_channels)
        self.data_bn = nn.BatchNorm1d(in_channels * joints)
        self.attention_conv = JointAttention(in_channels, out_channels)

    def forward(self, x: Tensor) -> Tensor:
        n, c, s, v = x.shape
        x = self.data_bn(x.transpose(2, 3).reshape(n, c * v, s)).reshape(n, c, v, s).transpose(2, 3)
        return cast(Tensor, self.bn(F.mish(self.attention_conv(x))))


class Block(nn.Module):
    """Over time, then among joints, with a shortcut around each and one around both."""

    def __init__(self, in_channels: int, out_channels: int, joints: int) -> None:
        super().__init__()
        self.tcn = _unit(in_channels, in_channels, TEMPORAL_KERNEL, dropout=0.1)
        self.st = SpatialTransformer(in_channels, out_channels, joints)
        self.residual_s: nn.Module = nn.Identity()
        self.down: nn.Module = nn.Identity()
        if in_channels != out_channels:
            self.residual_s = nn.Sequential(nn.Conv2d(in_channels, out_channels, 1), nn.BatchNorm2d(out_channels))
            self.down = _unit(in_channels, out_channels, 1, dropout=0)

    def forward(self, x: Tensor) -> Tensor:
        y = self.tcn(x) + x
        return cast(Tensor, self.st(y) + self.residual_s(y) + self.down(x))


class GaitTR(GaitNetwork):
    """Keypoints [n, s, joints, 3] to embeddings [n, out_channels, 1]; the scores are not looked at."""

    HEAD: ClassVar[tuple[str, ...]] = ()

    def __init__(self, architecture: Architecture, head: bool = True) -> None:
        super().__init__(architecture, head)
        a = architecture
        self._skeleton, self._placed = BY_JOINTS[a.joints], a.placed
        self.data_bn = nn.BatchNorm1d(a.channels[0] * a.joints)
        self.backbone = nn.ModuleList(Block(inner, outer, a.joints) for inner, outer in pairwise(a.channels))
        self.fcn = nn.Conv1d(a.channels[-1], a.out_channels, 1)

    def forward(self, keypoints: Tensor) -> Tensor:
        keypoints = as_joints(keypoints, self._skeleton)
        if self._placed:
            keypoints = move_to_place(keypoints, self.place())
        return self.embedded(ten_channels(keypoints, self._skeleton.parents))

    def embedded(self, x: Tensor) -> Tensor:
        """The ten channels [n, 10, s, v] of `ten_channels` → [n, out_channels, 1]."""
        n, c, s, v = x.shape
        x = self.data_bn(x.permute(0, 3, 1, 2).reshape(n, v * c, s)).reshape(n, v, c, s).permute(0, 2, 3, 1)
        for block in self.backbone:
            x = block(x)
        return cast(Tensor, self.fcn(x.mean(dim=(2, 3)).unsqueeze(-1)))

    def place(self) -> Place:
        """Where the people of the training were, as the normalisation of every joint's x and y remembers."""
        assert self.data_bn.running_mean is not None and self.data_bn.running_var is not None  # it tracks them
        means = self.data_bn.running_mean.reshape(-1, TEN)[:, :2]
        within, between = self.data_bn.running_var.reshape(-1, TEN)[:, 1].mean(), means[:, 1].var(correction=0)
        return Place(means.mean(dim=0), (within + between).sqrt())


GAITTR = Model(
    name="gaittr",
    title="GaitTR",
    paper="Zhang et al., Expert Systems 2023",
    network=GaitTR,
    architecture=Architecture,
    published="CASIA-B 96.0 / 91.3 / 90.0 (paper); OUMVLP 39.78, GREW 48.60, Gait3D 7.20 (OpenGait)",
    golden=("gaittr",),
    needs=(Modality.KEYPOINTS,),
    motion=True,
)
