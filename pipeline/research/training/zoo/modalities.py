"""Networks that look at more than silhouettes: SMPLGait, MultiGait++, SkeletonGait++ and LidarGait++."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from pipeline.errors import ConfigError
from pipeline.recognition.models import deepgaitv2 as deepgaitv2_model
from pipeline.recognition.models import lidargaitpp as lidargaitpp_model
from pipeline.recognition.models import multigaitpp as multigaitpp_model
from pipeline.recognition.models import skeletongaitpp as skeletongaitpp_model
from pipeline.recognition.models import smplgait as smplgait_model
from pipeline.research.training.data.batches import Batch
from pipeline.research.training.input_files import MAPS, PARSING, POINTS, SILHOUETTES, SMPL, image_file
from pipeline.research.training.networks import Outputs, Trainable, head_outputs, images_of, trainable
from pipeline.research.training.settings import Settings
from pipeline.research.training.zoo.silhouettes import FCS, NECKS, refuse_other_backbone

Joined = list[NDArray[Any]]
STAGES = (32, 64, 128, 256)  # channels of the four, times the width C


def smplgait(cfg: Settings, identities: int) -> Trainable:
    """SMPLGait: silhouettes, and the 85 SMPL values of the same frames."""
    refuse_other_backbone(cfg)
    architecture = cfg.architecture(
        smplgait_model.Architecture(classes=cfg.classes(f"{NECKS}.class_num", identities)),
        in_channels="backbone_cfg.in_channels",
        layers="backbone_cfg.layers_cfg",
        bins="bin_num",
        out_channels=f"{FCS}.out_channels",
    )
    network = smplgait_model.SMPLGait(architecture)
    parts = sum(architecture.bins)
    cfg.only(FCS, in_channels=network.FCs.fc_bin.shape[1], parts_num=parts)
    cfg.only(NECKS, in_channels=architecture.out_channels, parts_num=parts)

    def outputs(network: smplgait_model.SMPLGait, batch: Batch) -> Outputs:
        silhouettes, smpl = batch.inputs
        return head_outputs(network, network(images_of(silhouettes), smpl), batch.labels)

    return trainable(network, architecture, "smplgait", outputs=outputs, files=((SILHOUETTES, SMPL),))


def multigaitpp(cfg: Settings, identities: int) -> Trainable:
    """MultiGait++: silhouettes and labels as one file T×2×H×W (labels · 20), or as two that are joined so.

    OpenGait's Backbone: C is a 32nd of the first stage's channels; its in_channels says nothing.
    """
    cfg.take("Backbone.in_channels", None)
    width = int(cfg.take("Backbone.C", 2))
    architecture = cfg.architecture(
        multigaitpp_model.Architecture(
            channels=tuple(width * channels for channels in STAGES),
            out_channels=width * 128,
            classes=cfg.classes(f"{NECKS}.class_num", identities),
        ),
        part1_channel="Backbone.part1_channel",
        part2_channel="Backbone.part2_channel",
        blocks="Backbone.blocks",
    )
    cfg.only(NECKS, in_channels=architecture.out_channels, parts_num=16)
    first, count = architecture.part1_channel, architecture.part1_channel + architecture.part2_channel

    def outputs(network: multigaitpp_model.MultiGaitPP, batch: Batch) -> Outputs:
        both = _images_of_channels(batch, count)
        return head_outputs(network, network(both[:, :first], both[:, first:]), batch.labels)

    apart = ((SILHOUETTES, PARSING),) if first == architecture.part2_channel == 1 else ()
    more = {"outputs": outputs, "joined": _silhouettes_and_labels, "files": (*apart, (image_file(count),))}
    return trainable(multigaitpp_model.MultiGaitPP(architecture), architecture, "multigaitpp", **more)


def _images_of_channels(batch: Batch, count: int) -> Tensor:
    """Images [n, count, s, h, w]. Raises ConfigError for another number of channels."""
    found = images_of(batch.inputs[0])
    if found.shape[1] != count:
        raise ConfigError(
            f"data_cfg.data_in_use: this network takes pictures of {count} channels, the walks have {found.shape[1]}."
        )
    return found


def _silhouettes_and_labels(files: Joined) -> Joined:
    silhouettes, labels = files
    return [np.stack([silhouettes, labels * multigaitpp_model.GREY_PER_LABEL], axis=1)]


def skeletongaitpp(cfg: Settings, identities: int) -> Trainable:
    """SkeletonGait++: skeleton maps and silhouettes, joined so that both are altered in the same way."""
    cfg.only("Backbone", in_channels=3)
    width = int(cfg.take("Backbone.C", 2))
    architecture = cfg.architecture(
        deepgaitv2_model.Architecture(
            channels=tuple(width * channels for channels in STAGES),
            out_channels=width * 128,
            classes=cfg.classes(f"{NECKS}.class_num", identities),
        ),
        layers="Backbone.blocks",
    )
    cfg.only(NECKS, in_channels=architecture.out_channels, parts_num=architecture.parts)

    def outputs(network: skeletongaitpp_model.SkeletonGaitPP, batch: Batch) -> Outputs:
        return head_outputs(network, network(_images_of_channels(batch, 3)), batch.labels)

    network = skeletongaitpp_model.SkeletonGaitPP(architecture)
    features = "neck" if cfg.take("use_emb2", False) else "embeddings"
    files = ((MAPS, SILHOUETTES), (image_file(3),))
    more = {"outputs": outputs, "joined": _maps_and_silhouettes, "features": features, "files": files}
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
    cfg.only(scale_aware=True, normalize_dp=True, sampling="knn", pool="PPP_HAP")
    architecture = cfg.architecture(
        lidargaitpp_model.Architecture(classes=cfg.classes(f"{NECKS}.class_num", identities)),
        channel="channel",
        points="npoints",
        neighbours="nsample",
        bins="scale",
        feature_channels=f"{FCS}.in_channels",
        out_channels=f"{FCS}.out_channels",
    )
    parts = sum(architecture.bins)
    cfg.only(FCS, parts_num=parts)
    cfg.only(NECKS, in_channels=architecture.out_channels, parts_num=parts)

    def outputs(network: lidargaitpp_model.LidarGaitPP, batch: Batch) -> Outputs:
        points = batch.inputs[0]
        if points.ndim != 4 or points.shape[-1] != 4:
            raise ConfigError("trainer_cfg.transform: LidarGait++ needs PointCloudsTransform with scale_aware: true.")
        return head_outputs(network, network(points), batch.labels)

    network = lidargaitpp_model.LidarGaitPP(architecture)
    return trainable(network, architecture, "lidargaitpp", outputs=outputs, files=((POINTS,),))
