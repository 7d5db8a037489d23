"""GaitEdge (Liang et al., "GaitEdge: Beyond Plain End-to-End Gait Recognition for Better Practicality", ECCV 2022).

A U-Net looks at a person's box, stretched to a square. Of a silhouette it draws the outline anew, softly: the inside
stays as it was segmented, so that no texture gets through. GaitGL looks at what comes of it, centred and in its
proportions. Without silhouettes the U-Net's own are looked at, as they are ("GaitGL-E2E").
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, cast

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from pipeline.recognition.encoder import Arrays
from pipeline.recognition.layers.dinov2 import DEVIATION, MEAN
from pipeline.recognition.layers.silhouettes import named
from pipeline.recognition.model import Model
from pipeline.recognition.models import gaitgl
from pipeline.recognition.models.biggait import CROP, frames_of
from pipeline.recognition.network import FRAMES_AT_ONCE
from pipeline.types import SILHOUETTE_HEIGHT, SILHOUETTE_WIDTH, Modality

SIDE = 128  # of the stretched boxes
_MARGIN = SILHOUETTE_WIDTH // 2  # columns of nothing that are added at either side before the person is cut out
_MOST = 4  # samples along a side of what becomes one pixel of a silhouette


@dataclass(frozen=True, slots=True)
class Architecture(gaitgl.Architecture):
    """The defaults are those of CASIA-B*."""


def _convolved(in_channels: int, channels: int) -> list[nn.Module]:
    return [nn.Conv2d(in_channels, channels, 3, 1, 1), nn.BatchNorm2d(channels), nn.ReLU()]


def _pair(in_channels: int, channels: int) -> nn.Sequential:
    return named(conv=nn.Sequential(*_convolved(in_channels, channels), *_convolved(channels, channels)))


class UNet(nn.Module):
    """Pictures [b, 3, h, w], normalised by ImageNet's colours, to what is body: [b, 1, h, w] before the sigmoid."""

    def __init__(self) -> None:
        super().__init__()
        sizes = (3, 16, 32, 64, 128)
        for level, (above, here) in enumerate(pairwise(sizes), start=1):
            self.add_module(f"Conv{level}", _pair(above, here))
            if level > 1:
                self.add_module(
                    f"Up{level}", named(up=nn.Sequential(nn.Upsample(scale_factor=2), *_convolved(here, above)))
                )
                self.add_module(f"Up_conv{level}", _pair(here, above))
        self.Conv_1x1 = nn.Conv2d(16, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        seen = [self.get_submodule("Conv1")(x)]
        for level in (2, 3, 4):
            seen.append(self.get_submodule(f"Conv{level}")(F.max_pool2d(seen[-1], 2)))
        x = seen.pop()
        for level in (4, 3, 2):
            raised = self.get_submodule(f"Up{level}")(x)
            x = self.get_submodule(f"Up_conv{level}")(torch.cat([seen.pop(), raised], 1))
        return cast(Tensor, self.Conv_1x1(x))


class GaitEdge(gaitgl.GaitGL):
    """Stretched pictures [n, 3, s, 128, 128] in 0–1 and ratios [n, s] to embeddings [n, c, 64]; s ≥ 3.

    ratios: width over height of the boxes before they were stretched. silhouettes [n, s, 128, 128] in 0–1: of the same
    boxes, stretched as they were.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, architecture: Architecture, head: bool = True) -> None:
        super().__init__(architecture, head)
        self.Backbone = UNet()
        for name, colours in (("mean", MEAN), ("deviation", DEVIATION)):
            self.register_buffer(name, torch.tensor(colours)[:, None, None], persistent=False)

    def forward(self, pictures: Tensor, ratios: Tensor, *silhouettes: Tensor) -> Tensor:  # type: ignore[override]
        n, _, s, h, w = pictures.shape
        frames = frames_of(pictures), ratios.flatten(), *(masks.reshape(n * s, h, w) for masks in silhouettes)
        if torch.onnx.is_in_onnx_export():  # whose number of frames is free
            aligned = self.aligned(*frames)
        else:
            pieces = zip(*(torch.split(of_all, FRAMES_AT_ONCE) for of_all in frames), strict=True)
            aligned = torch.cat([self.aligned(*piece) for piece in pieces])
        return super().forward(aligned.reshape(n, 1, s, *aligned.shape[1:]))

    def aligned(self, pictures: Tensor, ratios: Tensor, *silhouettes: Tensor) -> Tensor:
        """Of pictures [b, 3, h, w], ratios [b] and silhouettes [b, h, w]: what GaitGL looks at, [b, 64, 44]."""
        return placed(self.body(pictures), ratios, *silhouettes)

    def body(self, pictures: Tensor) -> Tensor:
        """What is body in pictures [b, 3, h, w]: [b, h, w] in 0–1."""
        return cast(Tensor, self.Backbone((pictures - self.mean) / self.deviation)).float().sigmoid()[:, 0]


def placed(body: Tensor, ratios: Tensor, *silhouettes: Tensor) -> Tensor:
    """The U-Net's body [b, h, w] in 0–1 as GaitGL looks at it [b, 64, 44]: as the outline of silhouettes, or alone."""
    if silhouettes:
        return align(outlined(silhouettes[0], body), places(silhouettes[0], ratios))
    return align(body, places(body.round(), ratios))


def outlined(silhouettes: Tensor, body: Tensor) -> Tensor:
    """Silhouettes with another outline, two pixels wide; both [b, h, w] in 0–1."""
    grown, inside = _grown(silhouettes) > 0.5, -_grown(-silhouettes) > 0.5
    return (grown ^ inside).to(body) * body + inside.to(body) * silhouettes


def _grown(maps: Tensor) -> Tensor:
    return F.max_pool2d(maps[:, None], 3, 1, 1)[:, 0]


def places(masks: Tensor, ratios: Tensor) -> Tensor:
    """Where people stand in stretched boxes [b, h, w]: x1, y1, x2, y2 [b, 4], x with _MARGIN columns at the left.

    From the highest row of a person to the lowest, and around the column that has half of it at either side, as wide
    as 64×44 is for that height. The narrower the box was, the more it was stretched, so the wider the place. One that
    is wider than the box with its margins ends there, as in the reference.
    """
    height, width = masks.shape[1:]
    reached = (masks.sum(2) >= 1).to(masks).cumsum(1)
    top = (reached == 0).to(masks).sum(1)
    bottom = (reached != reached[:, -1:]).to(masks).sum(1) + 1
    columns = masks.sum(1)
    middle = (columns.cumsum(1) < columns.sum(1, keepdim=True) / 2).to(masks).sum(1) + _MARGIN
    shown = SILHOUETTE_HEIGHT * ratios  # columns of a silhouette that the box would fill
    beyond = ((SILHOUETTE_WIDTH - shown) / 2).clamp(min=0) / (shown / width)
    half = (bottom - top) * width / height / 2 + beyond
    sides = [(middle + side * half).clamp(0, width + 2 * _MARGIN) for side in (-1, 1)]
    return torch.stack([sides[0], top, sides[1], bottom], 1)


def align(maps: Tensor, boxes: Tensor) -> Tensor:
    """Cut boxes [b, 4] of `places` out of maps [b, h, w] in 0–1: [b, 64, 44] (RoIAlign, He et al., ICCV 2017)."""
    width = maps.shape[2]
    rows = _weights(boxes[:, 1], boxes[:, 3], SILHOUETTE_HEIGHT, maps.shape[1])
    columns = _weights(boxes[:, 0], boxes[:, 2], SILHOUETTE_WIDTH, width + 2 * _MARGIN)
    return rows @ maps @ columns[:, :, _MARGIN : _MARGIN + width].transpose(1, 2)


def _weights(start: Tensor, end: Tensor, parts: int, size: int) -> Tensor:
    """How much each of `size` pixels counts in each of `parts` equal parts between start and end: [b, parts, size].

    A part is the mean of one or more samples, as many as it has pixels; a sample counts the two pixels that it is
    between, and nothing where it is a pixel or more outside.
    """
    part = (end - start).clamp(min=1)[:, None, None] / parts
    samples = part.ceil()
    number, sample = (torch.arange(count, device=start.device).to(start) for count in (parts, _MOST))
    at = start[:, None, None] + (number[:, None] + (sample + 0.5) / samples) * part  # [b, parts, _MOST]
    counts = (sample < samples) & (at >= -1) & (at <= size)
    pixels = torch.arange(size, device=start.device).to(start)
    near = (1 - (at.clamp(0, size - 1)[..., None] - pixels).abs()).clamp(min=0)
    return (near * (counts.to(start) / samples)[..., None]).sum(2)


def stretched(frames: Arrays) -> Arrays:
    """Pictures T×3×H×W as 3×T×128×128, ratios T as they are, and bodies T×h×w as silhouettes T×128×128, 0 or 255.

    Of a run's crops, which are padded or cut to 2:1, the box is stretched again; square ones are taken as stretched.
    """
    pictures, ratios, *bodies = frames
    if pictures.shape[-2] != pictures.shape[-1]:
        ratios = np.minimum(ratios, np.float32(pictures.shape[-1] / pictures.shape[-2]))
        pictures = _stretch(pictures.transpose(0, 2, 3, 1), ratios).transpose(0, 3, 1, 2)
        bodies = [np.where(_stretch(masks, ratios) > 127, np.uint8(255), np.uint8(0)) for masks in bodies]
    return pictures.transpose(1, 0, 2, 3), ratios, *bodies


def _stretch(pictures: NDArray[Any], ratios: NDArray[np.float32]) -> NDArray[np.uint8]:
    """The box of that ratio in the middle of each picture T×H×W(×3), as T×128×128(×3)."""
    height, width = pictures.shape[1:3]
    found = np.empty((len(pictures), SIDE, SIDE, *pictures.shape[3:]), np.uint8)
    for target, picture, ratio in zip(found, pictures, ratios, strict=True):  # OpenCV takes one at a time
        across, down = float(height * ratio) / SIDE, height / SIDE
        left = (width - SIDE * across) / 2
        place = np.array([[across, 0, left + 0.5 * across - 0.5], [0, down, 0.5 * down - 0.5]])
        how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        target[:] = cv2.warpAffine(
            np.ascontiguousarray(picture), place, (SIDE, SIDE), flags=how, borderMode=cv2.BORDER_REPLICATE
        )
    return found


GAITEDGE = Model(
    name="gaitedge",
    title="GaitEdge (with silhouettes, end to end)",
    paper="Liang et al., ECCV 2022",
    network=GaitEdge,
    architecture=Architecture,
    published="CASIA-B* 97.9 / 96.1 / 86.4",
    golden=("gaitedge", "gaitedge_e2e", "gaitedge_phase1_seg"),
    needs=(Modality.RGB, Modality.ASPECT_RATIOS, Modality.BODIES),
    optional=(Modality.BODIES,),
    prepare=stretched,
    motion=True,
    least_frames=3,
    size=CROP,
)
