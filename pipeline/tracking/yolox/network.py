"""The YOLOX network in torch, with the reference's state_dict keys: nano to x, depthwise or not.

Source: Ge et al., YOLOX: Exceeding YOLO Series in 2021, arXiv 2107.08430; ByteTrack uses the same network. Keys, shapes
and outputs are those of golden/yolox_megvii and golden/yolox_bytetrack, so attribute names follow the checkpoints.
"""

from __future__ import annotations

from collections import OrderedDict
from functools import partial
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

VARIANTS = {  # depth, width: multiples of YOLOX-l's blocks and channels
    "nano": (1 / 3, 0.25),
    "tiny": (1 / 3, 0.375),
    "s": (1 / 3, 0.50),
    "m": (2 / 3, 0.75),
    "l": (1.0, 1.0),
    "x": (4 / 3, 1.25),
}
CHANNELS, STRIDES = (256, 512, 1024), (8, 16, 32)  # of the three levels


class Yolox(nn.Module):
    """N×3×H×W (H, W multiples of 32) → N×A×(5 + classes), one row for each cell of strides 8, 16, 32, rows first.

    A row is: box centre (offset from the cell, in strides), log of width and height (in strides), then objectness and
    class probabilities. variant: a key of VARIANTS; depthwise: as published for nano.
    """

    def __init__(self, variant: str, classes: int, depthwise: bool = False) -> None:
        super().__init__()
        depth, width = VARIANTS[variant]
        self.backbone = Pyramid(depth, width, depthwise)
        self.head = Head(width, classes, depthwise)
        for module in self.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eps, module.momentum = 1e-3, 0.03

    def forward(self, images: Tensor) -> Tensor:
        return cast(Tensor, self.head(self.backbone(images)))

    def fuse(self) -> Yolox:
        """Fold every batch norm into its convolution: the same outputs in fewer steps. For inference only."""
        self.eval()
        for unit in self.modules():
            if isinstance(unit, ConvUnit) and isinstance(unit.bn, nn.BatchNorm2d):
                unit.conv = fuse_conv_bn_eval(cast(nn.Conv2d, unit.conv), unit.bn)
                unit.bn = nn.Identity()
        return self


class ConvUnit(nn.Sequential):
    """Convolution, batch norm, SiLU; keeps the size at stride 1."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> None:
        conv = nn.Conv2d(inputs, outputs, kernel, stride, (kernel - 1) // 2, groups=groups, bias=False)
        super().__init__(OrderedDict(conv=conv, bn=nn.BatchNorm2d(outputs), act=nn.SiLU(inplace=True)))


class DepthwiseUnit(nn.Sequential):
    """A convolution for each channel, then one across channels."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1) -> None:
        each = ConvUnit(inputs, inputs, kernel, stride, groups=inputs)
        super().__init__(OrderedDict(dconv=each, pconv=ConvUnit(inputs, outputs, 1)))


def _unit(depthwise: bool) -> type[ConvUnit] | type[DepthwiseUnit]:
    return DepthwiseUnit if depthwise else ConvUnit


class Bottleneck(nn.Module):
    """1×1 then 3×3 convolution, added to the input where `shortcut`."""

    def __init__(self, channels: int, shortcut: bool, depthwise: bool) -> None:
        super().__init__()
        self.conv1 = ConvUnit(channels, channels, 1)
        self.conv2 = _unit(depthwise)(channels, channels, 3)
        self.shortcut = shortcut

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.conv2(self.conv1(x))
        return out + x if self.shortcut else out


class CspBlock(nn.Module):
    """Cross-stage partial block: half of the channels go through bottlenecks, half around them."""

    def __init__(self, inputs: int, outputs: int, blocks: int, shortcut: bool, depthwise: bool) -> None:
        super().__init__()
        hidden = outputs // 2
        self.conv1 = ConvUnit(inputs, hidden, 1)
        self.conv2 = ConvUnit(inputs, hidden, 1)
        self.conv3 = ConvUnit(2 * hidden, outputs, 1)
        self.m = nn.Sequential(*(Bottleneck(hidden, shortcut, depthwise) for _ in range(blocks)))

    def forward(self, x: Tensor) -> Tensor:
        return cast(Tensor, self.conv3(torch.cat([self.m(self.conv1(x)), self.conv2(x)], dim=1)))


class SpatialPooling(nn.Module):
    """Spatial pyramid pooling: what is seen at 1, 5, 9 and 13 cells, side by side."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = ConvUnit(channels, channels // 2, 1)
        self.m = nn.ModuleList(nn.MaxPool2d(size, stride=1, padding=size // 2) for size in (5, 9, 13))
        self.conv2 = ConvUnit(channels // 2 * 4, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv1(x)
        return cast(Tensor, self.conv2(torch.cat([x, *(pool(x) for pool in self.m)], dim=1)))


class Focus(nn.Module):
    """Every 2×2 pixels become channels: N×3×H×W → N×12×H/2×W/2, then a convolution."""

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.conv = ConvUnit(12, outputs, 3)

    def forward(self, x: Tensor) -> Tensor:
        corners = [x[..., down::2, right::2] for right in (0, 1) for down in (0, 1)]  # the order of the weights
        return cast(Tensor, self.conv(torch.cat(corners, dim=1)))


class Darknet(nn.Module):
    """CSPDarknet: features at strides 8, 16 and 32."""

    def __init__(self, depth: float, width: float, depthwise: bool) -> None:
        super().__init__()
        base, blocks, unit = int(64 * width), max(round(3 * depth), 1), _unit(depthwise)
        csp = partial(CspBlock, depthwise=depthwise)
        self.stem = Focus(base)
        self.dark2 = nn.Sequential(unit(base, base * 2, 3, 2), csp(base * 2, base * 2, blocks, True))
        self.dark3 = nn.Sequential(unit(base * 2, base * 4, 3, 2), csp(base * 4, base * 4, 3 * blocks, True))
        self.dark4 = nn.Sequential(unit(base * 4, base * 8, 3, 2), csp(base * 8, base * 8, 3 * blocks, True))
        self.dark5 = nn.Sequential(
            unit(base * 8, base * 16, 3, 2), SpatialPooling(base * 16), csp(base * 16, base * 16, blocks, False)
        )

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        fine = self.dark3(self.dark2(self.stem(x)))
        middle = self.dark4(fine)
        return fine, middle, self.dark5(middle)


class Pyramid(nn.Module):
    """Path-aggregation pyramid: coarse features go up to the fine ones, and down again."""

    def __init__(self, depth: float, width: float, depthwise: bool) -> None:
        super().__init__()
        self.backbone = Darknet(depth, width, depthwise)
        small, medium, large = (int(channels * width) for channels in CHANNELS)
        csp = partial(CspBlock, blocks=round(3 * depth), shortcut=False, depthwise=depthwise)
        unit = _unit(depthwise)
        self.upsample = nn.Upsample(scale_factor=2, mode="nearest")
        self.lateral_conv0 = ConvUnit(large, medium, 1)
        self.C3_p4 = csp(2 * medium, medium)
        self.reduce_conv1 = ConvUnit(medium, small, 1)
        self.C3_p3 = csp(2 * small, small)
        self.bu_conv2 = unit(small, small, 3, 2)
        self.C3_n3 = csp(2 * small, medium)
        self.bu_conv1 = unit(medium, medium, 3, 2)
        self.C3_n4 = csp(2 * medium, large)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        fine, middle, coarse = self.backbone(x)
        coarse = self.lateral_conv0(coarse)
        middle = self.C3_p4(torch.cat([self.upsample(coarse), middle], dim=1))
        middle = self.reduce_conv1(middle)
        fine = self.C3_p3(torch.cat([self.upsample(middle), fine], dim=1))
        middle = self.C3_n3(torch.cat([self.bu_conv2(fine), middle], dim=1))
        return fine, middle, self.C3_n4(torch.cat([self.bu_conv1(middle), coarse], dim=1))


class Head(nn.Module):
    """Decoupled head: class on one branch, box and objectness on the other, for each stride."""

    def __init__(self, width: float, classes: int, depthwise: bool) -> None:
        super().__init__()
        hidden, unit = int(256 * width), _unit(depthwise)
        self.cls_convs, self.reg_convs = (
            nn.ModuleList(nn.Sequential(unit(hidden, hidden, 3), unit(hidden, hidden, 3)) for _ in STRIDES)
            for _ in range(2)
        )
        self.cls_preds, self.reg_preds, self.obj_preds = (
            nn.ModuleList(nn.Conv2d(hidden, values, 1) for _ in STRIDES) for values in (classes, 4, 1)
        )
        self.stems = nn.ModuleList(ConvUnit(int(channels * width), hidden, 1) for channels in CHANNELS)

    def forward(self, features: tuple[Tensor, Tensor, Tensor]) -> Tensor:
        rows = []
        for level, feature in enumerate(features):
            x = self.stems[level](feature)
            seen = self.reg_convs[level](x)
            cell = [
                self.reg_preds[level](seen),
                self.obj_preds[level](seen).sigmoid(),
                self.cls_preds[level](self.cls_convs[level](x)).sigmoid(),
            ]
            rows.append(torch.cat(cell, dim=1).flatten(2))
        return torch.cat(rows, dim=2).transpose(1, 2)
