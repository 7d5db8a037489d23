"""Networks that start from a person's crop: both phases of GaitEdge, and DenoisingGait on what diffusion made of it."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pipeline.errors import ConfigError
from pipeline.recognition.layers.silhouettes import temporal_max
from pipeline.recognition.models import denoisinggait as denoisinggait_model
from pipeline.recognition.models import gaitedge as gaitedge_model
from pipeline.recognition.models.gaitgl import GaitGL
from pipeline.research.training.data.batches import Batch
from pipeline.research.training.input_files import DIFFUSED, RATIOS, InputFile
from pipeline.research.training.networks import (
    Losses,
    Outputs,
    Trainable,
    head_outputs,
    images_of,
    initialise_as_opengait,
    trainable,
)
from pipeline.research.training.optim import Group
from pipeline.research.training.settings import Settings
from pipeline.research.training.zoo.silhouettes import FCS, NECKS
from pipeline.types import Modality

_BOX = (gaitedge_model.SIDE, gaitedge_model.SIDE)
_STRETCHED = InputFile(Modality.RGB, (3, *_BOX)), InputFile(Modality.SILHOUETTES, _BOX)
_DEEPEST = 0.5  # length of a vector within three pixels that is large, whatever the threshold of the others


class Segmenter(nn.Module):
    """GaitEdge's U-Net under its name in checkpoints."""

    def __init__(self) -> None:
        super().__init__()
        self.Backbone = gaitedge_model.UNet()


def _unet_groups(cfg: Settings, section: str, rate: float | None = None) -> tuple[Group, ...]:
    """Of the U-Net, whose first half stays as it is unless freeze_half is false."""
    cfg.only(section, type="U_Net", in_channels=3)
    first = (Group(r"Backbone\.Conv[1-4]\.", 0.0),) if cfg.take(f"{section}.freeze_half", True) else ()
    return first if rate is None else (*first, Group(r"Backbone\.", rate))


def segmentation(cfg: Settings, identities: int) -> Trainable:
    """GaitEdge's first phase for its U-Net: pictures to silhouettes. It has no embeddings, and no encoder reads it."""
    groups = _unet_groups(cfg, "backbone_cfg")

    def outputs(network: Segmenter, batch: Batch) -> Outputs:
        if not network.training:
            raise ConfigError("Segmentation makes silhouettes, which nobody is told apart by. Train GaitEdge with it.")
        losses, body = _segmented(network, *batch.inputs)
        return Outputs(losses, body.flatten(1))

    network = Segmenter()
    initialise_as_opengait(network)
    return Trainable(network, outputs, (_STRETCHED,), groups=groups)


def _segmented(network: nn.Module, pictures: Tensor, silhouettes: Tensor) -> tuple[Losses, Tensor]:
    """What the entropy compares, and the U-Net's bodies [n · s, h, w], of normalised pictures [n, s, 3, h, w]."""
    body: Tensor = network.get_submodule("Backbone")(pictures.flatten(0, 1)).float().sigmoid()
    return {"bce": {"masks": body, "targets": silhouettes.flatten(0, 1)[:, None]}}, body[:, 0]


def gaitedge(cfg: Settings, identities: int) -> Trainable:
    """GaitEdge's second phase, from both files of the first; edge: false is GaitGL behind the U-Net's own silhouettes.

    seg_lr: the U-Net's rate.
    """
    channels = tuple(cfg.take("GaitGL.channels", gaitedge_model.Architecture().channels))
    if len(channels) != 3:
        raise ConfigError(f"model_cfg.GaitGL.channels: expected three numbers, got {list(channels)}.")
    architecture = gaitedge_model.Architecture(channels=channels, classes=cfg.classes("GaitGL.class_num", identities))
    edge = bool(cfg.take("edge", True))
    cfg.only(align=True, kernel_size=3)
    groups = _unet_groups(cfg, "Segmentation", float(cfg.take("seg_lr", 1e-5)))

    def outputs(network: gaitedge_model.GaitEdge, batch: Batch) -> Outputs:
        ratios, pictures, silhouettes = batch.inputs
        losses, body = _segmented(network, pictures, silhouettes)
        aligned = gaitedge_model.placed(body, ratios.flatten(), *([silhouettes.flatten(0, 1)] if edge else []))
        seen = GaitGL.forward(network, aligned.reshape(len(ratios), 1, -1, *aligned.shape[1:]))
        found = head_outputs(network, seen, batch.labels)
        found.losses |= losses
        return found

    looks_at = (Modality.RGB, Modality.ASPECT_RATIOS, Modality.BODIES)[: 3 if edge else 2]
    more = {"outputs": outputs, "groups": groups, "files": ((RATIOS, *_STRETCHED),), "modality": looks_at}
    return trainable(gaitedge_model.GaitEdge(architecture), architecture, "gaitedge", **more)


def denoisinggait(cfg: Settings, identities: int) -> Trainable:
    """DenoisingGait. Of a share p of every batch the large vectors inside the body are left out, longer than threshold.

    OpenGait's files have settings that OpenGait does not read: a diffusion network, channels of the input and others.
    """
    for unread in ("diffusion_ckpt", "backbone_cfg.in_channel", "test_da", "eroded_kernel"):
        cfg.take(unread, None)
    cfg.only("backbone_cfg", type="ResNet9", block="BasicBlock", maxpool=False)
    parts = sum(int(strips) for strips in cfg.take("bin_num", [24]))
    architecture = cfg.architecture(
        denoisinggait_model.Architecture(parts=parts, classes=cfg.classes(f"{NECKS}.class_num", identities)),
        radius="r",
        out_channels=f"{FCS}.out_channels",
        **{name: f"backbone_cfg.{name}" for name in ("channels", "layers", "strides")},
    )
    cfg.only(FCS, in_channels=architecture.channels[3], parts_num=parts)
    cfg.only(NECKS, in_channels=architecture.out_channels, parts_num=parts)
    share, threshold = float(cfg.take("p", 0.5)), float(cfg.take("threshold", 0.5))

    def outputs(network: denoisinggait_model.DenoisingGait, batch: Batch) -> Outputs:
        answers, silhouettes = batch.inputs
        if not network.training:
            return head_outputs(network, network(images_of(answers), silhouettes), batch.labels)
        masks = (silhouettes > 0).to(answers)
        later = [images_of(torch.cat([each[:, 1:], each[:, -1:]], 1)) for each in (answers, masks)]
        within, across = network.fields(images_of(answers), images_of(masks), *later)
        chosen = torch.randperm(len(within))[: round(len(within) * share)]
        if len(chosen):
            smooth = without_large(within[chosen], masks[chosen], (threshold, threshold, _DEEPEST))
            within = within.index_copy(0, chosen.to(within.device), smooth)
        pooled = temporal_max(network.Backbone(within, across))
        return head_outputs(network, network.Backbone.FCs(network.Backbone.HPP(pooled)), batch.labels)

    more = {"outputs": outputs, "files": (DIFFUSED,)}
    return trainable(denoisinggait_model.DenoisingGait(architecture), architecture, "denoisinggait", **more)


def without_large(fields: Tensor, masks: Tensor, thresholds: tuple[float, ...]) -> Tensor:
    """Displacements [n, 2 a radius, s, h, w] without those around a longer one, two pixels and more inside the body.

    masks: [n, s, h, w], 1 where the body is. thresholds: of the length, one a radius.
    """
    inside = -F.max_pool2d(-masks, 5, 1, 2) > 0.5
    kept = []
    for vectors, threshold in zip(fields.chunk(len(thresholds), 1), thresholds, strict=True):
        large = (vectors.square().sum(1).sqrt() > threshold) & inside
        around = F.max_pool2d(large.to(fields), 3, 1, 1) > 0
        kept.append(vectors.masked_fill((around & inside)[:, None], 0.0))
    return torch.cat(kept, 1)
