"""GaitGraph2 (Teepe et al., "Towards a Deeper Understanding of Skeleton-Based Gait Recognition", CVPRW 2022).

Joints, velocities and bones each have a branch of a ResGCN; the embeddings of the sequence, of the sequence shown
backwards and of the sequence with its sides swapped stand one after another. Reads OpenGait's checkpoints and the
authors' own (tteepe/GaitGraph2), which differ in what the nose's bone is and in how many frames are shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from pipeline.recognition.layers import resgcn
from pipeline.recognition.layers.graph_inputs import (
    as_joints,
    backwards,
    middle_frames,
    missing_to_middle,
    move_to_place,
    sides_swapped,
    three_branches,
)
from pipeline.recognition.layers.resgcn import ResGCN, ResGCNArchitecture
from pipeline.recognition.layers.shapes import Weights
from pipeline.recognition.model import Model
from pipeline.recognition.network import GaitNetwork
from pipeline.skeletons import BY_JOINTS
from pipeline.types import Modality

FRAMES = {17: 60, 18: 30}  # that the authors' networks are shown: CASIA-B, OUMVLP


@dataclass(frozen=True, slots=True)
class Architecture(ResGCNArchitecture):
    """The defaults are OpenGait's resgcn-n21-r8.

    conventions: whose. frames: every sequence is cut or lengthened to so many; None: shown whole. fill: joints that
    were not found are put into the middle of the others. tta: test-time augmentation, the two other views above.
    """

    conventions: Literal["opengait", "authors"] = "opengait"
    frames: int | None = None
    fill: bool = True
    tta: bool = True

    @classmethod
    def from_weights(cls, weights: Weights) -> dict[str, Any]:
        """Of the authors' files, frames and fill too: what their configurations say for the number of joints."""
        found = ResGCNArchitecture.from_weights(resgcn.rename_keys(weights))
        if resgcn.is_authors(weights):
            joints = found.get("joints", 17)
            found |= {"conventions": "authors", "fill": joints == 18, "frames": FRAMES.get(joints)}
        return found


class GaitGraph2(GaitNetwork):
    """Keypoints [n, s, joints, 3] (pixels, score) to embeddings [n, out_channels · 3, 1], · 1 without tta."""

    HEAD: ClassVar[tuple[str, ...]] = ()

    def __init__(self, architecture: Architecture, head: bool = True) -> None:
        super().__init__(architecture, head)
        a, skeleton = architecture, BY_JOINTS[architecture.joints]
        self.ResGCN = ResGCN(a)
        self._frames, self._fill, self._tta, self._placed = a.frames, a.fill, a.tta, a.placed
        self._branches = a.branches
        self._skeleton, self._parents = skeleton, skeleton.parents
        self._centre = skeleton.centre
        if a.conventions == "opengait":
            self._centre = 0  # whatever the skeleton; the two other views are seen from the skeleton's own
        elif a.joints == 17:
            self._parents = (0, *skeleton.parents[1:])  # the nose has no bone

    @classmethod
    def rename_keys(cls, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return resgcn.rename_keys(weights)

    def forward(self, keypoints: Tensor) -> Tensor:
        keypoints = self.prepared(keypoints)
        embeddings = [self.ResGCN(self.inputs(keypoints, self._centre))]
        if self._tta and not self.training:
            for view in (backwards(keypoints), sides_swapped(keypoints, self._skeleton)):
                embeddings.append(self.ResGCN(self.inputs(view, self._skeleton.centre)))
        return torch.cat(embeddings, dim=1).unsqueeze(-1)

    def activations(self, keypoints: Tensor) -> Tensor:
        """What every joint adds to the embedding of the sequence as it is.

        [n, s, joints, 3] → [n, out_channels, s / 4, joints]; the frames are those of `prepared`.
        """
        return self.ResGCN.activations(self.inputs(self.prepared(keypoints), self._centre))

    def prepared(self, keypoints: Tensor) -> Tensor:
        """The joints and frames that are looked at, gaps filled."""
        keypoints = as_joints(keypoints, self._skeleton)
        if self._placed:
            keypoints = move_to_place(keypoints, self.ResGCN.place())
        if self._fill:
            keypoints = missing_to_middle(keypoints)
        return keypoints if self._frames is None else middle_frames(keypoints, self._frames)

    def inputs(self, keypoints: Tensor, centre: int) -> Tensor:
        """[n, branches, c, s, joints]: three branches of five channels, or all fifteen in one."""
        branches = three_branches(keypoints, self._parents, centre)
        return branches if self._branches > 1 else branches.flatten(1, 2).unsqueeze(1)


GAITGRAPH2 = Model(
    name="gaitgraph2",
    title="GaitGraph2",
    paper="Teepe et al., CVPRW 2022",
    network=GaitGraph2,
    architecture=Architecture,
    published="CASIA-B 82.0 / 73.2 / 63.6 (paper); OUMVLP 70.75, GREW 34.61, Gait3D 11.00 (OpenGait)",
    golden=("gaitgraph2", "gaitgraph2_gait3d", "gaitgraph2_oumvlp", "gaitgraph2_tteepe"),
    needs=(Modality.KEYPOINTS,),
    motion=True,
)
