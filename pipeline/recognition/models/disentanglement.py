"""Disentangled skeletons (zq1335030905/Gait-recognition-with-disentanglement-features, after TransMoMo, CVPR 2020).

An autoencoder takes a sequence apart into motion (a code for every frame), body and view (one code each) and puts it
together again, so that one walker's body can be shown with another's motion. A small image network recognises people by
the sequence with its motion and body codes. Reads the authors' autoencoder_N.pt, with fc_N.pt beside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar, cast

import torch
from torch import Tensor, nn

from pipeline.recognition.layers import shapes
from pipeline.recognition.layers.skeleton_autoencoder import CODE, FRAMES, JOINTS, Autoencoder, Layout, in_body_units
from pipeline.recognition.model import Model
from pipeline.recognition.network import GaitNetwork, memory
from pipeline.types import Modality
from pipeline.weights.safeload import load_state_dict, load_strictly


def _layout(weights: shapes.Weights) -> Layout | None:
    """The authors' own files have the reference's."""
    return "reference" if any(key.startswith("motion_encoder.") for key in weights) else None


@dataclass(frozen=True, slots=True)
class Architecture(shapes.Architecture):
    """layout: how a sequence of 64 frames × 15 joints × 2 becomes 30 rows × 64 columns.

    joints: a row for each coordinate of each joint. reference: the numbers in their order, cut into rows of 64, as the
    authors' networks were trained (rows are then no joints).
    """

    layout: Layout = shapes.shown("joints", _layout)
    features: int = shapes.shown(512, shapes.side("fc.fc.weight", 2, 0))
    classes: int = shapes.shown(74, shapes.side("fc.fc_cls.weight", 2, 0))


class Centres(nn.Module):
    """The centre of every training identity's features (center loss, Wen et al., ECCV 2016)."""

    def __init__(self, classes: int, features: int) -> None:
        super().__init__()
        self.centers = nn.Parameter(torch.randn(classes, features))


class Recognition(nn.Module):
    """An image [n, rows, 64] to features [n, features]. conv5 to conv7 are in the authors' files, but not in use."""

    def __init__(self, rows: int, features: int, classes: int, head: bool) -> None:
        super().__init__()
        self.conv1, self.conv2, self.conv3, self.conv4 = (_block(*sizes) for sizes in pairwise((1, 32, 64, 64, 64)))
        self.conv5, self.conv6, self.conv7 = (_block(*sizes) for sizes in pairwise((64, 128, 128, 128)))
        self.pool = nn.MaxPool2d(2, padding=1)
        self.drop = nn.Dropout(0.5)
        self.fc = nn.Linear(64 * (rows // 2 + 1) * (FRAMES // 2 + 1), features)
        with memory(head):
            self.fc_cls = nn.Linear(features, classes)
            self.center_loss = Centres(classes, features)

    def forward(self, image: Tensor) -> Tensor:
        x = self.pool(self.conv2(self.conv1(image.unsqueeze(1))))
        x = x + self.conv4(self.conv3(x))
        return cast(Tensor, self.fc(self.drop(x.flatten(1))))


def _block(inner: int, outer: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inner, outer, 3, padding=1), nn.BatchNorm2d(outer), nn.ReLU())


class Disentanglement(GaitNetwork):
    """Keypoints [n, s, joints, 3] to embeddings [n, features, 1]."""

    HEAD: ClassVar[tuple[str, ...]] = ("fc.fc_cls.", "fc.center_loss.")

    def __init__(self, architecture: Architecture, head: bool = True) -> None:
        super().__init__(architecture, head)
        self.autoencoder = Autoencoder(architecture.layout)
        self.fc = Recognition(2 * JOINTS + 2 * CODE, architecture.features, architecture.classes, head)

    @classmethod
    def rename_keys(cls, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
        parts = ("motion_encoder.", "body_encoder.", "view_encoder.", "decoder.")
        return {f"autoencoder.{key}" if key.startswith(parts) else key: value for key, value in weights.items()}

    @classmethod
    def further_files(cls, path: Path) -> dict[str, Path]:
        """The authors' recognition network, beside their autoencoder."""
        beside = path.with_name(path.name.replace("autoencoder_", "fc_", 1))
        return {"fc.": beside} if path.name.startswith("autoencoder_") and beside.is_file() else {}

    def forward(self, keypoints: Tensor) -> Tensor:
        return self.recognise(self.autoencoder.rows(in_body_units(keypoints))).unsqueeze(-1)

    def recognise(self, sequences: Tensor) -> Tensor:
        """Sequences [n, 30, 64] → features [n, features]."""
        codes = self.autoencoder.encode(sequences)
        return cast(Tensor, self.fc(torch.cat([sequences, codes.motion, codes.body_frames], dim=1)))

    def logits(self, embeddings: Tensor) -> Tensor:
        return cast(Tensor, self.fc.fc_cls(embeddings.squeeze(-1))).unsqueeze(-1)

    def drop_head(self) -> None:
        del self.fc.fc_cls, self.fc.center_loss


def load_autoencoder(path: Path, card: Mapping[str, Any] | None = None) -> Autoencoder:
    """The autoencoder alone, of a file that may hold both networks. Raises CheckpointError."""
    weights = load_state_dict(path, only=lambda name: not name.startswith("fc."))
    autoencoder = Autoencoder(shapes.architecture_of(Architecture, card or {}, weights).layout)
    load_strictly(autoencoder, {key.removeprefix("autoencoder."): value for key, value in weights.items()}, path)
    return autoencoder.eval()


DISENTANGLEMENT = Model(
    name="disentanglement",
    title="Disentangled skeletons",
    paper="zq1335030905/Gait-recognition-with-disentanglement-features, 2021; TransMoMo, Yang et al., CVPR 2020",
    network=Disentanglement,
    architecture=Architecture,
    golden=("disentanglement",),
    needs=(Modality.KEYPOINTS,),
    motion=True,
)
