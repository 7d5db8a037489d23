"""FoundationGait's pre-training, fine-tuning and probe for scoliosis: OpenGait's model_cfg to their architecture."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from pipeline.errors import ConfigError
from pipeline.recognition.models.foundationgait import Architecture, FoundationGait
from pipeline.research.training.data.batches import Batch
from pipeline.research.training.networks import Outputs, Trainable, head_outputs, images_of, trainable
from pipeline.research.training.optim import Group
from pipeline.research.training.settings import Settings
from pipeline.research.training.zoo.resnets import FCS, NECKS, SCOLIOSIS, cosine_logits, scoliosis_of, views_of

STAGES = 5  # of the teacher, the stem among them


def pretrained(cfg: Settings, identities: int) -> Trainable:
    """The pre-training, without identities: in one view of a walk a student finds what its teacher sees in another.

    Of the student's view every share of the batch is cut in strips, as crop_list says. The teacher has no gradient: it
    follows the student as slowly as EMA_value says at first, and ever more slowly.
    """
    architecture = _architecture(cfg, Architecture(form="pretrained"))
    crops, slowness = [int(strips) for strips in cfg.take("crop_list", [1])], float(cfg.take("EMA_value", 0.99))

    def outputs(network: FoundationGait, batch: Batch) -> Outputs:
        if not network.training:
            return Outputs({}, network(images_of(batch.inputs[0])).float())
        one, other = views_of(batch, "FoundationGait_Scaling")
        with torch.no_grad():
            known = network.teacher_backbone(one)
        student: Any = network.student_backbone
        guesses = student.predictor(student.projected(diverse_maps(student.maps, other, crops)))
        found = F.normalize(guesses.float(), dim=1)
        return Outputs({"softmax": cosine_logits(found, known)}, found)

    def follow(network: FoundationGait, done: int, total: int) -> None:
        left = (1 + math.cos(math.pi * min(1.0, done / max(1, total - 1)))) / 2  # from 1 down to 0
        student: Any = network.student_backbone
        with torch.no_grad():
            for behind, ahead in zip(network.teacher_backbone.parameters(), student.parameters(), strict=True):
                behind.lerp_(ahead, (1 - slowness) * left)

    network = FoundationGait(architecture)
    more = {"outputs": outputs, "after_step": follow, "spare": ("student_backbone.",)}
    made = trainable(network, architecture, "foundationgait", **more)
    network.student_backbone = copy.deepcopy(network.teacher_backbone)
    network.teacher_backbone.requires_grad_(False)
    return made


def finetuned(cfg: Settings, identities: int) -> Trainable:
    """The fine-tuning: linear maps behind the projector, and the training head."""
    default = Architecture(form="finetuned", classes=cfg.classes(f"{NECKS}.class_num", identities))
    architecture = _architecture(cfg, default)
    cfg.only(NECKS, in_channels=architecture.out_channels, parts_num=sum(architecture.bins))
    return _trainable(cfg, architecture, lambda network, seen, batch: head_outputs(network, seen, batch.labels))


def probe(cfg: Settings, identities: int) -> Trainable:
    """The probe: the types are the classes, negative, neutral and positive, of all parts together."""
    if cfg.take(f"{NECKS}.class_num", len(SCOLIOSIS)) != len(SCOLIOSIS):
        raise ConfigError(f"model_cfg.{NECKS}.class_num: must be {len(SCOLIOSIS)}: {', '.join(SCOLIOSIS)}.")
    architecture = _architecture(cfg, Architecture(form="probe", classes=len(SCOLIOSIS)))
    cfg.only(NECKS, in_channels=architecture.channels[3] * sum(architecture.bins), parts_num=1)

    def outputs(network: FoundationGait, seen: Tensor, batch: Batch) -> Outputs:
        neck, logits = network.neck_and_logits(seen.float())
        return Outputs({"softmax": {"logits": logits, "labels": scoliosis_of(batch)}}, seen.float(), neck)

    return _trainable(cfg, architecture, outputs, features="logits", spare=())


def _architecture(cfg: Settings, default: Architecture) -> Architecture:
    keys = {name: f"Backbone.{name}" for name in ("in_channels", "channels", "layers")}
    found = cfg.architecture(default, **keys, bins="bin_num", out_channels=f"{FCS}.out_channels")
    cfg.only("Backbone", mode="p3d")
    cfg.only(parts_num=sum(found.bins))
    cfg.only(FCS, in_channels=found.channels[3], parts_num=sum(found.bins))
    return found


def _trainable(
    cfg: Settings,
    architecture: Architecture,
    outputs: Callable[[FoundationGait, Tensor, Batch], Outputs],
    **more: Any,
) -> Trainable:
    """backbone_lr: a rate for each stage, 0 for those that stay; crop_list: strips of each share of a batch."""
    crops = [int(strips) for strips in cfg.take("crop_list", [1])]
    rates = [float(rate) for rate in cfg.take("backbone_lr", [0.0] * STAGES)]
    projector = float(cfg.take("projector_lr", 0.0))
    if len(rates) != STAGES:
        raise ConfigError(f"model_cfg.backbone_lr: expected {STAGES} learning rates, one for each stage.")
    groups = [Group(rf"teacher_backbone\.layer{stage}\.", rate) for stage, rate in enumerate(rates)]
    groups.append(Group(r"teacher_backbone\.(projector|predictor)\.", projector))

    def of_batch(network: FoundationGait, batch: Batch) -> Outputs:
        teacher, silhouettes = network.teacher_backbone, images_of(batch.inputs[0])
        maps = diverse_maps(teacher.maps, silhouettes, crops) if network.training else teacher.maps(silhouettes)
        return outputs(network, network.compared(teacher.projected(maps)), batch)

    more |= {"outputs": of_batch, "groups": tuple(groups)}
    return trainable(FoundationGait(architecture), architecture, "foundationgait", **more)


def diverse_maps(encode: Callable[[Tensor], Tensor], silhouettes: Tensor, crops: Sequence[int]) -> Tensor:
    """Maps of silhouettes [n, c, s, h, w], every share of the batch seen in so many strips, each as if alone.

    Raises ConfigError where the batch cannot be divided so.
    """
    if len(silhouettes) % (2 * len(crops)) and any(strips > 1 for strips in crops):
        raise ConfigError(
            f"trainer_cfg.sampler.batch_size: {len(silhouettes)} walks cannot be divided among model_cfg.crop_list, "
            f"two halves for each. Use a multiple of {2 * len(crops)}."
        )
    shares = torch.chunk(silhouettes, len(crops))
    return torch.cat([in_strips(encode, share, strips) for share, strips in zip(shares, crops, strict=False)])


def in_strips(encode: Callable[[Tensor], Tensor], silhouettes: Tensor, strips: int) -> Tensor:
    """Maps of silhouettes that are cut in strips, put together; those of the second half start half a strip higher."""
    if strips == 1:
        return encode(silhouettes)
    high = silhouettes.shape[3] // strips
    first, second = silhouettes.chunk(2)
    second = F.pad(second, (0, 0, high // 2, high // 2))
    maps = encode(torch.cat([_cut(first, high), _cut(second, high)]))
    of_first = len(first) * strips
    beyond = high // 8  # rows of the padding: maps have a quarter of the height
    other = _joined(maps[of_first:], strips + 1)[..., beyond:-beyond, :]
    return torch.cat([_joined(maps[:of_first], strips), other])


def _cut(silhouettes: Tensor, high: int) -> Tensor:
    """[n, c, s, h, w] → [n · strips, c, s, high, w]."""
    n, c, s, h, w = silhouettes.shape
    return silhouettes.reshape(n, c, s, h // high, high, w).movedim(3, 1).flatten(0, 1)


def _joined(maps: Tensor, strips: int) -> Tensor:
    """[n · strips, c, s, h, w] → [n, c, s, strips · h, w]."""
    return maps.reshape(-1, strips, *maps.shape[1:]).movedim(1, 3).flatten(3, 4)
