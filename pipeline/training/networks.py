"""Which networks can be trained, under the names of OpenGait's model_cfg.

A trainable network is a module and a function that runs it on a batch and hands each loss what it needs. Adding one:
a function that takes model_cfg and the number of identities (those of GaitBase's relatives stand in zoo.py), and a line
in NETWORKS.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import torch
from torch import Tensor, nn

from pipeline.config import nearest
from pipeline.errors import ConfigError
from pipeline.recognition.layers import temporal_max
from pipeline.recognition.models.gaitbase import Architecture, GaitBase
from pipeline.training.batches import Batch
from pipeline.training.settings import Settings


@dataclass
class Outputs:
    """What a network makes of a batch.

    losses: what each loss gets, by its log_prefix: {"triplet": {"embeddings": …, "labels": …}, "softmax": {"logits": …,
    "labels": …}}. embeddings: what walks are compared by, [n, c, p]; neck: the same after the head's normalisation.
    """

    losses: dict[str, dict[str, Tensor]]
    embeddings: Tensor
    neck: Tensor | None = None


@dataclass
class Trainable:
    """A network with the function that runs it on a batch; `spare`: keys not worth shipping, by their prefix."""

    network: nn.Module
    outputs: Callable[[Any, Batch], Outputs]
    spare: tuple[str, ...] = field(default=())


def baseline(model_cfg: Mapping[str, Any], identities: int) -> Trainable:
    """OpenGait's Baseline: GaitBase. Raises ConfigError for settings that it has not."""
    cfg = Settings(model_cfg, "model_cfg")
    cfg.take("model", "Baseline")
    backbone = cfg.section("backbone_cfg")
    for key, only in (("type", "ResNet9"), ("block", "BasicBlock")):
        if backbone.take(key, only) != only:
            raise ConfigError(f"model_cfg.backbone_cfg.{key}: only {only} can be trained.")
    fcs, necks = cfg.section("SeparateFCs"), cfg.section("SeparateBNNecks")
    parts = [int(strips) for strips in cfg.take("bin_num", [16])]
    architecture = Architecture(
        in_channels=int(backbone.take("in_channel", backbone.take("in_channels", 1))),
        channels=tuple(backbone.take("channels", Architecture().channels)),
        layers=tuple(backbone.take("layers", Architecture().layers)),
        strides=tuple(backbone.take("strides", Architecture().strides)),
        maxpool=bool(backbone.take("maxpool", True)),
        parts=sum(parts),
        out_channels=int(fcs.take("out_channels", 256)),
        classes=int(necks.take("class_num", None) or identities),
    )
    for section, key, value in (
        (fcs, "in_channels", architecture.channels[3]),
        (fcs, "parts_num", architecture.parts),
        (necks, "in_channels", architecture.out_channels),
        (necks, "parts_num", architecture.parts),
    ):
        if section.take(key, value) != value:
            raise ConfigError(f"{section.name}.{key}: must be {value}, to fit the layers before it.")
    softmax_parts = int(necks.take("softmax_parts", architecture.parts))
    for section in (cfg, backbone, fcs, necks):
        section.nothing_left()
    if architecture.classes < identities:
        raise ConfigError(
            f"model_cfg.SeparateBNNecks.class_num: {architecture.classes} classes for {identities} identities to "
            "train on. Leave it out to have as many as there are."
        )
    network = GaitBase(architecture)

    def outputs(network: GaitBase, batch: Batch) -> Outputs:
        return _baseline_outputs(network, batch, softmax_parts)

    return Trainable(network, outputs, spare=("BNNecks.fc_bin",))


def _baseline_outputs(network: GaitBase, batch: Batch, softmax_parts: int) -> Outputs:
    """softmax_parts: in training, logits of so many parts only, drawn anew in every batch: a large head costs time."""
    silhouettes = batch.inputs[0]
    silhouettes = silhouettes.unsqueeze(1) if silhouettes.ndim == 4 else silhouettes.transpose(1, 2)
    pooled = temporal_max(network.Backbone(silhouettes), batch.lengths)
    with torch.autocast(pooled.device.type, enabled=False):  # what little is left deserves its precision
        embeddings = network.embed(pooled.float())
        neck, logits = network.BNNecks(embeddings, softmax_parts if network.training else 0)
    return Outputs(
        {
            "triplet": {"embeddings": embeddings, "labels": batch.labels},
            "softmax": {"logits": logits, "labels": batch.labels},
            "neck": {"embeddings": neck, "labels": batch.labels},
        },
        embeddings,
        neck,
    )


NETWORKS: Mapping[str, str] = {
    "Baseline": "pipeline.training.networks:baseline",
    "DeepGaitV2": "pipeline.training.zoo:deepgaitv2",
    "GaitGL": "pipeline.training.zoo:gaitgl",
    "GaitPart": "pipeline.training.zoo:gaitpart",
    "GaitSet": "pipeline.training.zoo:gaitset",
}


def open_trainable(model_cfg: Mapping[str, Any], identities: int) -> Trainable:
    """The network that model_cfg describes, with fresh weights. Raises ConfigError for an unknown one."""
    name = str(model_cfg.get("model"))
    if name not in NETWORKS:
        raise ConfigError(f"model_cfg.model: {name!r} cannot be trained{nearest(name, sorted(NETWORKS))}")
    module, _, function = NETWORKS[name].partition(":")
    build = getattr(importlib.import_module(module), function)
    return cast(Trainable, build(model_cfg, identities))
