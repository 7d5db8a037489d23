"""Residual blocks that look along time as well, named and shaped as in OpenGait's checkpoints.

Shapes: [n, c, s, h, w] in, [n, c', s, h', w'] out: time is never shortened, and its ends are padded with zeros. So two
sequences put one after another would leak into each other: give every one its own place in the batch.
"""

from __future__ import annotations

from typing import Literal

import torch.nn.functional as F
from torch import Tensor, nn

from pipeline.recognition.layers.silhouettes import BasicBlock, SetBlock, residual

Mode = Literal["2d", "p3d", "3d"]
# Keys of the blocks that `stage` builds, in networks of one modality and in the first branch of those of several.
BLOCK = r"(sil_|part1_)?layer(?P<stage>[1-4])\.(forward_block\.)?(?P<block>\d+)\.conv2(\.forward_block\.0)?\.weight"


def conv3x3(in_channels: int, channels: int, stride: int = 1) -> nn.Conv2d:
    """A 3×3 convolution without bias that keeps the size at stride 1."""
    return nn.Conv2d(in_channels, channels, 3, stride, 1, bias=False)


def _shortcut(in_channels: int, channels: int, stride: int) -> nn.Sequential | None:
    if stride == 1 and in_channels == channels:
        return None
    conv = nn.Conv3d(in_channels, channels, 1, (1, stride, stride), bias=False)
    return nn.Sequential(conv, nn.BatchNorm3d(channels))


class BlockP3D(nn.Module):
    """A residual block whose 3-D convolution is split into 3×3 over space and 3 over time (P3D, Qiu et al., ICCV 2017).

    The temporal one sits in a shortcut of its own behind the first spatial one.
    """

    def __init__(self, in_channels: int, channels: int, stride: int) -> None:
        super().__init__()
        self.conv1 = SetBlock(
            nn.Sequential(conv3x3(in_channels, channels, stride), nn.BatchNorm2d(channels), nn.ReLU())
        )
        self.conv2 = SetBlock(nn.Sequential(conv3x3(channels, channels), nn.BatchNorm2d(channels)))
        self.shortcut3d = nn.Conv3d(channels, channels, (3, 1, 1), padding=(1, 0, 0), bias=False)
        self.sbn = nn.BatchNorm3d(channels)
        self.downsample = _shortcut(in_channels, channels, stride)

    def forward(self, x: Tensor) -> Tensor:
        shortcut = x if self.downsample is None else self.downsample(x)
        x = self.conv1(x)
        x = F.relu(x + self.sbn(self.shortcut3d(x)))
        return F.relu(self.conv2(x) + shortcut)


class Block3D(nn.Module):
    """Two 3×3×3 convolutions around a shortcut; `stride` is that of space."""

    def __init__(self, in_channels: int, channels: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv3d(in_channels, channels, 3, (1, stride, stride), 1, bias=False)
        self.bn1 = nn.BatchNorm3d(channels)
        self.conv2 = nn.Conv3d(channels, channels, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm3d(channels)
        self.downsample = _shortcut(in_channels, channels, stride)

    def forward(self, x: Tensor) -> Tensor:
        shortcut = x if self.downsample is None else self.downsample(x)
        x = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(x)) + shortcut)


def stem(in_channels: int, channels: int) -> SetBlock:
    """The first layer of DeepGaitV2 and its relatives: one 3×3 convolution, frame by frame."""
    return SetBlock(nn.Sequential(conv3x3(in_channels, channels), nn.BatchNorm2d(channels), nn.ReLU()))


def stage(mode: Mode, in_channels: int, channels: int, blocks: int, stride: int) -> nn.Module:
    """Some residual blocks one after another, the first with the stride; 2d: frame by frame."""
    kind: type[nn.Module] = {"2d": BasicBlock, "p3d": BlockP3D, "3d": Block3D}[mode]
    chain = residual(kind, in_channels, channels, blocks, stride)
    return SetBlock(chain) if mode == "2d" else chain
