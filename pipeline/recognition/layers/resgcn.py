"""ResGCN (Song et al., "Stronger, Faster and More Explainable", ACM MM 2020), the backbone of GaitGraph 1 and 2."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, cast

import torch
from torch import Tensor, nn

from pipeline.recognition.layers import shapes
from pipeline.recognition.layers.graph_inputs import Place
from pipeline.recognition.layers.graphs import ResGCNBlock, adjacency
from pipeline.skeletons import BY_JOINTS


def _shown(weights: shapes.Weights) -> dict[str, Any]:
    """The fields of ResGCNArchitecture, by tensors named as here below `ResGCN.`; none without the channels."""
    branch = shapes.widths(weights, r"ResGCN\.head\.0\.layers\.(\d+)\.tcn\.(?:bn|bn_up)\.weight")
    stream = shapes.widths(weights, r"ResGCN\.backbone\.(\d+)\.tcn\.(?:bn|bn_up)\.weight")
    inputs = shapes.side("ResGCN.head.0.bn.weight", 1, 0)(weights)
    joints = shapes.side("ResGCN.head.0.A", 3, 1)(weights)
    narrow = shapes.side("ResGCN.backbone.0.scn.conv_down.weight", 4, 0)(weights)
    if not (branch and stream and inputs):
        return {}
    return {
        "branches": len({match[1] for key in weights if (match := re.match(r"ResGCN\.head\.(\d+)\.", key))}),
        "branch": (inputs, *branch),
        "stream": (branch[-1], *stream),
        "reduction": stream[0] // narrow if narrow else None,
        "joints": joints if joints in BY_JOINTS else None,
        "out_channels": shapes.side("ResGCN.fcn.weight", 2, 0)(weights),
    }


def _shown_field(name: str, default: Any) -> Any:
    return shapes.shown(default, lambda weights: _shown(weights).get(name))


@dataclass(frozen=True, slots=True)
class ResGCNArchitecture(shapes.Architecture):
    """branch, stream: channels before and after every block of an input branch and of the main stream.

    reduction: of the bottlenecks' inner channels. joints: 17 (COCO) or 18 (OpenPose). placed: every sequence is moved
    and scaled to where the people of the training were.
    """

    branches: int = _shown_field("branches", 3)
    branch: Sequence[int] = _shown_field("branch", (5, 64, 32))
    stream: Sequence[int] = _shown_field("stream", (32, 128, 256))
    reduction: int = _shown_field("reduction", 8)
    joints: int = _shown_field("joints", 17)
    out_channels: int = _shown_field("out_channels", 128)
    placed: bool = False


class InputBranch(nn.Module):
    """One input (joints, velocities or bones): [n, c, t, v] → [n, branch[-1], t, v]."""

    A: Tensor

    def __init__(self, a: ResGCNArchitecture) -> None:
        super().__init__()
        self.register_buffer("A", adjacency(BY_JOINTS[a.joints]))
        self.bn = nn.BatchNorm2d(a.branch[0])
        self.layers = nn.ModuleList(
            ResGCNBlock(inner, outer, a.joints, a.reduction if place else None, stride=1)
            for place, (inner, outer) in enumerate(pairwise(a.branch))
        )

    def forward(self, x: Tensor) -> Tensor:
        x = self.bn(x)
        for layer in self.layers:
            x = layer(x, self.A)
        return x


class ResGCN(nn.Module):
    """Every input through a branch of its own, then together: [n, branches, c, t, v] → [n, out_channels]."""

    def __init__(self, a: ResGCNArchitecture) -> None:
        super().__init__()
        self.head = nn.ModuleList(InputBranch(a) for _ in range(a.branches))
        channels = (a.stream[0] * a.branches, *a.stream[1:])
        self.backbone = nn.ModuleList(
            ResGCNBlock(inner, outer, a.joints, a.reduction, stride=1 if inner == outer else 2)
            for inner, outer in pairwise(channels)
        )
        self.fcn = nn.Linear(a.stream[-1], a.out_channels)

    def place(self) -> Place:
        """Where the people of the training were, as the normalisation of x and y remembers."""
        norm = cast(InputBranch, self.head[0]).bn
        assert norm.running_mean is not None and norm.running_var is not None  # it tracks them
        return Place(norm.running_mean[:2], norm.running_var[1].sqrt())

    def features(self, x: Tensor) -> Tensor:
        """What is averaged over frames and joints: [n, branches, c, t, v] → [n, stream[-1], t / 4, v]."""
        x = torch.cat([branch(x[:, place]) for place, branch in enumerate(self.head)], dim=1)
        graph = cast(InputBranch, self.head[0]).A
        for layer in self.backbone:
            x = layer(x, graph)
        return x

    def activations(self, x: Tensor) -> Tensor:
        """What every joint adds to the output, before the mean over frames and joints and without the bias.

        [n, branches, c, t, v] → [n, out_channels, t / 4, v].
        """
        return torch.einsum("kc,nctv->nktv", self.fcn.weight, self.features(x))

    def forward(self, x: Tensor) -> Tensor:
        return cast(Tensor, self.fcn(self.features(x).mean(dim=(2, 3))))


def rename_keys(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights under the names of the authors' repositories (GaitGraph, GaitGraph2) under those of OpenGait.

    The adjacency, which theirs hold twice, is kept once.
    """
    if not is_authors(weights):
        return dict(weights)
    bare = {key.removeprefix("backbone."): value for key, value in weights.items()}
    ours = {"input_branches": "head", "main_stream": "backbone", "fcn": "fcn"}
    found = {}
    for key, value in bare.items():
        first, dot, rest = key.partition(".")
        if key != "A":
            found[f"ResGCN.{ours.get(first, first)}{dot}{rest}"] = value
    return found


def is_authors(weights: Mapping[str, Tensor]) -> bool:
    """Whether the weights bear the names of the authors' repositories."""
    return any(key.removeprefix("backbone.").startswith("input_branches.") for key in weights)
