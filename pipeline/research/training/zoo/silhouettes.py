"""Networks for silhouettes (DeepGaitV2 for skeleton maps too): OpenGait's model_cfg to their architecture."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from pipeline.errors import ConfigError
from pipeline.recognition.models import deepgaitv2 as deepgaitv2_model
from pipeline.recognition.models import gaitgl as gaitgl_model
from pipeline.recognition.models import gaitpart as gaitpart_model
from pipeline.recognition.models import gaitset as gaitset_model
from pipeline.recognition.models import gln as gln_model
from pipeline.recognition.models import swingait as swingait_model
from pipeline.research.training.data.batches import Batch
from pipeline.research.training.networks import Outputs, Trainable
from pipeline.research.training.optim import Group
from pipeline.research.training.settings import Settings
from pipeline.research.training.zoo.heads import one_length, pictures, trainable


def deepgaitv2(cfg: Settings, identities: int) -> Trainable:
    """DeepGaitV2, and SkeletonGait with in_channels 2."""
    features = "neck" if cfg.take("use_emb2", False) else "embeddings"
    backbone, head = cfg.section("Backbone"), cfg.section("SeparateBNNecks")
    default = deepgaitv2_model.Architecture()
    architecture = deepgaitv2_model.Architecture(
        in_channels=int(backbone.take("in_channels", default.in_channels)),
        mode=backbone.take("mode", default.mode),
        channels=tuple(backbone.take("channels", default.channels)),
        layers=tuple(backbone.take("layers", default.layers)),
        out_channels=int(cfg.take("out_channels", default.out_channels)),
        classes=head.classes("class_num", identities),
    )
    if architecture.mode not in ("2d", "p3d", "3d"):
        raise ConfigError(f"model_cfg.Backbone.mode: {architecture.mode!r}; expected 2d, p3d or 3d.")
    head.fixed(in_channels=architecture.out_channels, parts_num=architecture.parts)
    for section in (cfg, backbone, head):
        section.nothing_left()
    encoder = "skeletongait" if architecture.in_channels == 2 else "deepgaitv2"
    return trainable(deepgaitv2_model.DeepGaitV2(architecture), architecture, encoder, features=features)


def gaitset(cfg: Settings, identities: int) -> Trainable:
    """GaitSet. in_channels lists those of the input and of the three stages, as in OpenGait's files."""
    fcs = cfg.section("SeparateFCs")
    first, *channels = cfg.take("in_channels", (1, 32, 64, 128))
    architecture = gaitset_model.Architecture(
        in_channels=int(first),
        channels=tuple(channels),
        bins=tuple(cfg.take("bin_num", gaitset_model.Architecture().bins)),
        out_channels=int(fcs.take("out_channels", gaitset_model.Architecture().out_channels)),
    )
    _three_stages(channels)
    fcs.fixed(in_channels=channels[2], parts_num=2 * sum(architecture.bins))
    for section in (cfg, fcs):
        section.nothing_left()
    return trainable(gaitset_model.GaitSet(architecture), architecture, "gaitset")


def _three_stages(channels: list[int]) -> None:
    if len(channels) != 3:
        raise ConfigError("model_cfg.in_channels: expected four numbers, of the input and of three stages.")


def gaitpart(cfg: Settings, identities: int) -> Trainable:
    """GaitPart. layers_cfg: BC-channels, FC-channels-halvings, M for pooling."""
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
    fcs.fixed(in_channels=network.Head.fc_bin.shape[1], parts_num=architecture.parts)
    for section in (cfg, backbone, fcs):
        section.nothing_left()
    return trainable(network, architecture, "gaitpart")


def gaitgl(cfg: Settings, identities: int) -> Trainable:
    """GaitGL: the small one for CASIA-B with three channel numbers, the deep one for OUMVLP and GREW with four.

    OpenGait tells them apart by the name of the dataset, which its files choose the channels by as well.
    """
    with_necks = "SeparateBNNecks" in cfg.left
    head = cfg.section("SeparateBNNecks")
    channels = tuple(cfg.take("channels", gaitgl_model.Architecture().channels))
    classes = cfg.classes("class_num", identities)
    if len(channels) not in (3, 4):
        raise ConfigError(f"model_cfg.channels: expected three or four numbers, got {list(channels)}.")
    head.fixed(class_num=classes, in_channels=channels[-1], parts_num=64)
    for section in (cfg, head):
        section.nothing_left()
    architecture = gaitgl_model.Architecture(1, channels, deep=len(channels) == 4, necks=with_necks, classes=classes)
    return trainable(gaitgl_model.GaitGL(architecture), architecture, "gaitgl")


def gln(cfg: Settings, identities: int) -> Trainable:
    """GLN: phase 1 with Lateral_pretraining, which phase 2 goes on from and adds the compact block to.

    Both phases compare the embeddings of all parts. The compact block's batch normalisations learn no shift.
    """
    fcs = cfg.section("SeparateFCs")
    default = gln_model.Architecture()
    first, *channels = cfg.take("in_channels", (1, *default.channels))
    _three_stages(channels)
    compact = not cfg.take("Lateral_pretraining", False)
    dropout = float(cfg.take("dropout", 0.9))
    architecture = gln_model.Architecture(
        in_channels=int(first),
        channels=tuple(channels),
        lateral_channels=int(cfg.take("lateral_dim", default.lateral_channels)),
        bins=tuple(cfg.take("bin_num", default.bins)),
        out_channels=int(fcs.take("out_channels", default.out_channels)),
        compact=compact,
        compact_channels=int(cfg.take("hidden_dim", default.compact_channels)),
        classes=cfg.classes("class_num", identities),
    )
    fcs.fixed(in_channels=architecture.lateral_channels, parts_num=3 * sum(architecture.bins))
    for section in (cfg, fcs):
        section.nothing_left()
    network = gln_model.GLN(architecture)
    if compact:
        for norm in (network.encoder_bn, network.reduce_bn):
            norm.bias.requires_grad_(False)

    def outputs(network: gln_model.GLN, batch: Batch) -> Outputs:
        one_length(batch)
        embeddings = network(pictures(batch.inputs[0])).float()
        for_losses: dict[str, dict[str, Tensor]] = {"triplet": {"embeddings": embeddings, "labels": batch.labels}}
        if compact:
            seen = F.dropout(network.encoder_bn(embeddings.flatten(1)), dropout, network.training)
            logits = network.reduce_cls(network.reduce_bn(network.reduce_fc(F.relu(seen))))
            for_losses["softmax"] = {"logits": logits.unsqueeze(-1), "labels": batch.labels}
        return Outputs(for_losses, embeddings)

    return trainable(network, architecture, "gln", outputs=outputs)


def swingait(cfg: Settings, identities: int) -> Trainable:
    """SwinGait. What comes from DeepGaitV2 and the heads learn at a tenth of the transformer's rate.

    OpenGait's Backbone has two channel numbers, its transformer 256 channels and 16 heads of attention; here a third
    number and `heads` change those.
    """
    backbone, head = cfg.section("Backbone"), cfg.section("SeparateBNNecks")
    default = swingait_model.Architecture()
    channels = tuple(backbone.take("channels", default.channels))
    architecture = swingait_model.Architecture(
        in_channels=int(backbone.take("in_channels", default.in_channels)),
        mode=backbone.take("mode", default.mode),
        channels=channels if len(channels) == 3 else (*channels, default.channels[2]),
        layers=tuple(backbone.take("layers", default.layers)),
        heads=int(backbone.take("heads", default.heads)),
        out_channels=int(head.take("in_channels", default.out_channels)),
        classes=head.classes("class_num", identities),
    )
    if len(architecture.channels) != 3 or len(architecture.layers) != 4:
        raise ConfigError("model_cfg.Backbone: expected two or three channels and four numbers of layers.")
    cfg.fixed(bin_num=[15])
    head.fixed(parts_num=16)
    for section in (cfg, backbone, head):
        section.nothing_left()
    network = swingait_model.SwinGait(architecture)
    groups = (
        Group(r"transformer\..*(patch_embed|norm|relative_position_bias_table)", decays=False),
        Group(r"transformer\."),
        Group(r"", share=0.1),
    )
    made = trainable(network, architecture, "swingait", groups=groups)
    _as_transformers_start(network.transformer)
    return made


def _as_transformers_start(transformer: nn.Module) -> None:
    """Linear maps from a narrow normal distribution (Liu et al., ICCV 2021): others do not learn at this rate."""
    for module in transformer.modules():
        if isinstance(module, nn.Linear):
            nn.init.trunc_normal_(module.weight, std=0.02)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
