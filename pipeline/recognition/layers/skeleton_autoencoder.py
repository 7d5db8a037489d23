"""The autoencoder that takes a sequence apart into motion, body and view (see models/disentanglement.py).

A sequence is 64 frames of OpenPose's first fifteen joints, x and y: thirty rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal, NamedTuple, cast

import torch
from torch import Tensor, nn

from pipeline.recognition.layers.graph_inputs import as_joints
from pipeline.recognition.layers.silhouettes import named
from pipeline.skeletons import BODY15

FRAMES = 64
JOINTS = len(BODY15.joints)
STATIC_ROWS = 2 * (JOINTS - 1)  # of the 30 that the body and view encoders read
HEIGHT = 1.8  # from nose to ankles, in the units of the autoencoder
CODE = 128  # channels of every code

Layout = Literal["joints", "reference"]


class Codes(NamedTuple):
    """motion: [n, 128, 64]. body, view: [n, 128, 1]; their *_frames [n, 128, 64], of which those are the maximum."""

    motion: Tensor
    body: Tensor
    view: Tensor
    body_frames: Tensor
    view_frames: Tensor


class ConvEncoder(nn.Module):
    """Three convolutions over time: [n, channels[0] or more, t] → [n, channels[-1], t]; rows beyond are not read."""

    def __init__(self, channels: Sequence[int]) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for inner, outer in pairwise(channels):
            layers += [nn.ReflectionPad1d(1), nn.Conv1d(inner, outer, 3), nn.LeakyReLU(0.2)]
        self.model = nn.Sequential(*layers)
        self._rows = channels[0]

    def forward(self, x: Tensor) -> Tensor:
        return cast(Tensor, self.model(x[:, : self._rows]))


def _decoder() -> nn.Sequential:
    """[n, 3 · 128, t] → [n, 45, t]: x, y, z of fifteen joints. Every frame is shown twice, every second result kept."""

    def doubled(inner: int, outer: int) -> list[nn.Module]:
        return [nn.Upsample(scale_factor=2, mode="nearest"), nn.ReflectionPad1d(3), nn.Conv1d(inner, outer, 7, 2)]

    layers: list[nn.Module] = []
    for inner, outer in ((3 * CODE, 256), (256, 128)):
        layers += [*doubled(inner, outer), nn.Dropout(0.2), nn.LeakyReLU(0.2)]
    return named(model=nn.Sequential(*layers, *doubled(128, 3 * JOINTS)))


class Autoencoder(nn.Module):
    """Sequences [n, 30, 64] to codes and back. layout: as in Architecture."""

    def __init__(self, layout: Layout) -> None:
        super().__init__()
        self.motion_encoder = ConvEncoder((2 * JOINTS, 64, 128, CODE))
        self.body_encoder = ConvEncoder((STATIC_ROWS, 64, 128, CODE))
        self.view_encoder = ConvEncoder((STATIC_ROWS, 64, 32, CODE))
        self.decoder = _decoder()
        self._layout = layout

    def encode(self, sequences: Tensor) -> Codes:
        motion, body, view = self.motion_encoder(sequences), self.body_encoder(sequences), self.view_encoder(sequences)
        return Codes(motion, body.amax(2, keepdim=True), view.amax(2, keepdim=True), body, view)

    def decode(self, motion: Tensor, body: Tensor, view: Tensor) -> Tensor:
        """Codes, of the same sequence or of several, to [n, 45, 64]; body and view hold for every frame."""
        frames = motion.shape[-1]
        codes = torch.cat([motion, body.expand(-1, -1, frames), view.expand(-1, -1, frames)], dim=1)
        return cast(Tensor, self.decoder(codes))

    def rows(self, points: Tensor) -> Tensor:
        """Points [n, 64, 15, 2], as in_body_units gives them, to sequences [n, 30, 64]."""
        if self._layout == "reference":
            return points.reshape(-1, 2 * JOINTS, FRAMES)
        return points.flatten(2).transpose(1, 2)

    def points(self, rows: Tensor) -> Tensor:
        """The way back: [n, 30, 64] → [n, 64, 15, 2]."""
        if self._layout == "reference":
            return rows.reshape(-1, FRAMES, JOINTS, 2)
        return rows.transpose(1, 2).reshape(-1, FRAMES, JOINTS, 2)


def without_depth(decoded: Tensor) -> Tensor:
    """The decoder's [n, 45, t] seen from the front: [n, 30, t]."""
    n, _, frames = decoded.shape
    return decoded.reshape(n, JOINTS, 3, frames)[:, :, :2].flatten(1, 2)


def in_body_units(keypoints: Tensor) -> Tensor:
    """Any skeleton's keypoints [n, s, joints, 3] as [n, 64, 15, 2], seen from the middle of the hips.

    The median distance from the nose down to the ankles is HEIGHT. Longer sequences are thinned out evenly, shorter
    ones start again. Joints that were not found are in the middle.
    """
    points = as_joints(keypoints, BODY15)[..., :2]
    ankles = [BODY15.joints.index(name) for name in ("left ankle", "right ankle")]
    heights = (points[:, :, ankles, 1].mean(-1) - points[:, :, 0, 1]).sort(dim=1).values
    height = heights[:, (points.shape[1] - 1) // 2].clamp(min=1)  # torch's median, which ONNX does not have
    found = (points != 0).any(dim=-1, keepdim=True)
    points = (points - points[:, :, BODY15.centre : BODY15.centre + 1]) * (HEIGHT / height)[:, None, None, None]
    return (points * found)[:, chosen_frames(points.shape[1])]


def chosen_frames(count: int) -> Tensor:
    """Which 64 of `count` frames are shown."""
    had, places = torch.as_tensor(count), torch.arange(FRAMES)
    return torch.where(had < FRAMES, places % had, places * had // FRAMES)
