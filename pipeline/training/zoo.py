"""Training of the networks beside GaitBase: OpenGait's model_cfg to their architecture, and what the losses get."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from pipeline.errors import ConfigError
from pipeline.recognition.models import deepgaitv2 as deepgaitv2_model
from pipeline.recognition.models import gaitgl as gaitgl_model
from pipeline.recognition.models import gaitpart as gaitpart_model
from pipeline.recognition.models import gaitset as gaitset_model
from pipeline.recognition.network import GaitNetwork
from pipeline.training.batches import Batch
from pipeline.training.networks import Outputs, Trainable
from pipeline.training.settings import Settings


def outputs(network: GaitNetwork, batch: Batch) -> Outputs:
    """Embeddings for the triplet loss, logits for the cross entropy where the network has a training head.

    Raises ConfigError for walks of different lengths: one after another they would leak through convolutions over time.
    """
    if batch.lengths is not None:
        raise ConfigError("trainer_cfg.sampler.sample_type: this network trains on fixed_ordered or fixed_unordered.")
    frames = batch.inputs[0]
    embeddings = network(frames.unsqueeze(1) if frames.ndim == 4 else frames.transpose(1, 2)).float()
    for_losses: dict[str, dict[str, Tensor]] = {"triplet": {"embeddings": embeddings, "labels": batch.labels}}
    neck: Tensor | None = None
    if hasattr(network, "BNNecks"):
        neck, logits = network.BNNecks(embeddings)
        for_losses["softmax"] = {"logits": logits, "labels": batch.labels}
        for_losses["neck"] = {"embeddings": neck, "labels": batch.labels}
    elif network.HEAD:
        for_losses["softmax"] = {"logits": network.logits(embeddings), "labels": batch.labels}
    return Outputs(for_losses, embeddings, neck)


def _trainable(network: GaitNetwork) -> Trainable:
    return Trainable(network, outputs, spare=network.HEAD)


def _classes(settings: Settings, key: str, identities: int) -> int:
    classes = int(settings.take(key, None) or identities)
    if classes < identities:
        raise ConfigError(f"{settings.name}.{key}: {classes} classes for {identities} identities to train on.")
    return classes


def _fixed(settings: Settings, **values: int) -> None:
    """Settings that follow from others: they may be said, and must be right."""
    for key, value in values.items():
        if settings.take(key, value) != value:
            raise ConfigError(f"{settings.name}.{key}: must be {value}, to fit the layers before it.")


def deepgaitv2(model_cfg: Mapping[str, Any], identities: int) -> Trainable:
    """DeepGaitV2, and SkeletonGait with in_channels 2."""
    cfg = Settings(model_cfg, "model_cfg")
    cfg.take("model", None)
    backbone, head = cfg.section("Backbone"), cfg.section("SeparateBNNecks")
    default = deepgaitv2_model.Architecture()
    architecture = deepgaitv2_model.Architecture(
        in_channels=int(backbone.take("in_channels", default.in_channels)),
        mode=backbone.take("mode", default.mode),
        channels=tuple(backbone.take("channels", default.channels)),
        layers=tuple(backbone.take("layers", default.layers)),
        out_channels=int(cfg.take("out_channels", default.out_channels)),
        classes=_classes(head, "class_num", identities),
    )
    if architecture.mode not in ("2d", "p3d", "3d"):
        raise ConfigError(f"model_cfg.Backbone.mode: {architecture.mode!r}; expected 2d, p3d or 3d.")
    _fixed(head, in_channels=architecture.out_channels, parts_num=architecture.parts)
    for section in (cfg, backbone, head):
        section.nothing_left()
    return _trainable(deepgaitv2_model.DeepGaitV2(architecture))


def gaitset(model_cfg: Mapping[str, Any], identities: int) -> Trainable:
    """GaitSet. in_channels lists those of the input and of the three stages, as in OpenGait's files."""
    cfg = Settings(model_cfg, "model_cfg")
    cfg.take("model", None)
    fcs = cfg.section("SeparateFCs")
    first, *channels = cfg.take("in_channels", (1, 32, 64, 128))
    architecture = gaitset_model.Architecture(
        in_channels=int(first),
        channels=tuple(channels),
        bins=tuple(cfg.take("bin_num", gaitset_model.Architecture().bins)),
        out_channels=int(fcs.take("out_channels", gaitset_model.Architecture().out_channels)),
    )
    if len(channels) != 3:
        raise ConfigError("model_cfg.in_channels: expected four numbers, of the input and of three stages.")
    _fixed(fcs, in_channels=channels[2], parts_num=2 * sum(architecture.bins))
    for section in (cfg, fcs):
        section.nothing_left()
    return _trainable(gaitset_model.GaitSet(architecture))


def gaitpart(model_cfg: Mapping[str, Any], identities: int) -> Trainable:
    """GaitPart. layers_cfg: BC-channels, FC-channels-halvings, M for pooling."""
    cfg = Settings(model_cfg, "model_cfg")
    cfg.take("model", None)
    backbone, fcs = cfg.section("backbone_cfg"), cfg.section("SeparateFCs")
    if backbone.take("type", "Plain") != "Plain":
        raise ConfigError("model_cfg.backbone_cfg.type: only Plain can be trained.")
    default = gaitpart_model.Architecture()
    architecture = gaitpart_model.Architecture(
        in_channels=int(backbone.take("in_channels", default.in_channels)),
        layers=tuple(backbone.take("layers_cfg", default.layers)),
        parts=sum(cfg.take("bin_num", (default.parts,))),
        out_channels=int(fcs.take("out_channels", default.out_channels)),
    )
    network = gaitpart_model.GaitPart(architecture)
    _fixed(fcs, in_channels=network.Head.fc_bin.shape[1], parts_num=architecture.parts)
    for section in (cfg, backbone, fcs):
        section.nothing_left()
    return _trainable(network)


def gaitgl(model_cfg: Mapping[str, Any], identities: int) -> Trainable:
    """GaitGL: the small one for CASIA-B with three channel numbers, the deep one for OUMVLP and GREW with four.

    OpenGait tells them apart by the name of the dataset, which its files choose the channels by as well.
    """
    cfg = Settings(model_cfg, "model_cfg")
    cfg.take("model", None)
    with_necks = "SeparateBNNecks" in model_cfg
    head = cfg.section("SeparateBNNecks")
    channels = tuple(cfg.take("channels", gaitgl_model.Architecture().channels))
    classes = _classes(cfg, "class_num", identities)
    if len(channels) not in (3, 4):
        raise ConfigError(f"model_cfg.channels: expected three or four numbers, got {list(channels)}.")
    _fixed(head, class_num=classes, in_channels=channels[-1], parts_num=64)
    for section in (cfg, head):
        section.nothing_left()
    deep = len(channels) == 4
    return _trainable(
        gaitgl_model.GaitGL(gaitgl_model.Architecture(1, channels, deep=deep, necks=with_necks, classes=classes))
    )
