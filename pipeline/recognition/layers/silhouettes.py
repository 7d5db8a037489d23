"""The building blocks that silhouette gait models share, named as in the field and shaped as in OpenGait's checkpoints.

Shapes: n sequences, s frames in all, c channels, h × w pixels of a feature map, p horizontal parts. Attribute names
(`fc_bin`, `bn1d`, `forward_block`, `downsample`) are those of OpenGait's state dicts, so that its weights load. So is
the order of operations: training with a high rate turns a difference of the last digit into one of the first.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def named(**modules: nn.Module) -> nn.Sequential:
    """A chain whose members have these names in checkpoints."""
    return nn.Sequential(OrderedDict(modules))


class BasicConv2d(nn.Module):
    """A convolution without bias: the stem of a silhouette backbone."""

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int, stride: int, padding: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, kernel_size, stride, padding, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return cast(Tensor, self.conv(x))


def leaky_pair(in_channels: int, channels: int, kernel_size: int = 3, pool: bool = True) -> nn.Sequential:
    """Two convolutions with leaky activations, and a 2×2 maximum behind them if `pool`: the block of set networks."""
    first = BasicConv2d(in_channels, channels, kernel_size, 1, kernel_size // 2)
    pair = [first, nn.LeakyReLU(), BasicConv2d(channels, channels, 3, 1, 1), nn.LeakyReLU()]
    return nn.Sequential(*pair, *([nn.MaxPool2d(2)] if pool else []))


class FocalConv2d(nn.Module):
    """A convolution that sees 2^`halving` horizontal strips, each as if alone (GaitPart, Fan et al., CVPR 2020).

    [s, c, h, w] → [s, c', h, w]; with halving 0 it is a plain one.
    """

    def __init__(self, in_channels: int, channels: int, kernel_size: int, halving: int) -> None:
        super().__init__()
        self.strips = 2**halving
        self.conv = nn.Conv2d(in_channels, channels, kernel_size, 1, kernel_size // 2, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        if self.strips == 1:
            return cast(Tensor, self.conv(x))
        return torch.cat([self.conv(strip) for strip in torch.split(x, x.shape[2] // self.strips, 2)], 2)


class Plain(nn.Sequential):
    """A chain of convolutions with leaky activations, [s, in_channels, h, w] → [s, c, h/4, w/4] with two poolings.

    layers: in the words of OpenGait's configurations: BC-32 is a convolution to 32 channels, FC-64-2 a focal one on 2²
    strips, M a 2×2 maximum. The first kernel is 5×5, the others 3×3.
    """

    def __init__(self, in_channels: int, layers: Sequence[str]) -> None:
        chain: list[nn.Module] = []
        for layer in layers:
            kind, *numbers = layer.split("-")
            if kind == "M":
                chain.append(nn.MaxPool2d(2))
                continue
            channels, halving = int(numbers[0]), int(numbers[1]) if kind == "FC" else 0
            chain += [FocalConv2d(in_channels, channels, 3 if chain else 5, halving), nn.LeakyReLU()]
            in_channels = channels
        super().__init__(OrderedDict(feature=nn.Sequential(*chain)))
        self.channels = in_channels


class BasicBlock(nn.Module):
    """Two 3×3 convolutions around a shortcut (He et al., CVPR 2016)."""

    def __init__(self, in_channels: int, channels: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, channels, 3, stride, 1, bias=False)
        self.bn1: nn.Module = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        self.bn2: nn.Module = nn.BatchNorm2d(channels)
        self.downsample: nn.Sequential | None = None
        if stride != 1 or in_channels != channels:
            self.downsample = nn.Sequential(
                nn.Conv2d(in_channels, channels, 1, stride, bias=False), nn.BatchNorm2d(channels)
            )

    def forward(self, x: Tensor) -> Tensor:
        shortcut = x if self.downsample is None else self.downsample(x)
        x = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(x)) + shortcut)


class ResNet9(nn.Module):
    """The residual backbone of GaitBase: stem and four stages, [s, in_channels, h, w] → [s, channels[3], h/4, w/4].

    The stem keeps the resolution, for silhouettes are small; `maxpool` halves it after the stem (3×3, stride 2).
    """

    def __init__(
        self, channels: Sequence[int], layers: Sequence[int], strides: Sequence[int], maxpool: bool, in_channels: int
    ) -> None:
        super().__init__()
        self.conv1 = BasicConv2d(in_channels, channels[0], 3, 1, 1)
        self.bn1: nn.Module = nn.BatchNorm2d(channels[0])  # an Identity once it is folded into conv1
        self.maxpool = nn.MaxPool2d(3, 2, 1) if maxpool else nn.Identity()
        inputs = (channels[0], *channels[:3])
        self.layer1, self.layer2, self.layer3, self.layer4 = (
            residual(BasicBlock, *sizes) for sizes in zip(inputs, channels, layers, strides, strict=True)
        )

    def forward(self, x: Tensor) -> Tensor:
        x = self.maxpool(F.relu(self.bn1(self.conv1(x))))
        return cast(Tensor, self.layer4(self.layer3(self.layer2(self.layer1(x)))))


def residual(kind: type[nn.Module], in_channels: int, channels: int, blocks: int, stride: int) -> nn.Sequential:
    """Some residual blocks one after another, the first with the stride."""
    return nn.Sequential(kind(in_channels, channels, stride), *(kind(channels, channels, 1) for _ in range(blocks - 1)))


class SetBlock(nn.Module):
    """Applies a 2-D network to every frame of a set: [n, c, s, h, w] → [n, c', s, h', w']."""

    def __init__(self, forward_block: nn.Module) -> None:
        super().__init__()
        self.forward_block = forward_block

    def forward(self, x: Tensor) -> Tensor:
        n, c, s, h, w = x.shape
        maps = self.forward_block(x.transpose(1, 2).reshape(n * s, c, h, w))
        return cast(Tensor, maps.reshape(n, s, *maps.shape[1:]).transpose(1, 2))


def temporal_max(maps: Tensor, lengths: Sequence[int] | None = None) -> Tensor:
    """Set pooling over time (GaitSet, Chao et al., AAAI 2019): [n, c, s, …] → [n, c, …].

    With `lengths`, n must be 1 and the s frames are several sequences one after another: [1, c, s, …] → [len, c, …].
    """
    if lengths is None:
        return maps.max(dim=2)[0]
    if maps.shape[0] != 1 or sum(lengths) != maps.shape[2]:
        raise ValueError(f"lengths {list(lengths)} do not divide maps {tuple(maps.shape)} along time")
    return torch.cat([part.max(dim=2)[0] for part in torch.split(maps, list(lengths), dim=2)])


class HorizontalPooling(nn.Module):
    """Horizontal pyramid pooling (Fu et al., AAAI 2019): mean + max of each strip, [n, c, h, w] → [n, c, p].

    bins: strips at each level of the pyramid; p is their sum. h × w must be divisible by each.
    """

    def __init__(self, bins: Sequence[int] = (16,)) -> None:
        super().__init__()
        self.bins = tuple(bins)

    def forward(self, x: Tensor) -> Tensor:
        n, c = x.shape[:2]
        levels = [x.reshape(n, c, strips, -1) for strips in self.bins]
        return torch.cat([strips.mean(-1) + strips.max(-1)[0] for strips in levels], dim=-1)


class GeMPooling(nn.Module):
    """Horizontal pooling by a generalised mean with a learnt exponent (GeM), [n, c, h, w] → [n, c, strips]."""

    def __init__(self, strips: int = 64, exponent: float = 6.5, least: float = 1e-6) -> None:
        super().__init__()
        self.strips, self.least = strips, least
        self.p = nn.Parameter(torch.full((1,), exponent))

    def forward(self, x: Tensor) -> Tensor:
        n, c = x.shape[:2]
        values = x.reshape(n, c, self.strips, -1).clamp(min=self.least)
        return values.pow(self.p).mean(-1).pow(1 / self.p)


class SeparateFCs(nn.Module):
    """One linear map a part, none shared: [n, c, p] → [n, c', p]. unit: by directions of unit length."""

    def __init__(self, parts: int, in_channels: int, out_channels: int, unit: bool = False) -> None:
        super().__init__()
        self.unit = unit
        self.fc_bin = nn.Parameter(nn.init.xavier_uniform_(torch.empty(parts, in_channels, out_channels)))

    def forward(self, x: Tensor) -> Tensor:
        weights = F.normalize(self.fc_bin, dim=1) if self.unit else self.fc_bin
        return (x.permute(2, 0, 1).contiguous() @ weights).permute(1, 2, 0).contiguous()


class SeparateBN(nn.Module):
    """Batch normalisation of every value of every part: [n, c, p] → [n, c, p]."""

    def __init__(self, parts: int, channels: int) -> None:
        super().__init__()
        self.bn1d = nn.BatchNorm1d(channels * parts)

    def forward(self, x: Tensor) -> Tensor:
        return cast(Tensor, self.bn1d(x.flatten(1)).view_as(x))


class SeparateBNNecks(nn.Module):
    """The training head (BNNeck, Luo et al., CVPRW 2019): normalised features and cosine logits of every part.

    [n, c, p] → features [n, c, p] (batch-normalised, unit length over c) and logits [n, classes, p]. parts_drawn: the
    logits of so many parts only, the same ones for all, drawn at random; 0: of all.
    """

    def __init__(self, parts: int, in_channels: int, classes: int) -> None:
        super().__init__()
        self.bn1d = nn.BatchNorm1d(in_channels * parts)
        self.fc_bin = nn.Parameter(nn.init.xavier_uniform_(torch.empty(parts, in_channels, classes)))

    def forward(self, x: Tensor, parts_drawn: int = 0) -> tuple[Tensor, Tensor]:
        features = seen = self._by_part(x)
        classes = cast(Tensor, self.fc_bin)
        if 0 < parts_drawn < len(features):
            drawn = torch.randperm(len(features), device="cpu")[:parts_drawn].to(x.device)
            seen, classes = features[drawn], classes[drawn]
        logits = seen @ F.normalize(classes, dim=1)
        return features.permute(1, 2, 0).contiguous(), logits.permute(1, 2, 0).contiguous()

    def normalised(self, x: Tensor) -> Tensor:
        """The features alone, which need no classes."""
        return self._by_part(x).permute(1, 2, 0).contiguous()

    def _by_part(self, x: Tensor) -> Tensor:
        """Features [p, n, c]."""
        normal = self.bn1d(x.flatten(1)).view_as(x)
        return F.normalize(normal.permute(2, 0, 1).contiguous(), dim=2)
