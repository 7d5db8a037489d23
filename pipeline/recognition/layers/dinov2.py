"""DINOv2's vision transformer (Oquab et al., "DINOv2: Learning Robust Visual Features without Supervision", TMLR 2024).

Named and shaped as in Meta's own files. The names of Hugging Face's (transformers 4 and 5) are translated. A file that
is named as one of BESIDE and lies beside a checkpoint gives the transformer, where the checkpoint holds none.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pipeline.recognition.layers import shapes
from pipeline.recognition.layers.silhouettes import named

PATCH = 14  # pixels of a token's side
BESIDE = ("dinov2_vits14_pretrain.pth", "dinov2-small.safetensors")
EPSILON = 1e-6
_OTHER = "dinov2."  # how the keys of a file beside the checkpoint begin here
_HEAD_WIDTH = 64  # channels of an attention head, in all of Meta's sizes
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet, by which pictures are normalised
_NAMES = (  # a pattern of Hugging Face's names, and Meta's
    (r"embeddings\.(cls_token|mask_token)", r"\1"),
    (r"embeddings\.position_embeddings", "pos_embed"),
    (r"embeddings\.patch_embeddings\.projection", "patch_embed.proj"),
    (r"(?:encoder\.)?layers?\.(\d+)\.", r"blocks.\1."),
    (r"attention\.(?:output\.dense|o_proj)", "attn.proj"),
    (r"attention\.(?:attention\.)?(?:query|q_proj)", "attn.q"),
    (r"attention\.(?:attention\.)?(?:key|k_proj)", "attn.k"),
    (r"attention\.(?:attention\.)?(?:value|v_proj)", "attn.v"),
    (r"layer_scale([12])\.lambda1", r"ls\1.gamma"),
    (r"^layernorm\.", "norm."),
)


def _width(weights: shapes.Weights) -> int | None:
    return next((value.shape[-1] for key, value in weights.items() if key.endswith("cls_token") and value.ndim), None)


def _blocks(weights: shapes.Weights) -> int | None:
    pattern = re.compile(r"(?i:backbone|dinov2)\.(?:blocks|(?:encoder\.)?layers?)\.(\d+)\.")
    return len({match[1] for key in weights if (match := pattern.match(key))}) or None


def _table(weights: shapes.Weights) -> int | None:
    ends = ("pos_embed", "position_embeddings")
    found = next((value for key, value in weights.items() if key.endswith(ends) and value.ndim == 3), None)
    return math.isqrt(max(0, found.shape[1] - 1)) if found is not None else None


@dataclass(frozen=True, slots=True)
class Architecture(shapes.Architecture):
    """The defaults are those of ViT-S/14. table: tokens on a side of the pictures that it was trained with.

    image: height and width to which every picture is stretched.
    """

    width: int = shapes.shown(384, _width)
    blocks: int = shapes.shown(12, _blocks)
    table: int = shapes.shown(37, _table)
    image: Sequence[int] = (448, 224)


class Block(nn.Module):
    """Attention among all tokens, then a perceptron, each scaled and around a shortcut: [b, tokens, c] → the same."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.heads = max(1, width // _HEAD_WIDTH)
        if width % self.heads:
            raise ValueError(f"{width} channels cannot be divided among {self.heads} heads")
        self.norm1, self.norm2 = nn.LayerNorm(width, EPSILON), nn.LayerNorm(width, EPSILON)
        self.attn = nn.ModuleDict({"qkv": nn.Linear(width, 3 * width), "proj": nn.Linear(width, width)})
        self.mlp = named(fc1=nn.Linear(width, 4 * width), act=nn.GELU(), fc2=nn.Linear(4 * width, width))
        self.ls1, self.ls2 = (nn.ParameterDict({"gamma": torch.ones(width)}) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.ls1["gamma"] * self._attended(self.norm1(x))
        return cast(Tensor, x + self.ls2["gamma"] * self.mlp(self.norm2(x)))

    def _attended(self, x: Tensor) -> Tensor:
        b, t, c = x.shape
        q, k, v = self.attn["qkv"](x).reshape(b, t, 3, self.heads, c // self.heads).permute(2, 0, 3, 1, 4)
        return cast(Tensor, self.attn["proj"](F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(b, t, c)))


class DINOv2(nn.Module):
    """Pictures [b, 3, h, w], RGB in 0–1, to what each block says of the class and of every patch, [b, 1 + tokens, c].

    more: added to the number of tokens on a side when the table of positions is scaled, as Meta does (0.1); Hugging
    Face's adds nothing, and gets another table.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, architecture: Architecture, more: float = 0.0) -> None:
        super().__init__()
        a = architecture
        self.size, self.table, self.more = tuple(a.image), a.table, more
        self.cls_token = nn.Parameter(torch.zeros(1, 1, a.width))
        self.mask_token = nn.Parameter(torch.zeros(1, a.width))  # for its training only
        self.pos_embed = nn.Parameter(torch.zeros(1, a.table**2 + 1, a.width))
        self.patch_embed = named(proj=nn.Conv2d(3, a.width, PATCH, PATCH))
        self.blocks = nn.ModuleList(Block(a.width) for _ in range(a.blocks))
        self.norm = nn.LayerNorm(a.width, EPSILON)
        self.register_buffer("mean", torch.tensor(MEAN).view(3, 1, 1), persistent=False)
        self.register_buffer("deviation", torch.tensor(DEVIATION).view(3, 1, 1), persistent=False)

    @property
    def tokens(self) -> tuple[int, int]:
        """Rows and columns of patches."""
        return self.size[0] // PATCH, self.size[1] // PATCH

    def forward(self, pictures: Tensor) -> list[Tensor]:
        normal = (pictures - self.mean) / self.deviation
        patches = self.patch_embed(F.interpolate(normal, self.size, mode="bilinear", align_corners=False))
        x = torch.cat([self.cls_token.expand(pictures.shape[0], -1, -1), patches.flatten(2).transpose(1, 2)], dim=1)
        x, said = x + self.positions(), []
        for block in self.blocks:
            x = block(x)
            said.append(x)
        return said

    def positions(self) -> Tensor:
        """The table of positions, scaled to the rows and columns of these pictures: [1, 1 + tokens, c]."""
        grid = self.pos_embed[:, 1:].reshape(1, self.table, self.table, -1).permute(0, 3, 1, 2)
        if self.more:
            factors = tuple((side + self.more) / self.table for side in self.tokens)
            grid = F.interpolate(grid, scale_factor=factors, mode="bicubic", align_corners=False)
        else:
            grid = F.interpolate(grid, self.tokens, mode="bicubic", align_corners=False)
        return torch.cat([self.pos_embed[:, :1], grid.flatten(2).transpose(1, 2)], dim=1)

    def as_map(self, x: Tensor) -> Tensor:
        """What is said of the class and of the patches [b, 1 + tokens, c] → a map of the patches [b, c, h, w]."""
        return x[:, 1:].transpose(1, 2).reshape(-1, int(x.shape[-1]), *self.tokens)


def plain_norm(x: Tensor) -> Tensor:
    """Layer normalisation without learnt factors, over the last axis."""
    return F.layer_norm(x, (int(x.shape[-1]),), eps=EPSILON)


def file_beside(path: Path) -> dict[str, Path]:
    """For `GaitNetwork.further_files`: the transformer's own file beside the checkpoint, if there is one."""
    there = [file for name in BESIDE if (file := path.with_name(name)) != path and file.is_file()]
    return {_OTHER: there[0]} if there else {}


def rename_backbone(weights: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The weights with Meta's names below `prefix`, wherever the transformer comes from; the others as they are."""
    begin = prefix if any(key.startswith(prefix) for key in weights) else _OTHER
    found, attention = dict[str, Tensor](), dict[str, dict[str, Tensor]]()
    for key, value in weights.items():
        if not key.startswith(begin):
            found[key] = value
            continue
        name = reduce(lambda name, pair: re.sub(pair[0], pair[1], name), _NAMES, key.removeprefix(begin))
        if match := re.fullmatch(r"(.*\.attn\.)([qkv])(\..*)", name):
            attention.setdefault(f"{prefix}{match[1]}qkv{match[3]}", {})[match[2]] = value
        else:
            found[prefix + name] = value
    for key, three in attention.items():  # of hostile shapes none is made, and the key is missed by its name
        if len(three) == 3 and len({value.shape for value in three.values()}) == 1 and three["q"].ndim:
            found[key] = torch.cat([three[one] for one in "qkv"])
    return found
