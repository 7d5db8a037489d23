"""FoundationGait (Ye et al., "Silhouette-based Gait Foundation Model", 2025): DeepGaitV2 on a dozen data sets at once.

A teacher and a student see the same walk, whole and in strips, without labels; the teacher's predictor gives unit
vectors, which tell people apart without further training ("pretrained"). Behind its projector there may be linear maps
trained for one data set ("finetuned"), or a classifier of what else a walk shows ("probe"; its scores are the logits).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, cast

import torch.nn.functional as F
from torch import Tensor, nn

from pipeline.recognition.layers import shapes
from pipeline.recognition.layers.silhouettes import HorizontalPooling, SeparateFCs, temporal_max
from pipeline.recognition.layers.temporal import BLOCK, stage, stem
from pipeline.recognition.model import Model
from pipeline.recognition.models.gaitssb import predictor, projector
from pipeline.recognition.network import GaitNetwork, necks

Form = Literal["pretrained", "finetuned", "probe"]
_TEACHER, _STUDENT = "teacher_backbone.", "student_backbone."


def _form(weights: shapes.Weights) -> Form:
    if "FCs.fc_bin" in weights:
        return "finetuned"
    return "probe" if "BNNecks.fc_bin" in weights else "pretrained"


@dataclass(frozen=True, slots=True)
class Architecture(shapes.Architecture):
    """The defaults are those of the smaller network, 0.03B; the larger one's layers are 1, 4, 32, 16."""

    in_channels: int = shapes.shown(1, shapes.side(_TEACHER + "layer0.forward_block.0.weight", 4, 1))
    channels: Sequence[int] = shapes.shown((64, 128, 256, 512), shapes.channels(_TEACHER + BLOCK))
    layers: Sequence[int] = shapes.shown((1, 4, 8, 4), shapes.layers(_TEACHER + BLOCK))
    bins: Sequence[int] = (16, 8, 4, 2, 1)
    form: Form = shapes.shown("finetuned", _form)
    out_channels: int = shapes.shown(256, shapes.OUT_CHANNELS)
    classes: int = shapes.shown(100, shapes.CLASSES)


class Teacher(nn.Module):
    """Silhouettes [n, in_channels, s, h, w] to what is compared before the predictor: [n, channels[3], parts]."""

    def __init__(self, a: Architecture) -> None:
        super().__init__()
        c, parts = a.channels, sum(a.bins)
        self.layer0 = stem(a.in_channels, c[0])
        self.layer1 = stage("2d", c[0], c[0], a.layers[0], 1)
        self.layer2 = stage("p3d", c[0], c[1], a.layers[1], 2)
        self.layer3 = stage("p3d", c[1], c[2], a.layers[2], 2)
        self.layer4 = stage("p3d", c[2], c[3], a.layers[3], 1)
        self.HPP = HorizontalPooling(a.bins)
        self.projector, self.predictor = projector(parts, c[3]), predictor(parts, c[3])

    def forward(self, silhouettes: Tensor) -> Tensor:
        return self.projected(self.maps(silhouettes))

    def maps(self, silhouettes: Tensor) -> Tensor:
        """Silhouettes of any height that is a multiple of 4 → maps [n, channels[3], s, h / 4, w / 4]."""
        found = self.layer2(self.layer1(self.layer0(silhouettes)))
        return cast(Tensor, self.layer4(self.layer3(found)))

    def projected(self, maps: Tensor) -> Tensor:
        """Maps of whole silhouettes → what is compared before the predictor."""
        return cast(Tensor, self.projector(self.HPP(temporal_max(maps))))


class FoundationGait(GaitNetwork):
    """Silhouettes [n, in_channels, s, h, w] in 0–1 to embeddings: 512 values a part, or out_channels if finetuned."""

    HEAD: ClassVar[tuple[str, ...]] = ("BNNecks.fc_bin", _STUDENT)  # the student's are for training alone, too

    def __init__(self, architecture: Architecture, head: bool = True) -> None:
        super().__init__(architecture, head)
        a, c, parts = architecture, architecture.channels[3], sum(architecture.bins)
        self.form = a.form
        self.teacher_backbone = Teacher(a)
        if a.form == "pretrained":
            self.HEAD = ()  # type: ignore[misc]  # no classes
        elif a.form == "probe":
            self.BNNecks = necks(1, c * parts, a.classes, head)
        else:
            self.FCs = SeparateFCs(parts, c, a.out_channels)
            self.BNNecks = necks(parts, a.out_channels, a.classes, head)

    @classmethod
    def rename_keys(cls, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Without the student, which only the training asks."""
        return {key: value for key, value in weights.items() if not key.startswith(_STUDENT)}

    def forward(self, silhouettes: Tensor) -> Tensor:
        return self.compared(self.teacher_backbone(silhouettes))

    def compared(self, projected: Tensor) -> Tensor:
        """What the projector says [n, channels[3], parts] → embeddings, as the form has it."""
        if self.form == "pretrained":
            return F.normalize(cast(Tensor, self.teacher_backbone.predictor(projected)), dim=1)
        unit = F.normalize(projected, dim=1)
        return cast(Tensor, self.FCs(unit)) if self.form == "finetuned" else unit

    def neck(self, embeddings: Tensor) -> Tensor:
        return super().neck(self._necked(embeddings))

    def neck_and_logits(self, embeddings: Tensor) -> tuple[Tensor, Tensor]:
        return super().neck_and_logits(self._necked(embeddings))

    def _necked(self, embeddings: Tensor) -> Tensor:
        """A probe looks at all parts as if they were one."""
        return embeddings.flatten(1)[..., None] if self.form == "probe" else embeddings


FOUNDATIONGAIT = Model(
    name="foundationgait",
    title="FoundationGait (0.03B, 0.13B; pretrained, fine-tuned, probe)",
    paper="Ye et al., arXiv 2512.00691, 2025",
    network=FoundationGait,
    architecture=Architecture,
    published="without fine-tuning: Gait3D 48.0, OUMVLP 64.5 (paper)",
    golden=(
        "foundationgait_pretrain_0.03b",
        "foundationgait_finetune_0.03b",
        "foundationgait_finetune_0.13b",
        "foundationgait_probe_0.13b",
    ),
    motion=True,
)
