"""A video transformer whose attention stays in windows that shift from block to block (Liu et al., CVPR 2022).

Named and shaped as in OpenGait's SwinGait checkpoints. Tokens lie channels-last here: [n, s, h, w, c].
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pipeline.recognition.layers.silhouettes import named

Size = tuple[int, int, int]  # frames, rows, columns

WINDOW: Size = (3, 3, 5)
_HIDDEN = 4  # the perceptron is so many times wider inside
_SKIPPED = 0.1  # of the sequences of a batch in training, what the last block's branches leave out; the first's nothing


def _window_and_shift(size: Size, shifted: bool) -> tuple[Size, Size]:
    """A side that is no longer than its window has one window, and nothing to shift."""
    fits = [side <= most for side, most in zip(size, WINDOW, strict=True)]
    window = [side if fit else most for side, most, fit in zip(size, WINDOW, fits, strict=True)]
    shift = [most // 2 if shifted and not fit else 0 for most, fit in zip(WINDOW, fits, strict=True)]
    return cast(Size, tuple(window)), cast(Size, tuple(shift))


def _windows(x: Tensor, window: Size) -> Tensor:
    """[n, s, h, w, c] → [n · windows, tokens of a window, c]; the sides are multiples of the window's."""
    n, s, h, w, c = x.shape
    (d, i, j) = window
    x = x.reshape(n, s // d, d, h // i, i, w // j, j, c)
    return x.permute(0, 1, 3, 5, 2, 4, 6, 7).reshape(-1, d * i * j, c)


def _together(x: Tensor, window: Size, n: int, size: Size) -> Tensor:
    """The way back: [n · windows, tokens, c] → [n, s, h, w, c]."""
    (s, h, w), (d, i, j) = size, window
    x = x.reshape(n, s // d, h // i, w // j, d, i, j, -1)
    return x.permute(0, 1, 4, 2, 5, 3, 6, 7).reshape(n, s, h, w, -1)


def _strangers(size: Size, window: Size, shift: Size, device: torch.device) -> Tensor:
    """[windows, 1, tokens, tokens]: −100 where two tokens of a window are neighbours only because of the shift."""
    region = torch.zeros((1, *size, 1), device=device)
    for axis, (side, most, step) in enumerate(zip(size, window, shift, strict=True), start=1):
        if step:  # three stretches: before the last window, its part that stayed, and what came round from the start
            place = torch.arange(side, device=device)
            stretch = (place >= side - most).float() + (place >= side - step).float()
            region = region * 3 + stretch.view([-1 if i == axis else 1 for i in range(5)])
    tokens = _windows(region, window).squeeze(-1)
    return ((tokens[:, None, :] != tokens[:, :, None]).float() * -100)[:, None]


class WindowAttention(nn.Module):
    """Attention among the tokens of a window, [windows, tokens, c] → the same, with a bias by relative position."""

    def __init__(self, channels: int, heads: int, window: Size = WINDOW) -> None:
        super().__init__()
        self.heads = heads
        spans = [2 * side - 1 for side in window]
        table = torch.empty(spans[0] * spans[1] * spans[2], heads)
        self.relative_position_bias_table = nn.Parameter(nn.init.trunc_normal_(table, std=0.02))
        places = torch.stack(torch.meshgrid(*map(torch.arange, window), indexing="ij")).flatten(1)
        apart = places[:, :, None] - places[:, None, :] + torch.tensor(window).view(3, 1, 1) - 1
        index = (apart[0] * spans[1] + apart[1]) * spans[2] + apart[2]
        self.register_buffer("relative_position_index", index)
        self.relative_position_index: Tensor
        self.qkv = nn.Linear(channels, 3 * channels)
        self.proj = nn.Linear(channels, channels)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """mask: [windows, 1, tokens, tokens], added to the scores; None: all tokens see each other."""
        b, t, c = x.shape
        q, k, v = self.qkv(x).reshape(b, t, 3, self.heads, c // self.heads).permute(2, 0, 3, 1, 4)
        scores = (q * (c // self.heads) ** -0.5) @ k.transpose(-2, -1)
        index = self.relative_position_index[:t, :t].reshape(-1)
        scores = scores + self.relative_position_bias_table[index].reshape(t, t, -1).permute(2, 0, 1)
        if mask is not None:
            scores = (scores.reshape(-1, *mask.shape[:1], self.heads, t, t) + mask).reshape(b, self.heads, t, t)
        mixed = (scores.softmax(-1) @ v).transpose(1, 2).reshape(b, t, c)
        return cast(Tensor, self.proj(mixed))


def _for_some(x: Tensor, skipped: float) -> Tensor:
    """Stochastic depth (Huang et al., ECCV 2016): 0 for so large a share of the sequences [n, …], the others larger."""
    kept = torch.rand(len(x), *[1] * (x.ndim - 1), device=x.device) >= skipped
    return x * kept / (1 - skipped)


class SwinBlock(nn.Module):
    """Attention in windows, then a perceptron, each around a shortcut: [n, s, h, w, c] → the same.

    skipped: the share of sequences that see nothing of a branch in training.
    """

    def __init__(self, channels: int, heads: int, shifted: bool, skipped: float = 0.0) -> None:
        super().__init__()
        self.shifted, self.skipped = shifted, skipped
        self.norm1 = nn.LayerNorm(channels)
        self.attn = WindowAttention(channels, heads)
        self.norm2 = nn.LayerNorm(channels)
        self.mlp = named(
            fc1=nn.Linear(channels, _HIDDEN * channels), act=nn.GELU(), fc2=nn.Linear(_HIDDEN * channels, channels)
        )

    def forward(self, x: Tensor) -> Tensor:
        x = x + self._branch(self._attended(self.norm1(x)))
        return x + self._branch(self.mlp(self.norm2(x)))

    def _branch(self, x: Tensor) -> Tensor:
        return _for_some(x, self.skipped) if self.training and self.skipped else x

    def _attended(self, x: Tensor) -> Tensor:
        n, s, h, w, _ = x.shape
        window, shift = _window_and_shift((s, h, w), self.shifted)
        more = [-side % step for side, step in zip((s, h, w), window, strict=True)]
        x = F.pad(x, (0, 0, 0, more[2], 0, more[1], 0, more[0]))
        size = cast(Size, tuple(x.shape[1:4]))
        mask = None
        if any(shift):
            x = x.roll([-step for step in shift], (1, 2, 3))
            mask = _strangers(size, window, shift, x.device)
        x = _together(self.attn(_windows(x, window), mask), window, n, size)
        if any(shift):
            x = x.roll(shift, (1, 2, 3))
        return x[:, :s, :h, :w]


class SwinStage(nn.Module):
    """Some blocks, every second one shifted; with `widen`, twice the channels behind them."""

    def __init__(self, channels: int, skipped: Sequence[float], heads: int, widen: bool) -> None:
        """skipped: a number for every block, see SwinBlock."""
        super().__init__()
        self.blocks = nn.ModuleList(SwinBlock(channels, heads, i % 2 == 1, share) for i, share in enumerate(skipped))
        self.downsample = (
            nn.Sequential(nn.LayerNorm(channels), nn.Linear(channels, 2 * channels, bias=False)) if widen else None
        )

    def forward(self, x: Tensor) -> Tensor:
        for block in self.blocks:
            x = block(x)
        return x if self.downsample is None else cast(Tensor, self.downsample(x))


class PatchEmbedding(nn.Module):
    """2×2 pixels of a frame to one token: [n, c, s, h, w] → [n, s, h/2, w/2, c']."""

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        self.proj = nn.Conv3d(in_channels, channels, (1, 2, 2), (1, 2, 2))
        self.norm = nn.LayerNorm(channels)

    def forward(self, x: Tensor) -> Tensor:
        return cast(Tensor, self.norm(self.proj(x).permute(0, 2, 3, 4, 1)))


class SwinTransformer3D(nn.Module):
    """[n, in_channels, s, h, w] → [n, c, s, h/2, w/2], where c is twice the channels for every stage but the last."""

    def __init__(self, in_channels: int, channels: int, depths: Sequence[int], heads: Sequence[int]) -> None:
        super().__init__()
        self.patch_embed = PatchEmbedding(in_channels, channels)
        last = len(depths) - 1
        blocks = iter(range(sum(depths)))
        skipped = [[_SKIPPED * next(blocks) / max(1, sum(depths) - 1) for _ in range(depth)] for depth in depths]
        self.layers = nn.ModuleList(
            SwinStage(channels * 2**i, shares, heads[i], widen=i < last) for i, shares in enumerate(skipped)
        )
        self.channels = channels * 2**last
        self.norm = nn.LayerNorm(self.channels)

    def forward(self, x: Tensor) -> Tensor:
        x = self.patch_embed(x)
        for layer in self.layers:
            x = layer(x)
        return cast(Tensor, self.norm(x).permute(0, 4, 1, 2, 3))
