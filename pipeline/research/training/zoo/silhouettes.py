"""Networks for silhouettes (DeepGaitV2 for skeleton maps too): OpenGait's model_cfg to their architecture."""

from __future__ import annotations

from dataclasses import replace

import torch.nn.functional as F
from torch import nn

from pipeline.errors import ConfigError
from pipeline.recognition.models import deepgaitv2 as deepgaitv2_model
from pipeline.recognition.models import gaitgl as gaitgl_model
from pipeline.recognition.models import gaitpart as gaitpart_model
from pipeline.recognition.models import gaitset as gaitset_model
from pipeline.recognition.models import gln as gln_model
from pipeline.recognition.models import swingait as swingait_model
from pipeline.research.training.data.batches import Batch
from pipeline.research.training.networks import Losses, Outputs, Trainable, images_of, trainable
from pipeline.research.training.optim import Group
from pipeline.research.training.settings import Settings

FCS, NECKS = "SeparateFCs", "SeparateBNNecks"


def deepgaitv2(cfg: Settings, identities: int) -> Trainable:
    """DeepGaitV2, and SkeletonGait with in_channels 2."""
    architecture = cfg.architecture(
        deepgaitv2_model.Architecture(classes=cfg.classes(f"{NECKS}.class_num", identities)),
        in_channels="Backbone.in_channels",
        mode="Backbone.mode",
        channels="Backbone.channels",
        layers="Backbone.layers",
        out_channels="out_channels",
    )
    if architecture.mode not in ("2d", "p3d", "3d"):
        raise ConfigError(f"model_cfg.Backbone.mode: {architecture.mode!r}; expected 2d, p3d or 3d.")
    cfg.only(NECKS, in_channels=architecture.out_channels, parts_num=architecture.parts)
    features = "neck" if cfg.take("use_emb2", False) else "embeddings"
    encoder = "skeletongait" if architecture.in_channels == 2 else "deepgaitv2"
    return trainable(deepgaitv2_model.DeepGaitV2(architecture), architecture, encoder, features=features)


def gaitset(cfg: Settings, identities: int) -> Trainable:
    """GaitSet. in_channels lists those of the input and of the three stages, as in OpenGait's files."""
    first, channels = _input_and_stages(cfg)
    architecture = cfg.architecture(
        gaitset_model.Architecture(first, channels), bins="bin_num", out_channels=f"{FCS}.out_channels"
    )
    cfg.only(FCS, in_channels=channels[2], parts_num=2 * sum(architecture.bins))
    return trainable(gaitset_model.GaitSet(architecture), architecture, "gaitset")


def _input_and_stages(cfg: Settings) -> tuple[int, tuple[int, ...]]:
    first, *channels = cfg.take("in_channels", (1, 32, 64, 128))
    if len(channels) != 3:
        raise ConfigError("model_cfg.in_channels: expected four numbers, of the input and of three stages.")
    return int(first), tuple(channels)


def gaitpart(cfg: Settings, identities: int) -> Trainable:
    """GaitPart. layers_cfg: BC-channels, FC-channels-halvings, M for pooling."""
    refuse_other_backbone(cfg)
    architecture = cfg.architecture(
        gaitpart_model.Architecture(parts=sum(cfg.take("bin_num", (gaitpart_model.Architecture().parts,)))),
        in_channels="backbone_cfg.in_channels",
        layers="backbone_cfg.layers_cfg",
        out_channels=f"{FCS}.out_channels",
    )
    network = gaitpart_model.GaitPart(architecture)
    cfg.only(FCS, in_channels=network.Head.fc_bin.shape[1], parts_num=architecture.parts)
    return trainable(network, architecture, "gaitpart")


def refuse_other_backbone(cfg: Settings) -> None:
    """Raise ConfigError for a backbone_cfg that is not OpenGait's Plain."""
    if cfg.take("backbone_cfg.type", "Plain") != "Plain":
        raise ConfigError("model_cfg.backbone_cfg.type: only Plain can be trained.")


def gaitgl(cfg: Settings, identities: int) -> Trainable:
    """GaitGL: the small one for CASIA-B with three channel numbers, the deep one for OUMVLP and GREW with four.

    OpenGait chooses by the name of the dataset, as its files choose the channels.
    """
    channels = tuple(cfg.take("channels", gaitgl_model.Architecture().channels))
    classes = cfg.classes("class_num", identities)
    if len(channels) not in (3, 4):
        raise ConfigError(f"model_cfg.channels: expected three or four numbers, got {list(channels)}.")
    has_necks = cfg.has_section(NECKS)
    cfg.only(NECKS, class_num=classes, in_channels=channels[-1], parts_num=64)
    architecture = gaitgl_model.Architecture(1, channels, deep=len(channels) == 4, necks=has_necks, classes=classes)
    return trainable(gaitgl_model.GaitGL(architecture), architecture, "gaitgl")


def gln(cfg: Settings, identities: int) -> Trainable:
    """GLN: phase 1 with Lateral_pretraining, which phase 2 goes on from and adds the compact block to.

    Both phases compare the embeddings of all parts. The compact block's batch normalisations learn no shift.
    """
    first, channels = _input_and_stages(cfg)
    compact = not cfg.take("Lateral_pretraining", False)
    dropout = float(cfg.take("dropout", 0.9))
    architecture = cfg.architecture(
        gln_model.Architecture(first, channels, compact=compact, classes=cfg.classes("class_num", identities)),
        lateral_channels="lateral_dim",
        bins="bin_num",
        out_channels=f"{FCS}.out_channels",
        compact_channels="hidden_dim",
    )
    cfg.only(FCS, in_channels=architecture.lateral_channels, parts_num=3 * sum(architecture.bins))
    network = gln_model.GLN(architecture)
    if compact:
        for norm in (network.encoder_bn, network.reduce_bn):
            norm.bias.requires_grad_(False)

    def outputs(network: gln_model.GLN, batch: Batch) -> Outputs:
        embeddings = network(images_of(batch.inputs[0])).float()
        losses: Losses = {"triplet": {"embeddings": embeddings, "labels": batch.labels}}
        if compact:
            seen = F.dropout(network.encoder_bn(embeddings.flatten(1)), dropout, network.training)
            logits = network.reduce_cls(network.reduce_bn(network.reduce_fc(F.relu(seen))))
            losses["softmax"] = {"logits": logits.unsqueeze(-1), "labels": batch.labels}
        return Outputs(losses, embeddings)

    return trainable(network, architecture, "gln", outputs=outputs)


def swingait(cfg: Settings, identities: int) -> Trainable:
    """SwinGait. What comes from DeepGaitV2 and the heads learn at a tenth of the transformer's rate.

    OpenGait's Backbone has two channel numbers, its transformer 256 channels and 16 heads of attention; here a third
    number and `heads` change those.
    """
    default = swingait_model.Architecture(classes=cfg.classes(f"{NECKS}.class_num", identities))
    architecture = cfg.architecture(
        default,
        in_channels="Backbone.in_channels",
        mode="Backbone.mode",
        channels="Backbone.channels",
        layers="Backbone.layers",
        heads="Backbone.heads",
        out_channels=f"{NECKS}.in_channels",
    )
    if len(architecture.channels) == 2:
        architecture = replace(architecture, channels=(*architecture.channels, default.channels[2]))
    if len(architecture.channels) != 3 or len(architecture.layers) != 4:
        raise ConfigError("model_cfg.Backbone: expected two or three channels and four numbers of layers.")
    cfg.only(bin_num=[15])
    cfg.only(NECKS, parts_num=16)
    network = swingait_model.SwinGait(architecture)
    groups = (
        Group(r"transformer\..*(patch_embed|norm|relative_position_bias_table)", decays=False),
        Group(r"transformer\."),
        Group(r"", share=0.1),
    )
    made = trainable(network, architecture, "swingait", groups=groups)
    for module in network.transformer.modules():  # Liu et al., ICCV 2021: from a wider distribution none learns
        if isinstance(module, nn.Linear):
            nn.init.trunc_normal_(module.weight, std=0.02)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    return made
