"""BiggerGait (Ye et al., "BiggerGait: Unlocking Gait Recognition with Layer-wise Representations", NeurIPS 2025).

Every layer of DINOv2 says something else of a walk. Layers go in groups; each group becomes 16 maps of the body, and
goes through a GaitBase, which groups may share. Their parts stand side by side in the embedding.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pipeline.recognition.layers import dinov2, shapes
from pipeline.recognition.layers.dinov2 import DINOv2, plain_norm
from pipeline.recognition.layers.silhouettes import HorizontalPooling, SeparateBNNecks, SeparateFCs
from pipeline.recognition.model import Model
from pipeline.recognition.models.biggait import (
    CROP,
    MAPS,
    STAGES,
    Branch,
    Standardised,
    channels_first,
    corrected,
    frames_of,
    sequences_of,
    stem,
    trunk,
)
from pipeline.recognition.network import PooledNetwork, necks
from pipeline.types import Modality

BODY = 1  # the channel of the mask branch that is the body
_MOST = 24  # heads of whose training parts the names are known
_FIRST = r"Gait_Net\.real_gait\.0\.\w+"
_GROUP = re.compile(r"Gait_Net\.Gait_List\.(\d+)\.(.*)")


def _heads(weights: shapes.Weights) -> tuple[int, ...] | None:
    """The head of every group: OpenGait's files hold a head once more for each of its groups."""
    groups = len({key for key in weights if re.fullmatch(r"HumanSpace_Conv\.\d+\.1\.weight", key)})
    own = [weights.get(f"Gait_Net.Gait_List.{group}.FCs.fc_bin") for group in range(groups)]
    distinct, found = list[Tensor](), list[int]()
    for one in own:
        if one is None or one.is_meta:
            break
        found.append(next((i for i, other in enumerate(distinct) if torch.equal(one, other)), len(distinct)))
        if found[-1] == len(distinct):
            distinct.append(one)
    heads = len({key for key in weights if re.fullmatch(r"Gait_Net\.real_gait\.\d+\.FCs\.fc_bin", key)})
    if len(found) < groups and heads:  # shared evenly, as OpenGait builds them
        found = [group * heads // groups for group in range(groups)]
    return tuple(found) or None


@dataclass(frozen=True, slots=True)
class Architecture(dinov2.Architecture):
    """heads: for each group of layers, the number of its head. maps: that a group becomes."""

    heads: Sequence[int] = shapes.shown((0, 0, 0, 1, 1, 1), _heads)
    maps: int = shapes.shown(16, shapes.side("HumanSpace_Conv.0.4.weight", 4, 0))
    channels: Sequence[int] = shapes.shown((64, 128, 256, 512), shapes.channels(_FIRST + STAGES))
    layers: Sequence[int] = shapes.shown((1, 1, 1, 1), shapes.layers(_FIRST + STAGES))
    strides: Sequence[int] = (1, 2, 1, 1)
    parts: int = shapes.shown(32, shapes.side("Gait_Net.real_gait.0.FCs.fc_bin", 3, 0))
    out_channels: int = shapes.shown(256, shapes.side("Gait_Net.real_gait.0.FCs.fc_bin", 3, 2))
    classes: int = shapes.shown(100, shapes.side("Gait_Net.real_gait.0.BNNecks.fc_bin", 3, 2))


class Head(nn.Module):
    """GaitBase on the maps of a group."""

    def __init__(self, a: Architecture, head: bool) -> None:
        super().__init__()
        self.pre_rgb = stem(a.maps, a.channels[0], a.layers[0], a.strides[0])
        self.post_backbone = trunk(a.channels, a.layers, a.strides)
        self.FCs = SeparateFCs(a.parts, a.channels[3], a.out_channels)
        self.BNNecks = necks(a.parts, a.out_channels, a.classes, head)


class SharedHeads(nn.Module):
    """The heads, and which group goes through which; `forward` and `normalised` are those of their BNNecks."""

    def __init__(self, a: Architecture, head: bool) -> None:
        super().__init__()
        self.real_gait = nn.ModuleList(Head(a, head) for _ in range(max(a.heads) + 1))
        self.heads, self.pool = tuple(a.heads), HorizontalPooling((a.parts,))

    def of_groups(self) -> list[Head]:
        return [cast(Head, self.real_gait[head]) for head in self.heads]

    def maps(self, groups: Sequence[Tensor]) -> Tensor:
        """The maps [n, c, s, h, w] of every group → those behind their heads, one after another along the channels."""
        pairs = zip(self.of_groups(), groups, strict=True)
        return torch.cat([head.post_backbone(head.pre_rgb(maps)) for head, maps in pairs], dim=1)

    def embed(self, pooled: Tensor) -> Tensor:
        """The same pooled over time, [n, groups · c, h, w] → embeddings [n, c', groups · parts]."""
        pairs = zip(self.of_groups(), pooled.chunk(len(self.heads), 1), strict=True)
        return torch.cat([head.FCs(self.pool(maps)) for head, maps in pairs], dim=-1)

    def normalised(self, embeddings: Tensor) -> Tensor:
        pairs = zip(self.of_groups(), embeddings.chunk(len(self.heads), -1), strict=True)
        return torch.cat([head.BNNecks.normalised(parts) for head, parts in pairs], dim=-1)

    def forward(self, embeddings: Tensor) -> tuple[Tensor, Tensor]:
        pairs = zip(self.of_groups(), embeddings.chunk(len(self.heads), -1), strict=True)
        features, logits = zip(*(head.BNNecks(parts) for head, parts in pairs), strict=True)
        return torch.cat(features, dim=-1), torch.cat(logits, dim=-1)


def human_space(in_channels: int, hidden: int, maps: int) -> nn.Sequential:
    """What a group of layers says of every patch, as maps in 0–1: [b, c, h, w] → [b, maps, 64, 32]."""
    return nn.Sequential(
        Standardised(in_channels),
        nn.Conv2d(in_channels, hidden, 1),
        Standardised(hidden),
        nn.GELU(),
        nn.Conv2d(hidden, maps, 1),
        nn.Upsample(MAPS, mode="bilinear", align_corners=False),
        Standardised(maps),
        nn.Sigmoid(),
    )


class BiggerGait(PooledNetwork):
    """Pictures [n, 3, s, h, w], RGB in 0–1, to embeddings [n, out_channels, groups · parts]; bodies: as in BigGait."""

    HEAD: ClassVar[tuple[str, ...]] = tuple(
        f"Gait_Net.{where}.{i}.BNNecks.fc_bin" for where in ("real_gait", "Gait_List") for i in range(_MOST)
    )

    def __init__(self, architecture: Architecture, head: bool = True) -> None:
        super().__init__(architecture, head)
        a, groups = architecture, len(architecture.heads)
        if a.blocks % groups:
            raise ValueError(f"{a.blocks} layers cannot be divided into {groups} groups")
        self.Backbone = DINOv2(a)
        self.Mask_Branch = Branch(a.width, 2, up=True)
        inputs = a.blocks // groups * a.width
        self.HumanSpace_Conv = nn.ModuleList(human_space(inputs, a.width // 2, a.maps) for _ in range(groups))
        self.Gait_Net = SharedHeads(a, head)

    @property
    def BNNecks(self) -> SeparateBNNecks:  # type: ignore[override]  # noqa: N802 - of all groups, in one
        return cast(SeparateBNNecks, self.Gait_Net)

    @classmethod
    def rename_keys(cls, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Each head once: one that is another than its group's keeps its name, and is refused by it."""
        found, heads = dict[str, Tensor](), _heads(weights) or ()
        for key, value in weights.items():
            name, there = key, value
            if (match := _GROUP.fullmatch(key)) and int(match[1]) < len(heads):
                name = f"Gait_Net.real_gait.{heads[int(match[1])]}.{match[2]}"
                there = weights.get(name, found.get(name, value))
            same = there is value or value.is_meta or there.is_meta or torch.equal(value, there)
            found[name if same else key] = there if same else value
        return dinov2.rename_backbone(found, "Backbone.")

    @classmethod
    def further_files(cls, path: Path) -> dict[str, Path]:
        return dinov2.file_beside(path)

    def embed(self, pooled: Tensor) -> Tensor:
        return self.Gait_Net.embed(pooled)

    def maps(self, pictures: Tensor, *others: Tensor) -> Tensor:
        _, groups = self.found(frames_of(pictures), *(body.reshape(-1, 1, *MAPS) for body in others))
        return self.Gait_Net.maps([sequences_of(maps, pictures.shape[0]) for maps in groups])

    def found(self, pictures: Tensor, *bodies: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Of pictures [b, 3, h, w]: the body [b, 1, 64, 32], 0 or 1, and the maps of every group, 0 outside."""
        said = self.Backbone(pictures)
        shares = self.Mask_Branch(self.Backbone.as_map(plain_norm(said[-1])))
        body = (shares[:, BODY : BODY + 1] > 0.5).to(shares)
        body = (F.interpolate(body, MAPS, mode="bilinear", align_corners=False) > 0.5).to(shares)
        body = corrected(body, *bodies)
        groups = self.Backbone.as_map(plain_norm(torch.cat(said, dim=-1))).chunk(len(self.HumanSpace_Conv), 1)
        return body, [space(maps) * body for space, maps in zip(self.HumanSpace_Conv, groups, strict=True)]


BIGGERGAIT = Model(
    name="biggergait",
    title="BiggerGait (DINOv2; 12 heads, groups)",
    paper="Ye et al., NeurIPS 2025",
    network=BiggerGait,
    architecture=Architecture,
    golden=("biggergait_dinov2", "biggergait_dinov2_group"),
    needs=(Modality.RGB, Modality.BODIES),
    optional=(Modality.BODIES,),
    prepare=channels_first,
    size=CROP,
)
