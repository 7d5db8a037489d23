"""The Baseline of OpenGait's first releases (Fan et al., CVPR 2023): GaitBase's head behind plain convolutions.

Their chain has neither shortcuts nor batch normalisation, and the parts are those of a pyramid.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.recognition.layers import shapes
from pipeline.recognition.layers.silhouettes import HorizontalPooling, Plain, SeparateFCs, SetBlock
from pipeline.recognition.model import Model
from pipeline.recognition.models.gaitbase_network import GaitBase
from pipeline.recognition.network import GaitNetwork, necks

_STEP = 2  # places of a convolution and its activation in the chain; a pooling has one
_CONVOLUTION = re.compile(r"Backbone\.forward_block\.feature\.(\d+)\.conv\.weight")


def _chain(weights: shapes.Weights) -> tuple[str, ...] | None:
    """Read the layers off the places that convolutions have in the chain; what is between two is a pooling."""
    found = {int(match[1]): weights[key].shape[0] for key in weights if (match := _CONVOLUTION.fullmatch(key))}
    layers, following = [], 0
    for place in sorted(found):
        if place - following not in (0, 1):
            return None
        layers += ["M"] * (place - following) + [f"BC-{found[place]}"]
        following = place + _STEP
    return tuple(layers) or None


@dataclass(frozen=True, slots=True)
class Architecture(shapes.Architecture):
    """The defaults are those for CASIA-B."""

    in_channels: int = shapes.shown(1, shapes.side("Backbone.forward_block.feature.0.conv.weight", 4, 1))
    layers: Sequence[str] = shapes.shown(("BC-64", "BC-64", "M", "BC-128", "BC-128", "M", "BC-256", "BC-256"), _chain)
    bins: Sequence[int] = (16, 8, 4, 2, 1)
    out_channels: int = shapes.shown(256, shapes.OUT_CHANNELS)
    classes: int = shapes.shown(74, shapes.CLASSES)


class Baseline(GaitBase):
    """Silhouettes [n, in_channels, s, h, w] in 0–1 to embeddings [n, out_channels, sum of bins]."""

    def __init__(self, architecture: Architecture, head: bool = True) -> None:
        GaitNetwork.__init__(self, architecture, head)  # not GaitBase's, which would build its residual network
        a, parts = architecture, sum(architecture.bins)
        backbone = Plain(a.in_channels, a.layers)
        self.Backbone = SetBlock(backbone)
        self.HPP = HorizontalPooling(a.bins)
        self.FCs = SeparateFCs(parts, backbone.channels, a.out_channels)
        self.BNNecks = necks(parts, a.out_channels, a.classes, head)


BASELINE = Model(
    name="baseline",
    title="Baseline with a plain backbone, of OpenGait's first releases",
    paper="Fan et al., CVPR 2023",
    network=Baseline,
    architecture=Architecture,
)
