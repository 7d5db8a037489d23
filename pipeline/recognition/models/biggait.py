"""BigGait (Ye et al., "BigGait: Learning Gait Representation You Want by Large Vision Models", CVPR 2024).

DINOv2 looks at pictures of a person. One branch finds the body in what it says, two others make 16 maps each of it:
parts of the body without their texture, and its appearance. GaitBase looks at both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pipeline.recognition.encoder import Arrays
from pipeline.recognition.layers import dinov2, shapes
from pipeline.recognition.layers.dinov2 import DINOv2, plain_norm
from pipeline.recognition.layers.silhouettes import (
    BasicBlock,
    BasicConv2d,
    HorizontalPooling,
    SeparateBNNecks,
    SeparateFCs,
    SetBlock,
    named,
    residual,
)
from pipeline.recognition.model import Model
from pipeline.recognition.models.skeletongaitpp import AttentionFusion
from pipeline.recognition.network import PooledNetwork, necks
from pipeline.types import Modality

MAPS = (64, 32)  # height and width of the maps that the gait network looks at
CROP = (256, 128)  # of the pictures, as OpenGait's pretreatment makes them
LEAST = 0.5  # of what the segmenter sees of a body, that the mask branch finds where it is to be believed
EDGE = 5  # rows at the top and at the bottom that a body does not fill
STAGES = r"\.forward_block\.layer(?P<stage>[1-4])\.(?P<block>\d+)\.conv2\.weight"


@dataclass(frozen=True, slots=True)
class Architecture(dinov2.Architecture):
    """denoising, appearance: the maps of either kind."""

    denoising: int = shapes.shown(16, shapes.side("Denoising_Branch.bn_t.running_mean", 1, 0))
    appearance: int = shapes.shown(16, shapes.side("Appearance_Branch.bn_t.running_mean", 1, 0))
    channels: Sequence[int] = shapes.shown((64, 128, 256, 512), shapes.channels(r"gait_net\.\w+" + STAGES))
    layers: Sequence[int] = shapes.shown((1, 1, 1, 1), shapes.layers(r"gait_net\.\w+" + STAGES))
    strides: Sequence[int] = (1, 2, 2, 1)
    parts: int = shapes.shown(16, shapes.side("gait_net.FCs.fc_bin", 3, 0))
    out_channels: int = shapes.shown(256, shapes.side("gait_net.FCs.fc_bin", 3, 2))
    classes: int = shapes.shown(100, shapes.side("gait_net.BNNecks.fc_bin", 3, 2))


class Standardised(nn.BatchNorm2d):
    """Batch normalisation without learnt factors. ONNX's own has to know a map's channels, which are lost here."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels, affine=False)

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            return super().forward(x)
        mean, var = (cast(Tensor, values)[:, None, None] for values in (self.running_mean, self.running_var))
        return (x - mean) * (var + self.eps).rsqrt()


class Branch(nn.Module):
    """What DINOv2 says of each pixel, in few values: [b, c, h, w] → [b, targets, h, w] in 0–1.

    deep: with a hidden layer. up: with the way back, which its training needed. shares: the values of a pixel sum to 1.
    """

    def __init__(self, channels: int, targets: int, deep: bool = False, up: bool = False, shares: bool = True) -> None:
        super().__init__()
        self.shares, half = shares, channels // 2
        self.bn_s, self.bn_t = Standardised(channels), Standardised(targets)
        self.down_sampling: nn.Module = nn.Linear(channels, targets)
        if deep:
            hidden = (nn.Linear(channels, half), nn.BatchNorm1d(half, affine=False), nn.GELU())
            self.down_sampling = nn.Sequential(*hidden, nn.Linear(half, targets))
        if up:
            self.up_sampling = nn.Linear(targets, channels)

    def forward(self, x: Tensor) -> Tensor:
        values = self.down_sampling(self.bn_s(x).permute(0, 2, 3, 1).flatten(0, 2))
        maps = values.reshape(-1, *x.shape[2:], self.bn_t.num_features).permute(0, 3, 1, 2)
        return maps.softmax(1) if self.shares else cast(Tensor, self.bn_t(maps)).sigmoid()


def stem(in_channels: int, channels: int, blocks: int, stride: int) -> SetBlock:
    """The first stage of a ResNet9, of every frame."""
    first = residual(BasicBlock, channels, channels, blocks, stride)
    conv = BasicConv2d(in_channels, channels, 3, 1, 1)
    return SetBlock(named(conv1=conv, bn1=nn.BatchNorm2d(channels), relu=nn.ReLU(), layer1=first))


def trunk(channels: Sequence[int], blocks: Sequence[int], strides: Sequence[int]) -> SetBlock:
    """The other stages, of every frame."""
    sizes = zip(channels[:3], channels[1:], blocks[1:], strides[1:], strict=True)
    return SetBlock(named(**{f"layer{i}": residual(BasicBlock, *size) for i, size in enumerate(sizes, start=2)}))


class GaitNet(nn.Module):
    """GaitBase with a stem for either kind of maps, fused behind it."""

    def __init__(self, a: Architecture, head: bool) -> None:
        super().__init__()
        self.pre_part = stem(a.denoising, a.channels[0], a.layers[0], a.strides[0])
        self.pre_rgb = stem(a.appearance, a.channels[0], a.layers[0], a.strides[0])
        self.fusion = AttentionFusion(a.channels[0], alternating=True)
        self.post_backbone = trunk(a.channels, a.layers, a.strides)
        self.FCs = SeparateFCs(a.parts, a.channels[3], a.out_channels)
        self.BNNecks = necks(a.parts, a.out_channels, a.classes, head)
        self.HPP = HorizontalPooling((a.parts,))

    def forward(self, denoising: Tensor, appearance: Tensor) -> Tensor:
        """Both [n, c, s, h, w] → [n, c', s, h', w']."""
        return cast(Tensor, self.post_backbone(self.fusion(self.pre_part(denoising), self.pre_rgb(appearance))))


def frames_of(pictures: Tensor) -> Tensor:
    """[n, c, s, h, w] → [n · s, c, h, w]."""
    return pictures.transpose(1, 2).flatten(0, 1)


def sequences_of(maps: Tensor, n: int) -> Tensor:
    """[n · s, c, h, w] → [n, c, s, h, w]."""
    return maps.reshape(n, -1, *maps.shape[1:]).transpose(1, 2)


def upright(pictures: Tensor, ratios: Tensor, size: tuple[int, int]) -> Tensor:
    """Pictures [b, c, h, w] scaled to their own proportions, in the middle of `size`: padded with 0, or cut.

    ratios: [b], the width of the crop as it was over its height.
    """
    height, width = size
    columns = F.interpolate(pictures, (height, pictures.shape[3]), mode="bilinear", align_corners=False)
    needed = (height * ratios).int().clamp(min=1)[:, None]
    place = torch.arange(width, device=pictures.device)[None] - torch.div(width - needed, 2, rounding_mode="floor")
    source = ((place + 0.5) * (pictures.shape[3] / needed) - 0.5).clamp(0, pictures.shape[3] - 1)
    left = source.floor().long()
    right, share = (left + 1).clamp(max=pictures.shape[3] - 1), (source - left).to(pictures)[:, None, None]
    of_row = [index[:, None, None].expand(-1, *columns.shape[1:3], -1) for index in (left, right)]
    one, other = (columns.gather(3, index) for index in of_row)
    inside = ((place >= 0) & (place < needed))[:, None, None]
    return (one + (other - one) * share) * inside


class BigGait(PooledNetwork):
    """Pictures [n, 3, s, h, w], RGB in 0–1, and ratios [n, s] to embeddings [n, out_channels, parts].

    ratios: width over height of the crops before they were padded. Pictures of twice their width as height are taken
    as padded already; others are padded here. bodies [n, s, 64, 32] in 0–1, where a segmenter sees the person: they
    correct the mask branch. Without them, as in the reference, it may take the background for the body.
    """

    HEAD: ClassVar[tuple[str, ...]] = ("gait_net.BNNecks.fc_bin",)

    def __init__(self, architecture: Architecture, head: bool = True) -> None:
        super().__init__(architecture, head)
        a, four = architecture, 4 * architecture.width
        self.backbone = DINOv2(a, more=0.1)
        self.Mask_Branch = Branch(a.width, 2, up=True)
        self.Denoising_Branch = Branch(four, a.denoising, deep=True)
        self.Appearance_Branch = Branch(four, a.appearance, shares=False)
        self.gait_net = GaitNet(a, head)
        self._quarters = [a.blocks * i // 4 - 1 for i in (1, 2, 3, 4)]

    @property
    def BNNecks(self) -> SeparateBNNecks:  # type: ignore[override]  # noqa: N802 - one module down in published keys
        return self.gait_net.BNNecks

    @classmethod
    def rename_keys(cls, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return dinov2.rename_backbone(weights, "backbone.")

    @classmethod
    def further_files(cls, path: Path) -> dict[str, Path]:
        return dinov2.file_beside(path)

    def embed(self, pooled: Tensor) -> Tensor:
        return cast(Tensor, self.gait_net.FCs(self.gait_net.HPP(pooled)))

    def maps(self, pictures: Tensor, *others: Tensor) -> Tensor:
        ratios, *bodies = others
        n = pictures.shape[0]
        found = self.found(frames_of(pictures), ratios.flatten(), *(body.reshape(-1, 1, *MAPS) for body in bodies))
        return cast(Tensor, self.gait_net(*(sequences_of(maps, n) for maps in found[1:])))

    def found(self, pictures: Tensor, ratios: Tensor, *bodies: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Of pictures [b, 3, h, w]: the body [b, 1, 64, 32], then parts and appearance [b, 16, 64, 32], 0 outside."""
        if pictures.shape[2] != 2 * pictures.shape[3]:
            mean = self.backbone.mean  # the reference pads what is normalised already
            pictures = upright(pictures - mean, ratios, CROP) + mean
        said = self.backbone(pictures)
        last = self._scaled(self.backbone.norm(said[-1]))
        four = self._scaled(plain_norm(torch.cat([said[i] for i in self._quarters], dim=-1)))
        crop = upright(torch.ones_like(last[:, :1]), ratios, MAPS)
        body = corrected(closed(body_of(self.Mask_Branch(last) * crop, *bodies)), *bodies)
        seen = (body != 0).to(body)
        return body, self.Denoising_Branch(four) * seen, self.Appearance_Branch(four) * seen

    def _scaled(self, said: Tensor) -> Tensor:
        return F.interpolate(self.backbone.as_map(said), MAPS, mode="bilinear", align_corners=False)


def body_of(shares: Tensor, *bodies: Tensor) -> Tensor:
    """Which of the two shares [b, 2, h, w] is the body's, [b, 1, h, w].

    Nothing in the training says which. It is the one that has more of what a segmenter sees; where none was asked, the
    first, unless that fills most of the rows at the top and the bottom (in a narrow crop the background cannot).
    """
    first = shares[:, :1].round()
    if bodies:
        both = (shares.round() * bodies[0]).sum(dim=(2, 3), keepdim=True)
        return torch.where(both[:, 1:] > both[:, :1], shares[:, 1:], shares[:, :1])
    rows = torch.cat([first[:, :, :EDGE], first[:, :, -EDGE:]], dim=2)
    swapped = rows.sum(dim=(1, 2, 3), keepdim=True) > EDGE * shares.shape[3]
    return torch.where(swapped, shares[:, 1:], shares[:, :1])


def corrected(body: Tensor, *bodies: Tensor) -> Tensor:
    """A body [b, 1, h, w] where a segmenter sees one, or near; what it sees, where less than half of that is found."""
    if not bodies:
        return body
    seen = (bodies[0] > 0.5).to(body)
    found = ((body > 0.5) * seen).sum(dim=(1, 2, 3), keepdim=True) >= LEAST * seen.sum(dim=(1, 2, 3), keepdim=True)
    return torch.where(found, body * F.max_pool2d(seen, 5, 1, 2), seen)


def closed(body: Tensor) -> Tensor:
    """A body [b, 1, h, w] without small holes: 1 inside, and in a ring around as it was, even below a half."""
    grown = F.max_pool2d(body.round(), 3, 1, 1)
    inside = -F.max_pool2d(-grown, 5, 1, 2)
    return torch.where(inside > 0.5, inside, body * grown)


def channels_first(frames: Arrays) -> Arrays:
    """Pictures T×3×H×W as the network takes them, 3×T×H×W, and what else there is of each as it is."""
    pictures, *others = frames
    return pictures.transpose(1, 0, 2, 3), *others


BIGGAIT = Model(
    name="biggait",
    title="BigGait",
    paper="Ye et al., CVPR 2024",
    network=BigGait,
    architecture=Architecture,
    golden=("biggait",),
    needs=(Modality.RGB, Modality.ASPECT_RATIOS, Modality.BODIES),
    optional=(Modality.BODIES,),
    prepare=channels_first,
    size=CROP,
)
