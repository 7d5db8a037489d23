"""DenoisingGait (Jin et al., "On Denoising Walking Videos for Gait Recognition", CVPR 2025).

A diffusion network has been asked once for what it sees in a person's crop (no stage here asks it: the answers are the
input). Of its answers only where they resemble each other is looked at, inside the silhouette: for every pixel, where
the ones most like it lie in the same frame, and where in the next. GaitBase looks at both fields.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import ClassVar, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pipeline.errors import ConfigError
from pipeline.recognition.encoder import Arrays
from pipeline.recognition.layers import shapes
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
from pipeline.recognition.layers.temporal import conv3x3
from pipeline.recognition.model import Model
from pipeline.recognition.models.biggait import frames_of, sequences_of
from pipeline.recognition.models.skeletongaitpp import AttentionFusion
from pipeline.recognition.network import PooledNetwork, necks
from pipeline.types import Modality

SIZE = (96, 48)
CHANNELS = 4  # of a diffusion network's answers
RADII = (1, 2, 3)  # how far similar pixels are looked for in the same frame
STAGES = r"Backbone\.(pre_attn|post_backbone)\.forward_block\.layer(?P<stage>[1-4])\.(?P<block>\d+)\.conv2\.weight"


@dataclass(frozen=True, slots=True)
class Architecture(shapes.Architecture):
    """The defaults are those of CCPG. radius: how far similar pixels are looked for in the next frame."""

    radius: int = 3
    channels: Sequence[int] = shapes.shown((64, 128, 256, 512), shapes.channels(STAGES))
    layers: Sequence[int] = shapes.shown((1, 1, 1, 1), shapes.layers(STAGES))
    strides: Sequence[int] = (1, 2, 2, 1)
    parts: int = shapes.shown(24, shapes.side("Backbone.FCs.fc_bin", 3, 0))
    out_channels: int = shapes.shown(256, shapes.side("Backbone.FCs.fc_bin", 3, 2))
    classes: int = shapes.shown(100, shapes.side("Backbone.BNNecks.fc_bin", 3, 2))


def displacement(ones: Tensor, others: Tensor, radius: int) -> Tensor:
    """Where in `others` the pixels like those of `ones` are expected: [b, c, h, w] twice → x and y [b, 2, h, w].

    In pixels from the same place, within a square of that radius: a softmax of scalar products over √c. The mean is
    one of absolute positions, as in the reference: that of steps is more exact, and 1.1e-4 of the embeddings' rms off.
    """
    height, width = map(int, ones.shape[2:])
    steps = list(product(range(2 * radius + 1), repeat=2))
    around = F.pad(others, [radius] * 4)
    alike = [(ones * around[:, :, y : y + height, x : x + width]).sum(1) for y, x in steps]
    own = torch.tensor(list(product(range(height), range(width))), device=ones.device)  # [h · w, 2], y first
    there = own[:, None] + torch.tensor(steps, device=ones.device) - radius  # [h · w, those of the square, 2]
    inside = ((there >= 0) & (there < torch.tensor([height, width], device=ones.device))).all(-1)
    outside = torch.zeros_like(inside, dtype=ones.dtype).masked_fill(~inside, float("-inf"))
    shares = (torch.stack(alike, -1).flatten(1, 2) / ones.shape[1] ** 0.5 + outside).softmax(-1)  # [b, h · w, those]
    with torch.autocast(ones.device.type, enabled=False):  # 16 bits are too few for positions
        expected: Tensor = (shares.float()[:, :, None] @ there.float())[:, :, 0] - own
    return expected.flip(-1).transpose(1, 2).reshape(-1, 2, height, width)


def _encoder(first: int, second: int, out_channels: int) -> SetBlock:
    convolutions = [nn.Conv2d(CHANNELS, first, 1, bias=False), conv3x3(first, first), conv3x3(first, second)]
    convolutions.append(nn.Conv2d(second, out_channels, 1, bias=False))
    chain = [module for conv in convolutions for module in (conv, nn.BatchNorm2d(conv.out_channels), nn.ReLU())]
    return SetBlock(nn.Sequential(*chain[:2], *chain[3:-1]))  # neither the first nor the last is rectified


def _decoder() -> SetBlock:
    return SetBlock(nn.Sequential(conv3x3(16, 16), nn.BatchNorm2d(16), nn.ReLU()))


def _masked(encoder: nn.Module, answers: Tensor, masks: Tensor) -> Tensor:
    return cast(Tensor, encoder(answers)).sigmoid() * masks


class WithinFrame(nn.Module):
    """Answers [n, 4, s, h, w] as two encoders see them inside the silhouette: [n, 16, s, h, w] each."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder0, self.encoder1 = (_encoder(64, 32, 16) for _ in range(2))
        self.decoder0, self.decoder1 = _decoder(), _decoder()

    def forward(self, answers: Tensor, masks: Tensor) -> tuple[Tensor, Tensor]:
        first = self.decoder0(_masked(self.encoder0, answers, masks))
        return first, self.decoder1(_masked(self.encoder1, answers, masks))


class AcrossFrames(nn.Module):
    """The same of a frame and of the next: [n, 4, s, h, w] each."""

    def __init__(self) -> None:
        super().__init__()
        self.q_encoder, self.k_encoder = (_encoder(16, 8, 4) for _ in range(2))

    def forward(
        self, answers: Tensor, masks: Tensor, next_answers: Tensor, next_masks: Tensor
    ) -> tuple[Tensor, Tensor]:
        return _masked(self.q_encoder, answers, masks), _masked(self.k_encoder, next_answers, next_masks)


class Fused(nn.Module):
    """GaitBase with two stems of three stages each, fused before the last."""

    def __init__(self, a: Architecture, head: bool) -> None:
        super().__init__()
        c = a.channels

        def stem(in_channels: int) -> SetBlock:
            sizes = zip((c[0], *c[:2]), c[:3], a.layers[:3], a.strides[:3], strict=True)
            stages = {f"layer{i}": residual(BasicBlock, *size) for i, size in enumerate(sizes, start=1)}
            conv = BasicConv2d(in_channels, c[0], 3, 1, 1)
            return SetBlock(named(conv1=conv, bn1=nn.BatchNorm2d(c[0]), relu=nn.ReLU(), **stages))

        self.pre_attn, self.pre_noise = stem(2), stem(2 * len(RADII))
        self.fusion = AttentionFusion(c[2], alternating=True, middle=1)
        self.post_backbone = SetBlock(named(layer4=residual(BasicBlock, c[2], c[3], a.layers[3], a.strides[3])))
        self.HPP = HorizontalPooling((a.parts,))
        self.FCs = SeparateFCs(a.parts, c[3], a.out_channels)
        self.BNNecks = necks(a.parts, a.out_channels, a.classes, head)

    def forward(self, within: Tensor, across: Tensor) -> Tensor:
        """Fields [n, 6, s, h, w] and [n, 2, s, h, w] → maps [n, c, s, h / 4, w / 4]."""
        return cast(Tensor, self.post_backbone(self.fusion(self.pre_noise(within), self.pre_attn(across))))


class DenoisingGait(PooledNetwork):
    """A diffusion network's answers [n, 4, s, 96, 48] and silhouettes [n, s, 96, 48] to embeddings [n, c, parts]."""

    HEAD: ClassVar[tuple[str, ...]] = ("Backbone.BNNecks.fc_bin",)

    def __init__(self, architecture: Architecture, head: bool = True) -> None:
        super().__init__(architecture, head)
        self.radius = architecture.radius
        self.Backbone = Fused(architecture, head)
        self.AppF = AcrossFrames()
        self.AF, self.AF2, self.AF3 = (WithinFrame() for _ in RADII)

    @property
    def BNNecks(self) -> SeparateBNNecks:  # type: ignore[override]  # noqa: N802 - one module down in published keys
        return self.Backbone.BNNecks

    def of_frames(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        answers, silhouettes = inputs
        masks = (silhouettes > 0).to(answers)
        following = torch.cat([answers[:, :, 1:], answers[:, :, -1:]], 2).transpose(1, 2)
        later = torch.cat([masks[:, 1:], masks[:, -1:]], 1)
        return answers, masks, following, later

    def embed(self, pooled: Tensor) -> Tensor:
        return cast(Tensor, self.Backbone.FCs(self.Backbone.HPP(pooled)))

    def maps(self, answers: Tensor, *others: Tensor) -> Tensor:
        masks, following, later = others
        return cast(
            Tensor, self.Backbone(*self.fields(answers, masks[:, None], following.transpose(1, 2), later[:, None]))
        )

    def fields(self, answers: Tensor, masks: Tensor, following: Tensor, later: Tensor) -> tuple[Tensor, Tensor]:
        """Displacements within frames [n, 6, s, h, w] and to the next [n, 2, s, h, w]; masks: [n, 1, s, h, w]."""
        pairs = [inner(answers, masks) for inner in (self.AF, self.AF2, self.AF3)]
        within = [_of_frames(pair, radius) for pair, radius in zip(pairs, RADII, strict=True)]
        return torch.cat(within, 1), _of_frames(self.AppF(answers, masks, following, later), self.radius)


def _of_frames(pair: tuple[Tensor, Tensor], radius: int) -> Tensor:
    """Maps [n, c, s, h, w] of both kinds → displacements [n, 2, s, h, w]."""
    return sequences_of(displacement(frames_of(pair[0]), frames_of(pair[1]), radius), pair[0].shape[0])


def side_by_side(frames: Arrays) -> Arrays:
    """Answers T×4×96×48 as 4×T×96×48, and silhouettes T×96×48. Raises ConfigError for other sizes."""
    answers, silhouettes = frames
    if answers.shape[1:] != (CHANNELS, *SIZE) or silhouettes.shape[1:] != SIZE:
        found = " and ".join("×".join(map(str, array.shape[1:])) for array in frames)
        raise ConfigError(f"denoisinggait takes diffusion features of 4×96×48 and silhouettes of 96×48, not {found}.")
    return answers.transpose(1, 0, 2, 3), silhouettes


DENOISINGGAIT = Model(
    name="denoisinggait",
    title="DenoisingGait",
    paper="Jin et al., CVPR 2025",
    network=DenoisingGait,
    architecture=Architecture,
    golden=("denoisinggait",),
    needs=(Modality.DIFFUSION, Modality.SILHOUETTES),
    prepare=side_by_side,
    motion=True,
    size=SIZE,
)
