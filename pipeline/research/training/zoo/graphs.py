"""Networks for keypoints. OpenGait's transforms make of them what the inner network sees; so the batch holds that."""

from __future__ import annotations

import dataclasses
from typing import TypeVar

import torch
import torch.nn.functional as F

from pipeline.errors import ConfigError
from pipeline.profiles import nearest
from pipeline.recognition.models import gaitgraph1 as gaitgraph1_model
from pipeline.recognition.models import gaitgraph2 as gaitgraph2_model
from pipeline.recognition.models import gaittr as gaittr_model
from pipeline.recognition.models import gpgait as gpgait_model
from pipeline.recognition.models import msgg as msgg_model
from pipeline.recognition.models import stgcn as stgcn_model
from pipeline.research.training.data.batches import Batch
from pipeline.research.training.input_files import COCO_JOINTS, keypoints
from pipeline.research.training.networks import Losses, Outputs, Trainable, head_outputs, trainable
from pipeline.research.training.settings import Settings

JOINTS = {"coco": 17, "alphapose": 18, "openpose": 18, "OUMVLP": 18, "oumvlp": 18}  # by joint_format

A = TypeVar("A")


def _joints(cfg: Settings) -> int:
    name = str(cfg.take("joint_format", "coco"))
    if name not in JOINTS:
        raise ConfigError(f"model_cfg.joint_format: {name!r}{nearest(name, sorted(JOINTS))}")
    return JOINTS[name]


def _input_of(batch: Batch, advice: str, *shape: int) -> torch.Tensor:
    """The batch's input, whose last sides must be `shape`. Raises ConfigError, with the transform that makes it."""
    found = batch.inputs[0]
    if found.ndim != len(shape) + 2 or tuple(found.shape[2:]) != shape:
        raise ConfigError(
            f"trainer_cfg.transform: this network needs [n, frames, {', '.join(map(str, shape))}], got "
            f"{list(found.shape)}. {advice}"
        )
    return found


def _resgcn(cfg: Settings, default: A) -> A:
    """ResGCN's architecture; input_branch: (channels of the input, then of every block)."""
    cfg.only(block="Bottleneck")
    return cfg.architecture(
        default,
        branches="input_num",
        branch="input_branch",
        stream="main_stream",
        reduction="reduction",
        out_channels="num_class",
        tta="tta",
    )


def gaitgraph1(cfg: Settings, identities: int) -> Trainable:
    """GaitGraph: SupCon between two views of every sample, which TwoView puts one after the other in time."""
    architecture = _resgcn(cfg, gaitgraph1_model.Architecture(joints=_joints(cfg)))

    def outputs(network: gaitgraph1_model.GaitGraph1, batch: Batch) -> Outputs:
        found = batch.inputs[0]  # [n, c, s, v, 1]
        if found.ndim != 5 or found.shape[1] != architecture.branch[0] or found.shape[3] != architecture.joints:
            raise ConfigError(
                f"trainer_cfg.transform: GaitGraph1 needs [n, {architecture.branch[0]}, frames, {architecture.joints}, "
                f"1], got {list(found.shape)}. GaitGraph1Input makes it, inside of TwoView."
            )
        views = found.permute(0, 4, 1, 2, 3)
        half = views.shape[3] // 2
        shown = (views[:, :, :, :half], views[:, :, :, half : 2 * half]) if network.training else (views,)
        embeddings = F.normalize(network.ResGCN(torch.cat(shown)).float(), dim=1)
        features = torch.stack(embeddings.chunk(len(shown)), dim=1)
        return Outputs(_contrast(features, batch), features.mean(dim=1).unsqueeze(-1))

    network, files = gaitgraph1_model.GaitGraph1(architecture), ((keypoints(architecture.joints),),)
    return trainable(network, architecture, "gaitgraph1", outputs=outputs, files=files)


def gaitgraph2(cfg: Settings, identities: int) -> Trainable:
    """GaitGraph2: SupCon by distance among the samples of a batch. conventions, frames, fill: as its architecture's."""
    architecture = _resgcn(cfg, gaitgraph2_model.Architecture(joints=_joints(cfg)))
    if architecture.branches * architecture.branch[0] != 15 or architecture.branches not in (1, 3):
        raise ConfigError("model_cfg.input_num: must be 3 (joints, velocities and bones), or 1 of their 15 channels.")
    own = {key: cfg.take(key, getattr(architecture, key)) for key in ("conventions", "frames", "fill")}
    architecture = dataclasses.replace(architecture, **own)

    def outputs(network: gaitgraph2_model.GaitGraph2, batch: Batch) -> Outputs:
        branches = _input_of(batch, "GaitGraphMultiInput makes it.", architecture.joints, 3, 5).permute(0, 3, 4, 1, 2)
        branches = branches.reshape(len(branches), architecture.branches, -1, *branches.shape[3:])
        embeddings = network.ResGCN(branches).float()
        return Outputs(_contrast(embeddings, batch), embeddings.unsqueeze(-1))

    network, files = gaitgraph2_model.GaitGraph2(architecture), ((keypoints(architecture.joints),),)
    return trainable(network, architecture, "gaitgraph2", outputs=outputs, files=files)


def _contrast(features: torch.Tensor, batch: Batch) -> Losses:
    return {"SupConLoss": {"features": features, "labels": batch.labels}}


def stgcn(cfg: Settings, identities: int) -> Trainable:
    """ST-GCN in GaitGraph2's place, as tteepe/GaitGraph2 has it. The keys of model_cfg are ours.

    joint_format, num_class as GaitGraph2's; frames: that samples are cut to in inference; tta: three views then.
    """
    default = stgcn_model.Architecture(
        joints=_joints(cfg), frames=cfg.take("frames", stgcn_model.Architecture().frames)
    )
    architecture = cfg.architecture(default, out_channels="num_class", tta="tta")

    def outputs(network: stgcn_model.STGCN, batch: Batch) -> Outputs:
        joints = _input_of(batch, "NoOperation leaves keypoints as they are.", architecture.joints, 3)
        embeddings = network.backbone(joints).float()
        return Outputs(_contrast(embeddings, batch), embeddings.unsqueeze(-1))

    network = stgcn_model.STGCN(architecture)  # not OpenGait's: starts as torch has it
    return Trainable(network, outputs, ((keypoints(architecture.joints),),), network.HEAD, "stgcn", architecture)


def gaittr(cfg: Settings, identities: int) -> Trainable:
    """GaitTR: triplets of embeddings. in_channels: before and after every block; num_class: of the embeddings."""
    architecture = cfg.architecture(
        gaittr_model.Architecture(joints=_joints(cfg)), channels="in_channels", out_channels="num_class"
    )
    if architecture.channels[0] != gaittr_model.TEN:
        raise ConfigError(f"model_cfg.in_channels: the first must be {gaittr_model.TEN}, as GaitTRMultiInput makes.")

    def outputs(network: gaittr_model.GaitTR, batch: Batch) -> Outputs:
        sides = (gaittr_model.TEN, architecture.joints, 1)
        channels = _input_of(batch, "GaitTRMultiInput and SkeletonInput make it.", *sides)
        embeddings = network.embedded(channels.squeeze(-1).transpose(1, 2)).float()
        return Outputs({"triplet": {"embeddings": embeddings, "labels": batch.labels}}, embeddings)

    network, files = gaittr_model.GaitTR(architecture), ((keypoints(architecture.joints),),)
    return trainable(network, architecture, "gaittr", outputs=outputs, files=files)


def gpgait(cfg: Settings, identities: int) -> Trainable:
    """GPGait: triplets and classes, as FastPoseGait has it. in_channels: before and after every block."""
    architecture = cfg.architecture(
        gpgait_model.Architecture(classes=cfg.classes("num_class", identities)),
        channels="in_channels",
        shared="share_num",
    )

    def outputs(network: gpgait_model.GPGait, batch: Batch) -> Outputs:
        channels = _input_of(batch, "HOD_MultiInput and SkeletonInput make it.", 5, COCO_JOINTS, 1)
        return head_outputs(network, network.embedded(channels.squeeze(-1).transpose(1, 2)), batch.labels)

    network, files = gpgait_model.GPGait(architecture), ((keypoints(COCO_JOINTS),),)
    return trainable(network, architecture, "gpgait", outputs=outputs, files=files, features="neck")


def msgg(cfg: Settings, identities: int) -> Trainable:
    """MSGG: triplets of the two finer scales before, of the coarsest one after its last layer, and the classes."""
    cfg.only("graph_cfg", layout="body_12", strategy="gait_temporal")
    cfg.only(temporal_kernel_size=9)
    architecture = cfg.architecture(
        msgg_model.Architecture(classes=cfg.classes("num_id", identities)),
        channels="in_channels",
        out_channels="out_channels",
    )

    def outputs(network: msgg_model.MSGG, batch: Batch) -> Outputs:
        joints = _input_of(batch, "MSGGTransform makes it.", len(msgg_model.JOINTS), architecture.channels[0])
        low, medium, high = network.scales_of(joints)
        embeddings = network.fc(high).float().unsqueeze(-1)
        of_scales = {
            "triplet_joints": low.float().unsqueeze(-1),
            "triplet_limbs": medium.float().unsqueeze(-1),
            "triplet_bodyparts": embeddings,
        }
        losses = {name: {"embeddings": values, "labels": batch.labels} for name, values in of_scales.items()}
        losses["softmax"] = {"logits": network.logits(embeddings), "labels": batch.labels}
        return Outputs(losses, embeddings)

    network, files = msgg_model.MSGG(architecture), ((keypoints(COCO_JOINTS),),)
    return trainable(network, architecture, "msgg", outputs=outputs, files=files)
