"""Networks for keypoints. OpenGait's transforms make of them what the inner network sees; so the batch holds that."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F

from pipeline.errors import ConfigError
from pipeline.profiles import nearest
from pipeline.recognition.models import gaitgraph1 as gaitgraph1_model
from pipeline.recognition.models import gaitgraph2 as gaitgraph2_model
from pipeline.recognition.models import gaittr as gaittr_model
from pipeline.recognition.models import msgg as msgg_model
from pipeline.recognition.models import stgcn as stgcn_model
from pipeline.research.training.data.batches import Batch
from pipeline.research.training.data.pose_files import COCO_JOINTS
from pipeline.research.training.networks import Outputs, Trainable
from pipeline.research.training.settings import Settings
from pipeline.research.training.wanted import keypoints
from pipeline.research.training.zoo.heads import one_length, trainable

JOINTS = {"coco": 17, "alphapose": 18, "openpose": 18, "OUMVLP": 18, "oumvlp": 18}  # by joint_format


def _joints(cfg: Settings) -> int:
    name = str(cfg.take("joint_format", "coco"))
    if name not in JOINTS:
        raise ConfigError(f"{cfg.name}.joint_format: {name!r}{nearest(name, sorted(JOINTS))}")
    return JOINTS[name]


def _checked(batch: Batch, transform: str, *shape: int) -> torch.Tensor:
    """The batch's input, whose last sides must be `shape`. Raises ConfigError, naming the transform that makes it."""
    one_length(batch)
    found = batch.inputs[0]
    if found.ndim != len(shape) + 2 or tuple(found.shape[2:]) != shape:
        raise ConfigError(
            f"trainer_cfg.transform: this network wants [n, frames, {', '.join(map(str, shape))}], got "
            f"{list(found.shape)}. {transform}"
        )
    return found


def _resgcn(cfg: Settings, default: Any) -> dict[str, Any]:
    """ResGCN's fields of an architecture; input_branch: (channels of the input, then of every block)."""
    cfg.fixed(block="Bottleneck")
    return {
        "branches": int(cfg.take("input_num", default.branches)),
        "branch": tuple(cfg.take("input_branch", default.branch)),
        "stream": tuple(cfg.take("main_stream", default.stream)),
        "reduction": int(cfg.take("reduction", default.reduction)),
        "joints": _joints(cfg),
        "out_channels": int(cfg.take("num_class", default.out_channels)),
        "tta": bool(cfg.take("tta", default.tta)),
    }


def gaitgraph1(cfg: Settings, identities: int) -> Trainable:
    """GaitGraph: SupCon between two views of every walk, which TwoView puts one after the other in time."""
    architecture = gaitgraph1_model.Architecture(**_resgcn(cfg, gaitgraph1_model.Architecture()))
    cfg.nothing_left()

    def outputs(network: gaitgraph1_model.GaitGraph1, batch: Batch) -> Outputs:
        one_length(batch)
        walks = batch.inputs[0]  # [n, c, s, v, 1]
        if walks.ndim != 5 or walks.shape[1] != architecture.branch[0] or walks.shape[3] != architecture.joints:
            raise ConfigError(
                f"trainer_cfg.transform: GaitGraph1 wants [n, {architecture.branch[0]}, frames, {architecture.joints}, "
                f"1], got {list(walks.shape)}. GaitGraph1Input makes it, inside of TwoView."
            )
        views = walks.permute(0, 4, 1, 2, 3)
        half = views.shape[3] // 2
        shown = (views[:, :, :, :half], views[:, :, :, half : 2 * half]) if network.training else (views,)
        embeddings = F.normalize(network.ResGCN(torch.cat(shown)).float(), dim=1)
        features = torch.stack(embeddings.chunk(len(shown)), dim=1)
        return Outputs(_contrast(features, batch), features.mean(dim=1).unsqueeze(-1))

    more: dict[str, Any] = {"outputs": outputs, "wants": ((keypoints(architecture.joints),),)}
    return trainable(gaitgraph1_model.GaitGraph1(architecture), architecture, "gaitgraph1", **more)


def gaitgraph2(cfg: Settings, identities: int) -> Trainable:
    """GaitGraph2: SupCon by distance among the walks of a batch."""
    architecture = gaitgraph2_model.Architecture(**_resgcn(cfg, gaitgraph2_model.Architecture()))
    cfg.nothing_left()
    if architecture.branches != 3:
        raise ConfigError("model_cfg.input_num: must be 3: joints, velocities and bones.")

    def outputs(network: gaitgraph2_model.GaitGraph2, batch: Batch) -> Outputs:
        sides = (architecture.joints, 3, 5)
        branches = _checked(batch, "GaitGraphMultiInput makes it.", *sides).permute(0, 3, 4, 1, 2)
        embeddings = network.ResGCN(branches).float()
        return Outputs(_contrast(embeddings, batch), embeddings.unsqueeze(-1))

    more: dict[str, Any] = {"outputs": outputs, "wants": ((keypoints(architecture.joints),),)}
    return trainable(gaitgraph2_model.GaitGraph2(architecture), architecture, "gaitgraph2", **more)


def _contrast(features: torch.Tensor, batch: Batch) -> dict[str, dict[str, torch.Tensor]]:
    return {"SupConLoss": {"features": features, "labels": batch.labels}}


def stgcn(cfg: Settings, identities: int) -> Trainable:
    """ST-GCN in GaitGraph2's place, as tteepe/GaitGraph2 has it. The keys of model_cfg are ours.

    joint_format, num_class as GaitGraph2's; frames: walks are cut to in inference; tta: three views then.
    """
    default = stgcn_model.Architecture()
    frames = cfg.take("frames", default.frames)
    architecture = stgcn_model.Architecture(
        joints=_joints(cfg),
        out_channels=int(cfg.take("num_class", default.out_channels)),
        frames=None if frames is None else int(frames),
        tta=bool(cfg.take("tta", default.tta)),
    )
    cfg.nothing_left()

    def outputs(network: stgcn_model.STGCN, batch: Batch) -> Outputs:
        keypoints = _checked(batch, "NoOperation leaves keypoints as they are.", architecture.joints, 3)
        embeddings = network.backbone(keypoints).float()
        return Outputs(_contrast(embeddings, batch), embeddings.unsqueeze(-1))

    network = stgcn_model.STGCN(architecture)  # not OpenGait's: starts as torch has it
    wants = ((keypoints(architecture.joints),),)
    return Trainable(network, outputs, wants, network.HEAD, "stgcn", architecture)


def gaittr(cfg: Settings, identities: int) -> Trainable:
    """GaitTR: triplets of embeddings. in_channels: before and after every block; num_class: of the embeddings."""
    default = gaittr_model.Architecture()
    architecture = gaittr_model.Architecture(
        channels=tuple(cfg.take("in_channels", default.channels)),
        joints=_joints(cfg),
        out_channels=int(cfg.take("num_class", default.out_channels)),
    )
    cfg.nothing_left()
    if architecture.channels[0] != gaittr_model.TEN:
        raise ConfigError(f"model_cfg.in_channels: the first must be {gaittr_model.TEN}, as GaitTRMultiInput makes.")

    def outputs(network: gaittr_model.GaitTR, batch: Batch) -> Outputs:
        sides = (gaittr_model.TEN, architecture.joints, 1)
        channels = _checked(batch, "GaitTRMultiInput and SkeletonInput make it.", *sides)
        embeddings = network.embedded(channels.squeeze(-1).transpose(1, 2)).float()
        return Outputs({"triplet": {"embeddings": embeddings, "labels": batch.labels}}, embeddings)

    more: dict[str, Any] = {"outputs": outputs, "wants": ((keypoints(architecture.joints),),)}
    return trainable(gaittr_model.GaitTR(architecture), architecture, "gaittr", **more)


def msgg(cfg: Settings, identities: int) -> Trainable:
    """MSGG: triplets of the two finer scales before, of the coarsest one after its last layer, and the classes."""
    graph = cfg.section("graph_cfg")
    graph.fixed(layout="body_12", strategy="gait_temporal")
    cfg.fixed(temporal_kernel_size=9)
    default = msgg_model.Architecture()
    architecture = msgg_model.Architecture(
        channels=tuple(cfg.take("in_channels", default.channels)),
        out_channels=int(cfg.take("out_channels", default.out_channels)),
        classes=cfg.classes("num_id", identities),
    )
    for section in (cfg, graph):
        section.nothing_left()

    def outputs(network: msgg_model.MSGG, batch: Batch) -> Outputs:
        joints = _checked(batch, "MSGGTransform makes it.", len(msgg_model.JOINTS), architecture.channels[0])
        low, medium, high = network.scales_of(joints)
        embeddings = network.fc(high).float().unsqueeze(-1)
        of_scales = {
            "triplet_joints": low.float().unsqueeze(-1),
            "triplet_limbs": medium.float().unsqueeze(-1),
            "triplet_bodyparts": embeddings,
        }
        for_losses = {name: {"embeddings": values, "labels": batch.labels} for name, values in of_scales.items()}
        for_losses["softmax"] = {"logits": network.logits(embeddings), "labels": batch.labels}
        return Outputs(for_losses, embeddings)

    return trainable(
        msgg_model.MSGG(architecture), architecture, "msgg", outputs=outputs, wants=((keypoints(COCO_JOINTS),),)
    )
