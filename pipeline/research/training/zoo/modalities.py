"""Networks that look at more than silhouettes: SMPLGait, MultiGait++, SkeletonGait++ and LidarGait++."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import ConfigError
from pipeline.recognition.models import deepgaitv2 as deepgaitv2_model
from pipeline.recognition.models import lidargaitpp as lidargaitpp_model
from pipeline.recognition.models import multigaitpp as multigaitpp_model
from pipeline.recognition.models import skeletongaitpp as skeletongaitpp_model
from pipeline.recognition.models import smplgait as smplgait_model
from pipeline.research.training.data.batches import Batch
from pipeline.research.training.networks import Outputs, Trainable
from pipeline.research.training.settings import Settings
from pipeline.research.training.wanted import MAPS, POINTS, SILHOUETTES, SMPL, pictures
from pipeline.research.training.zoo import heads
from pipeline.research.training.zoo.heads import one_length, trainable, with_head
from pipeline.types import Modality

Joined = list[NDArray[Any]]


def smplgait(cfg: Settings, identities: int) -> Trainable:
    """SMPLGait: silhouettes, and the 85 SMPL values of the same frames."""
    backbone, fcs, necks = cfg.section("backbone_cfg"), cfg.section("SeparateFCs"), cfg.section("SeparateBNNecks")
    if backbone.take("type", "Plain") != "Plain":
        raise ConfigError("model_cfg.backbone_cfg.type: only Plain can be trained.")
    default = smplgait_model.Architecture()
    architecture = smplgait_model.Architecture(
        in_channels=int(backbone.take("in_channels", default.in_channels)),
        layers=tuple(backbone.take("layers_cfg", default.layers)),
        bins=tuple(cfg.take("bin_num", default.bins)),
        out_channels=int(fcs.take("out_channels", default.out_channels)),
        classes=necks.classes("class_num", identities),
    )
    network = smplgait_model.SMPLGait(architecture)
    parts = sum(architecture.bins)
    fcs.fixed(in_channels=network.FCs.fc_bin.shape[1], parts_num=parts)
    necks.fixed(in_channels=architecture.out_channels, parts_num=parts)
    for section in (cfg, backbone, fcs, necks):
        section.nothing_left()

    def outputs(network: smplgait_model.SMPLGait, batch: Batch) -> Outputs:
        one_length(batch)
        silhouettes, smpl = batch.inputs
        return with_head(network, network(heads.pictures(silhouettes), smpl), batch.labels)

    return trainable(network, architecture, "smplgait", outputs=outputs, wants=((SILHOUETTES, SMPL),))


def multigaitpp(cfg: Settings, identities: int) -> Trainable:
    """MultiGait++: silhouettes and labels as one file T×2×H×W (labels · 20), or as two that are joined so.

    OpenGait's Backbone: C is a 32nd of the first stage's channels; its in_channels says nothing.
    """
    backbone, head = cfg.section("Backbone"), cfg.section("SeparateBNNecks")
    backbone.take("in_channels", None)
    default = multigaitpp_model.Architecture()
    width = int(backbone.take("C", 2))
    architecture = multigaitpp_model.Architecture(
        part1_channel=int(backbone.take("part1_channel", default.part1_channel)),
        part2_channel=int(backbone.take("part2_channel", default.part2_channel)),
        blocks=tuple(backbone.take("blocks", default.blocks)),
        channels=tuple(width * channels for channels in (32, 64, 128, 256)),
        out_channels=width * 128,
        classes=head.classes("class_num", identities),
    )
    head.fixed(in_channels=architecture.out_channels, parts_num=16)
    for section in (cfg, backbone, head):
        section.nothing_left()

    def outputs(network: multigaitpp_model.MultiGaitPP, batch: Batch) -> Outputs:
        one_length(batch)
        both = _channels(batch, architecture.part1_channel + architecture.part2_channel)
        first = architecture.part1_channel
        return with_head(network, network(both[:, :first], both[:, first:]), batch.labels)

    network = multigaitpp_model.MultiGaitPP(architecture)
    one, other = architecture.part1_channel, architecture.part2_channel
    apart = ((SILHOUETTES, pictures(what=Modality.PARSING)),) if one == other == 1 else ()
    wants = (*apart, (pictures(one + other),))
    more = {"outputs": outputs, "joined": _silhouettes_and_labels, "wants": wants}
    return trainable(network, architecture, "multigaitpp", **more)


def _channels(batch: Batch, count: int) -> Any:
    """Pictures [n, count, s, h, w]. Raises ConfigError for another number of channels."""
    found = heads.pictures(batch.inputs[0])
    if found.shape[1] != count:
        raise ConfigError(
            f"data_cfg.data_in_use: this network wants pictures of {count} channels, the walks have {found.shape[1]}."
        )
    return found


def _silhouettes_and_labels(files: Joined) -> Joined:
    silhouettes, labels = files
    return [np.stack([silhouettes, labels * multigaitpp_model.GREY_PER_LABEL], axis=1)]


def skeletongaitpp(cfg: Settings, identities: int) -> Trainable:
    """SkeletonGait++: skeleton maps and silhouettes, joined so that both are altered in the same way."""
    features = "neck" if cfg.take("use_emb2", False) else "embeddings"
    backbone, head = cfg.section("Backbone"), cfg.section("SeparateBNNecks")
    backbone.fixed(in_channels=3)
    default = deepgaitv2_model.Architecture()
    width = int(backbone.take("C", 2))
    architecture = deepgaitv2_model.Architecture(
        channels=tuple(width * channels for channels in (32, 64, 128, 256)),
        layers=tuple(backbone.take("blocks", default.layers)),
        out_channels=width * 128,
        classes=head.classes("class_num", identities),
    )
    head.fixed(in_channels=architecture.out_channels, parts_num=architecture.parts)
    for section in (cfg, backbone, head):
        section.nothing_left()

    def outputs(network: skeletongaitpp_model.SkeletonGaitPP, batch: Batch) -> Outputs:
        one_length(batch)
        return with_head(network, network(_channels(batch, 3)), batch.labels)

    network = skeletongaitpp_model.SkeletonGaitPP(architecture)
    wants = ((MAPS, SILHOUETTES), (pictures(3),))
    more = {"outputs": outputs, "joined": _maps_and_silhouettes, "features": features, "wants": wants}
    return trainable(network, architecture, "skeletongaitpp", **more)


def _maps_and_silhouettes(files: Joined) -> Joined:
    """Maps T×2×H×W and silhouettes T×H×W; square maps are cut where the silhouettes have been."""
    maps, silhouettes = files
    height, width = silhouettes.shape[-2:]
    if maps.shape[-2] == maps.shape[-1] and height != width:
        margin = (height - width) // 2
        maps = maps[..., margin : maps.shape[-1] - margin]
    return [np.concatenate([maps, silhouettes[:, None]], axis=1)]


def lidargaitpp(cfg: Settings, identities: int) -> Trainable:
    """LidarGait++ with the settings that were published: nearest neighbours, heights kept, pooling by height."""
    fcs, necks = cfg.section("SeparateFCs"), cfg.section("SeparateBNNecks")
    cfg.fixed(scale_aware=True, normalize_dp=True, sampling="knn", pool="PPP_HAP")
    default = lidargaitpp_model.Architecture()
    architecture = lidargaitpp_model.Architecture(
        channel=int(cfg.take("channel", default.channel)),
        points=tuple(cfg.take("npoints", default.points)),
        neighbours=int(cfg.take("nsample", default.neighbours)),
        bins=tuple(cfg.take("scale", default.bins)),
        feature_channels=int(fcs.take("in_channels", default.feature_channels)),
        out_channels=int(fcs.take("out_channels", default.out_channels)),
        classes=necks.classes("class_num", identities),
    )
    parts = sum(architecture.bins)
    fcs.fixed(parts_num=parts)
    necks.fixed(in_channels=architecture.out_channels, parts_num=parts)
    for section in (cfg, fcs, necks):
        section.nothing_left()

    def outputs(network: lidargaitpp_model.LidarGaitPP, batch: Batch) -> Outputs:
        one_length(batch)
        points = batch.inputs[0]
        if points.ndim != 4 or points.shape[-1] != 4:
            raise ConfigError("trainer_cfg.transform: LidarGait++ wants PointCloudsTransform with scale_aware: true.")
        return with_head(network, network(points), batch.labels)

    return trainable(
        lidargaitpp_model.LidarGaitPP(architecture), architecture, "lidargaitpp", outputs=outputs, wants=((POINTS,),)
    )
