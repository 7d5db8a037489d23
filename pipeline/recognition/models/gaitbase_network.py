"""GaitBase in torch, with the keys of OpenGait's checkpoints ({'model', 'optimizer', …}): for training and for GPUs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from torch import Tensor

from pipeline.recognition.layers.gaitbase import Architecture
from pipeline.recognition.layers.silhouettes import HorizontalPooling, ResNet9, SeparateFCs, SetBlock, temporal_max
from pipeline.recognition.network import GaitNetwork, load_network, necks


class GaitBase(GaitNetwork):
    """Silhouettes to embeddings; the attribute names are the keys of OpenGait's checkpoints."""

    def __init__(self, architecture: Architecture, head: bool = True) -> None:
        super().__init__(architecture, head)
        a = architecture
        self.Backbone = SetBlock(ResNet9(a.channels, a.layers, a.strides, a.maxpool, a.in_channels))
        self.HPP = HorizontalPooling((a.parts,))
        self.FCs = SeparateFCs(a.parts, a.channels[3], a.out_channels)
        self.BNNecks = necks(a.parts, a.out_channels, a.classes, head)

    def forward(self, silhouettes: Tensor, lengths: Sequence[int] | None = None) -> Tensor:
        """[n, 1, s, h, w] in 0–1 → embeddings [n, out_channels, parts]; `lengths` as in `temporal_max`."""
        return self.embed(temporal_max(self.Backbone(silhouettes), lengths))

    def embed(self, pooled: Tensor) -> Tensor:
        """Feature maps pooled over time [n, c, h, w] → embeddings [n, out_channels, parts]."""
        return cast(Tensor, self.FCs(self.HPP(pooled)))


def load_gaitbase(path: Path, card: Mapping[str, Any] | None = None, head: bool = False) -> GaitBase:
    """`load_network` for GaitBase."""
    return load_network(GaitBase, Architecture, path, card, head)
