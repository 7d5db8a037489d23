"""GPGait (Fu et al., "GPGait: Generalized Pose-based Gait Recognition", ICCV 2023).

Every pose is given one height and moved to its neck. Joints, bones and the angles at the joints go through a branch of
graph convolutions each, which see the body whole and in two or three parts. Reference: BNU-IVC/FastPoseGait.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pipeline.recognition.layers import shapes
from pipeline.recognition.layers.graph_inputs import as_joints, human_oriented
from pipeline.recognition.layers.graphs import SPATIAL_HOPS, adjacency, shortcut
from pipeline.recognition.layers.silhouettes import SeparateFCs
from pipeline.recognition.model import Model
from pipeline.recognition.network import GaitNetwork, necks
from pipeline.skeletons import COCO17
from pipeline.types import Modality

HEAD, ARMS, LEGS = range(5), range(5, 11), range(11, 17)  # joints of COCO's skeleton
LIMBS = ((5, 7, 9), (6, 8, 10), (11, 13, 15), (12, 14, 16))
WHOLE = "backbone"
PARTS = {  # the ways that a body is divided, by the names in checkpoints
    "part_2": ((*HEAD, *ARMS), LEGS),
    "part_2_2": (ARMS, (*HEAD, *LEGS)),
    "part_3_1": (ARMS, LEGS, HEAD),
    WHOLE: (range(17),),
}
WITHOUT_HEAD = ("part_2", WHOLE)  # those of a body that has none
INPUTS = {"pose": (2, 0), "bone": (2, 0), "angle": (1, len(HEAD))}  # branch → channels, first joint
KEYS = 4  # channels of a convolution for each of its queries and keys

Division = Sequence[Sequence[int]]  # of the joints into parts


def _widths(weights: shapes.Weights, where: str) -> tuple[int, ...]:
    return shapes.widths(weights, rf"pose\.{where}\.(\d+)\.asg\.bn\.weight")


def _channels(weights: shapes.Weights) -> tuple[int, ...] | None:
    shared, apart = _widths(weights, "layer_share"), _widths(weights, WHOLE)
    return (2, *shared, *apart) if shared and apart else None


@dataclass(frozen=True, slots=True)
class Architecture(shapes.Architecture):
    """channels: before and after every block. shared: how many blocks come before the body is divided."""

    channels: Sequence[int] = shapes.shown((2, 64, 64, 128, 256), _channels)
    shared: int = shapes.shown(3, lambda weights: len(_widths(weights, "layer_share")) or None)
    classes: int = shapes.shown(74, shapes.CLASSES)


def _within(division: Division, joints: int) -> Tensor:
    """[joints, joints]: 1 where both are of one part, else 0."""
    mask = torch.zeros(joints, joints)
    for part in division:
        mask[torch.tensor(list(part))[:, None], torch.tensor(list(part))] = 1
    return mask


class PartAwareGraphConv(nn.Module):
    """A convolution for each matrix of the graph, [n, c, t, v] → [n, c', t, v].

    A matrix is the skeleton's, plus one that is learnt, plus the attention among joints in all frames together.
    """

    def __init__(self, in_channels: int, out_channels: int, graph: Tensor) -> None:
        super().__init__()
        matrices, keys = len(graph), out_channels // KEYS
        self.PA = nn.Parameter(torch.full_like(graph, 1e-6))
        self.conv_a = nn.ModuleList(nn.Conv2d(in_channels, keys, 1) for _ in range(matrices))
        self.conv_b = nn.ModuleList(nn.Conv2d(in_channels, keys, 1) for _ in range(matrices))
        self.conv_d = nn.ModuleList(nn.Conv2d(in_channels, out_channels, 1) for _ in range(matrices))
        self.bn = nn.BatchNorm2d(out_channels)

    def forward(self, x: Tensor, graph: Tensor, mask: Tensor) -> Tensor:
        """graph: [k, v, v]. mask: [v, v], of the joints that see each other."""
        convolutions = zip(self.conv_a, self.conv_b, self.conv_d, strict=True)
        found: list[Tensor] = []
        for matrix, (query, key, value) in zip(graph + self.PA, convolutions, strict=True):
            queries, keys = query(x).flatten(1, 2), key(x).flatten(1, 2)  # [n, c·t, v]
            seen = (queries.transpose(1, 2) @ keys / queries.shape[1]).softmax(dim=1)
            found.append(value(x @ ((seen + matrix) * mask).unsqueeze(1)))
        return F.mish(self.bn(torch.stack(found).sum(dim=0)))


class Block(nn.Module):
    """A graph convolution with a shortcut around it."""

    def __init__(self, in_channels: int, out_channels: int, graph: Tensor) -> None:
        super().__init__()
        self.asg = PartAwareGraphConv(in_channels, out_channels, graph)
        self.residual_s = shortcut(in_channels, out_channels, stride=1)

    def forward(self, x: Tensor, graph: Tensor, mask: Tensor) -> Tensor:
        return cast(Tensor, self.asg(x, graph, mask) + self.residual_s(x))


class Branch(nn.Module):
    """[n, c, t, v] → [n, channels[-1], p], one part after another of every division. first: the first joint."""

    graph: Tensor

    def __init__(self, channels: Sequence[int], shared: int, first: int) -> None:
        super().__init__()
        self.register_buffer("graph", adjacency(COCO17, SPATIAL_HOPS, first), persistent=False)
        joints = self.graph.shape[-1]
        self.data_bn = nn.BatchNorm1d(channels[0] * joints)
        pairs = list(pairwise(channels))
        self.layer_share = nn.ModuleList(Block(*pair, self.graph) for pair in pairs[:shared])
        self.divisions: dict[str, Division] = {
            name: [[joint - first for joint in part if joint >= first] for part in division]
            for name, division in PARTS.items()
            if not first or name in WITHOUT_HEAD
        }
        for name, division in self.divisions.items():
            self.add_module(name, nn.ModuleList(Block(*pair, self.graph) for pair in pairs[shared:]))
            self.register_buffer(f"mask_{name}", _within(division, joints), persistent=False)
        limbs = [[joint - first for joint in limb] for limb in LIMBS] + ([] if first else [list(HEAD)])
        self.register_buffer("mask_limbs", _within(limbs, joints), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        n, c, t, v = x.shape
        x = self.data_bn(x.permute(0, 3, 1, 2).reshape(n, v * c, t)).reshape(n, v, c, t).permute(0, 2, 3, 1)
        for block in self.layer_share:
            x = block(x, self.graph, self.get_buffer("mask_limbs"))
        found = []
        for name, division in self.divisions.items():
            y = x
            for block in cast(nn.ModuleList, self.get_submodule(name)):
                y = block(y, self.graph, self.get_buffer(f"mask_{name}"))
            y = y.amax(dim=2)
            found += [y[..., part].mean(dim=-1) + y[..., part].amax(dim=-1) for part in division]
        return torch.stack(found, dim=-1)


class GPGait(GaitNetwork):
    """Keypoints [n, s, joints, 3] to embeddings [n, c, 19]; the scores are not looked at."""

    def __init__(self, architecture: Architecture, head: bool = True) -> None:
        super().__init__(architecture, head)
        a = architecture
        branches = {name: Branch((given, *a.channels[1:]), a.shared, first) for name, (given, first) in INPUTS.items()}
        for name, branch in branches.items():
            self.add_module(name, branch)
        parts = sum(len(division) for branch in branches.values() for division in branch.divisions.values())
        self.head = SeparateFCs(parts, a.channels[-1], a.channels[-1])
        self.BNNecks = necks(parts, a.channels[-1], a.classes, head)

    def forward(self, keypoints: Tensor) -> Tensor:
        return self.embedded(human_oriented(as_joints(keypoints, COCO17)))

    def embedded(self, x: Tensor) -> Tensor:
        """The five channels [n, 5, s, 17] of `human_oriented` → [n, c, 19]."""
        found, channel = [], 0
        for name, (given, first) in INPUTS.items():
            found.append(self.get_submodule(name)(x[:, channel : channel + given, :, first:]))
            channel += given
        return cast(Tensor, self.head(torch.cat(found, dim=-1)))


GPGAIT = Model(
    name="gpgait",
    title="GPGait",
    paper="Fu et al., ICCV 2023",
    network=GPGait,
    architecture=Architecture,
    published="CASIA-B 81.0 (mean of three), OUMVLP 59.1, GREW 57.0, Gait3D 22.4 (authors)",
    needs=(Modality.KEYPOINTS,),
)
