"""GaitGraph (Teepe et al., "GaitGraph: Graph Convolutional Network for Skeleton-Based Gait Recognition", ICIP 2021).

A ResGCN looks at x, y and score of every joint; embeddings have unit length. Reads OpenGait's checkpoints, and the
authors' own (tteepe/GaitGraph).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch.nn.functional as F
from torch import Tensor

from pipeline.recognition.layers import resgcn
from pipeline.recognition.layers.graph_inputs import as_joints, backwards, move_to_place
from pipeline.recognition.layers.resgcn import ResGCN, ResGCNArchitecture
from pipeline.recognition.layers.shapes import Weights
from pipeline.recognition.model import Model
from pipeline.recognition.network import GaitNetwork
from pipeline.skeletons import BY_JOINTS
from pipeline.types import Modality


@dataclass(frozen=True, slots=True)
class Architecture(ResGCNArchitecture):
    """The defaults are resgcn-n39-r8, the only one published. tta: the mean with the sequence shown backwards."""

    branches: int = 1
    branch: Sequence[int] = (3, 64, 64, 32)
    stream: Sequence[int] = (32, 128, 128, 256, 256)
    tta: bool = True

    @classmethod
    def from_weights(cls, weights: Weights) -> dict[str, Any]:
        """Of the authors' files too."""
        return ResGCNArchitecture.from_weights(resgcn.rename_keys(weights))


class GaitGraph1(GaitNetwork):
    """Keypoints [n, s, joints, 3] (pixels, score) to embeddings [n, out_channels, 1]."""

    HEAD: ClassVar[tuple[str, ...]] = ()

    def __init__(self, architecture: Architecture, head: bool = True) -> None:
        super().__init__(architecture, head)
        self.ResGCN = ResGCN(architecture)
        self._skeleton = BY_JOINTS[architecture.joints]
        self._tta, self._placed = architecture.tta, architecture.placed

    @classmethod
    def rename_keys(cls, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return resgcn.rename_keys(weights)

    def forward(self, keypoints: Tensor) -> Tensor:
        keypoints = self.prepared(keypoints)
        embeddings = self._embed(keypoints)
        if self._tta and not self.training:
            embeddings = (embeddings + self._embed(backwards(keypoints))) / 2
        return embeddings.unsqueeze(-1)

    def activations(self, keypoints: Tensor) -> Tensor:
        """What every joint adds to the embedding, before it is scaled to unit length.

        [n, s, joints, 3] → [n, out_channels, s / 4, joints].
        """
        return self.ResGCN.activations(self._inputs(self.prepared(keypoints)))

    def prepared(self, keypoints: Tensor) -> Tensor:
        """The joints that are looked at, where the network looks for them."""
        keypoints = as_joints(keypoints, self._skeleton)
        return move_to_place(keypoints, self.ResGCN.place()) if self._placed else keypoints

    def _embed(self, keypoints: Tensor) -> Tensor:
        return F.normalize(self.ResGCN(self._inputs(keypoints)), dim=1)

    @staticmethod
    def _inputs(keypoints: Tensor) -> Tensor:
        return keypoints.permute(0, 3, 1, 2).unsqueeze(1)


GAITGRAPH1 = Model(
    name="gaitgraph1",
    title="GaitGraph",
    paper="Teepe et al., ICIP 2021",
    network=GaitGraph1,
    architecture=Architecture,
    published="CASIA-B 87.7 / 74.8 / 66.3 (paper); OUMVLP 4.25, GREW 9.82, Gait3D 9.00 (OpenGait)",
    golden=("gaitgraph1",),
    needs=(Modality.KEYPOINTS,),
    motion=True,
)
