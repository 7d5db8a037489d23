"""GaitSSB (Fan et al., "Learning Gait Representation from Massive Unlabelled Walking Videos: A Benchmark", TPAMI 2023).

GaitBase's backbone and a projector, trained without labels against its own predictor, whose unit vectors are the
embeddings. Fine-tuned, a part's embedding is the cosines between the projector's vector and 512 learnt directions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import torch.nn.functional as F
from torch import Tensor, nn

from pipeline.recognition.layers import shapes
from pipeline.recognition.layers.silhouettes import (
    HorizontalPooling,
    ResNet9,
    SeparateBN,
    SeparateFCs,
    SetBlock,
    temporal_max,
)
from pipeline.recognition.model import Model
from pipeline.recognition.network import GaitNetwork


@dataclass(frozen=True, slots=True)
class Architecture(shapes.ResNet9Architecture):
    """finetuned: with learnt directions behind the projector in the predictor's place."""

    bins: Sequence[int] = (16, 8, 4, 2, 1)
    finetuned: bool = shapes.shown(False, shapes.has("head0.fc_bin"))


def predictor(parts: int, channels: int) -> nn.Sequential:
    """Two linear maps a part with a ReLU between them: [n, c, p] → [n, c, p]."""
    first, second = (SeparateFCs(parts, channels, channels) for _ in range(2))
    return nn.Sequential(first, SeparateBN(parts, channels), nn.ReLU(), second)


def projector(parts: int, channels: int) -> nn.Sequential:
    """The same, batch-normalised."""
    return predictor(parts, channels).append(SeparateBN(parts, channels))


class GaitSSB(GaitNetwork):
    """Silhouettes [n, in_channels, s, h, w] in 0–1 to embeddings [n, channels[3], sum of bins]. No identities."""

    HEAD = ()

    def __init__(self, architecture: Architecture, head: bool = True) -> None:
        super().__init__(architecture, head)
        a, parts, c = architecture, sum(architecture.bins), architecture.channels[3]
        self.Backbone = SetBlock(ResNet9(a.channels, a.layers, a.strides, a.maxpool, a.in_channels))
        self.HPP = HorizontalPooling(a.bins)
        self.projector = projector(parts, c)
        if a.finetuned:
            self.head0 = SeparateFCs(parts, c, c, unit=True)
        else:
            self.predictor = predictor(parts, c)

    def projected(self, silhouettes: Tensor) -> Tensor:
        """What is compared before the predictor or the learnt directions: [n, channels[3], sum of bins]."""
        return cast(Tensor, self.projector(self.HPP(temporal_max(self.Backbone(silhouettes)))))

    def forward(self, silhouettes: Tensor) -> Tensor:
        parts = self.projected(silhouettes)
        if hasattr(self, "head0"):
            return cast(Tensor, self.head0(F.normalize(parts, dim=1)))
        return F.normalize(self.predictor(parts), dim=1)


GAITSSB = Model(
    name="gaitssb",
    title="GaitSSB (pretrained, fine-tuned)",
    paper="Fan et al., TPAMI 2023",
    network=GaitSSB,
    architecture=Architecture,
    golden=("gaitssb_pretrain", "gaitssb_finetune"),
)
