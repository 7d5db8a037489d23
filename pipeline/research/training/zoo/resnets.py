"""Networks with GaitBase's backbone or head: GaitBase, Baseline, ScoNet, ParsingGait and both phases of GaitSSB."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor

from pipeline.errors import ConfigError, InputError
from pipeline.recognition.layers.gaitbase import Architecture
from pipeline.recognition.layers.silhouettes import temporal_max
from pipeline.recognition.models import baseline as baseline_model
from pipeline.recognition.models import gaitssb as gaitssb_model
from pipeline.recognition.models import parsinggait as parsinggait_model
from pipeline.recognition.models.gaitbase_network import GaitBase
from pipeline.research.training.data.batches import Batch
from pipeline.research.training.distributed import gather_detached
from pipeline.research.training.networks import Outputs, Trainable, image_files, images_of, trainable
from pipeline.research.training.optim import Group
from pipeline.research.training.settings import Settings

SCOLIOSIS = ("negative", "neutral", "positive")  # types of Scoliosis1K, by the number of their class
GAITSSB_LEAST_RATE = 1e-4  # of the fine-tuning
FCS, NECKS = "SeparateFCs", "SeparateBNNecks"

A = TypeVar("A")


def _with_resnet9(cfg: Settings, default: A) -> A:
    """`default` with backbone_cfg's fields. Raises ConfigError for another backbone."""
    for key, only in (("type", "ResNet9"), ("block", "BasicBlock")):
        if (found := cfg.take(f"backbone_cfg.{key}", only)) != only:
            raise ConfigError(f"model_cfg.backbone_cfg.{key}: only {only} can be trained here, not {found}.")
    usual = {
        "in_channels": int(cfg.take("backbone_cfg.in_channel", 1)),
        "maxpool": True,  # OpenGait's has one unless its file says otherwise
        **{name: getattr(Architecture(), name) for name in ("channels", "layers", "strides")},
    }
    keys = {name: f"backbone_cfg.{name}" for name in usual}
    return cfg.architecture(replace(default, **usual), **keys)  # type: ignore[type-var]  # architectures are dataclasses


def _gaitbase(cfg: Settings, identities: int) -> tuple[Architecture, int]:
    """The architecture, and for how many parts the classifier is computed in training."""
    default = Architecture(
        parts=sum(int(strips) for strips in cfg.take("bin_num", [16])),
        classes=cfg.classes(f"{NECKS}.class_num", identities),
    )
    architecture = cfg.architecture(_with_resnet9(cfg, default), out_channels=f"{FCS}.out_channels")
    cfg.only(FCS, in_channels=architecture.channels[3], parts_num=architecture.parts)
    cfg.only(NECKS, in_channels=architecture.out_channels, parts_num=architecture.parts)
    return architecture, int(cfg.take(f"{NECKS}.softmax_parts", architecture.parts))


def baseline(cfg: Settings, identities: int) -> Trainable:
    """OpenGait's Baseline: GaitBase, LidarGait (pictures of depth, in three channels), or that of the first releases.

    The last has a plain backbone.
    """
    if (kind := cfg.take("backbone_cfg.type", "ResNet9")) == "Plain":
        return _plain_baseline(cfg, identities)
    if kind != "ResNet9":
        raise ConfigError(f"model_cfg.backbone_cfg.type: only ResNet9 and Plain can be trained here, not {kind}.")
    architecture, softmax_parts = _gaitbase(cfg, identities)

    def outputs(network: GaitBase, batch: Batch) -> Outputs:
        return _gaitbase_outputs(network, batch, softmax_parts)

    network = GaitBase(architecture)  # starts as torch has it: so gaitbase_synth's shipped weights were trained
    files = image_files(architecture.in_channels)
    encoder = "lidargait" if architecture.in_channels == 3 else "gaitbase"
    return Trainable(network, outputs, files, network.HEAD, encoder, architecture, any_length=True)


def _plain_baseline(cfg: Settings, identities: int) -> Trainable:
    architecture = cfg.architecture(
        baseline_model.Architecture(classes=cfg.classes(f"{NECKS}.class_num", identities)),
        in_channels="backbone_cfg.in_channels",
        layers="backbone_cfg.layers_cfg",
        bins="bin_num",
        out_channels=f"{FCS}.out_channels",
    )
    network, parts = baseline_model.Baseline(architecture), sum(architecture.bins)
    cfg.only(FCS, in_channels=network.FCs.fc_bin.shape[1], parts_num=parts)
    cfg.only(NECKS, in_channels=architecture.out_channels, parts_num=parts)

    def outputs(network: GaitBase, batch: Batch) -> Outputs:
        return _gaitbase_outputs(network, batch, parts)

    return trainable(network, architecture, "baseline", outputs=outputs, any_length=True)


def sconet(cfg: Settings, identities: int) -> Trainable:
    """ScoNet: triplets of people, as GaitBase's, but the classes are the types: negative, neutral and positive."""
    if cfg.take(f"{NECKS}.class_num", len(SCOLIOSIS)) != len(SCOLIOSIS):
        raise ConfigError(f"model_cfg.{NECKS}.class_num: must be {len(SCOLIOSIS)}: {', '.join(SCOLIOSIS)}.")
    architecture, softmax_parts = _gaitbase(cfg, len(SCOLIOSIS))

    def outputs(network: GaitBase, batch: Batch) -> Outputs:
        found = _gaitbase_outputs(network, batch, softmax_parts)
        found.losses["softmax"]["labels"] = scoliosis_of(batch)
        return found

    network = GaitBase(architecture)
    more = {"outputs": outputs, "features": "logits", "spare": (), "any_length": True}
    return trainable(network, architecture, "sconet", **more)


def scoliosis_of(batch: Batch) -> Tensor:
    """The classes of a batch's types. Raises InputError for one that Scoliosis1K has not."""
    unknown = [kind for kind in batch.types if kind not in SCOLIOSIS]
    if unknown:
        raise InputError(f"a walk of type {unknown[0]!r}: known are {', '.join(SCOLIOSIS)}. Rename its folder.")
    return torch.tensor([SCOLIOSIS.index(kind) for kind in batch.types], device=batch.labels.device)


def _gaitbase_outputs(network: GaitBase, batch: Batch, softmax_parts: int) -> Outputs:
    """softmax_parts: in training, logits of so many parts only, drawn anew in every batch: a large head costs time."""
    pooled = temporal_max(network.Backbone(images_of(batch.inputs[0])), batch.lengths)
    with torch.autocast(pooled.device.type, enabled=False):  # what little is left deserves its precision
        embeddings = network.embed(pooled.float())
        neck, logits = network.BNNecks(embeddings, softmax_parts if network.training else 0)
    losses = {
        "triplet": {"embeddings": embeddings, "labels": batch.labels},
        "softmax": {"logits": logits, "labels": batch.labels},
        "neck": {"embeddings": neck, "labels": batch.labels},
    }
    return Outputs(losses, embeddings, neck)


def parsinggait(cfg: Settings, identities: int) -> Trainable:
    """ParsingGait: graphs of fine parts, of coarse ones, or of both, as gcn_cfg says."""
    both, fine, coarse = (
        bool(cfg.take(f"gcn_cfg.{key}", False))
        for key in ("combine_fine_coarse_graph", "only_fine_graph", "only_coarse_graph")
    )
    if both + fine + coarse != 1:
        raise ConfigError(
            "model_cfg.gcn_cfg: one of only_fine_graph, only_coarse_graph and combine_fine_coarse_graph must be true."
        )
    default = parsinggait_model.Architecture(
        fine=fine or both, coarse=coarse or both, classes=cfg.classes(f"{NECKS}.class_num", identities)
    )
    architecture = cfg.architecture(_with_resnet9(cfg, default), bins="bin_num", out_channels=f"{FCS}.out_channels")
    network = parsinggait_model.ParsingGait(architecture)
    parts = len(network.FCs.fc_bin)
    cfg.only("gcn_cfg", fine_parts=len(parsinggait_model.FINE), coarse_parts=len(parsinggait_model.COARSE))
    cfg.only(FCS, in_channels=architecture.channels[3], parts_num=parts)
    cfg.only(NECKS, in_channels=architecture.out_channels, parts_num=parts)
    return trainable(network, architecture, "parsinggait")


def gaitssb_pretrain(cfg: Settings, identities: int) -> Trainable:
    """GaitSSB's pre-training: without identities, two views of every sample find each other among those of all others.

    The batch is BilateralSampler's: its second half holds the samples of the first once more. What the predictor makes
    of one view is compared with what the projector makes of the other, which has no gradient.
    """
    network, architecture = _gaitssb(cfg, finetuned=False)

    def outputs(network: gaitssb_model.GaitSSB, batch: Batch) -> Outputs:
        if not network.training:
            return Outputs({}, network(images_of(batch.inputs[0])).float())
        one, other = map(network.projected, views_of(batch, "GaitSSB_Pretrain"))
        guessed_other, guessed_one = (F.normalize(network.predictor(each).float(), dim=1) for each in (one, other))
        losses = {"softmax1": cosine_logits(guessed_other, other), "softmax2": cosine_logits(guessed_one, one)}
        return Outputs(losses, torch.cat([guessed_other, guessed_one]))

    return trainable(network, architecture, "gaitssb", outputs=outputs)


def views_of(batch: Batch, network: str) -> tuple[Tensor, Tensor]:
    """Both views of a batch's walks. Raises ConfigError, naming the network, for another sampler's batch."""
    one, other = images_of(batch.inputs[0]).tensor_split(2)
    if len(one) != len(other) or not torch.equal(*batch.labels.tensor_split(2)):
        raise ConfigError(f"trainer_cfg.sampler.type: {network} needs two views of each walk: BilateralSampler.")
    return one, other


def cosine_logits(guesses: Tensor, views: Tensor) -> dict[str, Tensor]:
    """Cosines of guesses [n, c, p] and the views of all processes [m, c, p] as logits [n, m, p]; which are right."""
    known, first = gather_detached(F.normalize(views.float(), dim=1))
    logits = torch.einsum("ncp,mcp->nmp", guesses, known)
    return {"logits": logits, "labels": first + torch.arange(len(guesses), device=guesses.device)}


def gaitssb_finetune(cfg: Settings, identities: int) -> Trainable:
    """GaitSSB's fine-tuning: backbone_lr holds a rate for each of the four stages, 0 for those that stay as they are.

    The stem always stays, the projector has projector_lr, and no rate falls below GAITSSB_LEAST_RATE.
    """
    rates = [float(rate) for rate in cfg.take("backbone_lr", [0.0, 0.001, 0.001, 0.001])]
    projector = float(cfg.take("projector_lr", 0.01))
    if len(rates) != 4:
        raise ConfigError("model_cfg.backbone_lr: expected four learning rates, one for each stage.")
    network, architecture = _gaitssb(cfg, finetuned=True)
    stem = r"Backbone\.forward_block\."
    groups = [Group(rf"{stem}layer{stage}\.", rate) for stage, rate in enumerate(rates, start=1)]
    groups += [Group(stem, 0.0), Group(r"projector\.", projector)]
    return trainable(network, architecture, "gaitssb", groups=tuple(groups), least_rate=GAITSSB_LEAST_RATE)


def _gaitssb(cfg: Settings, finetuned: bool) -> tuple[gaitssb_model.GaitSSB, gaitssb_model.Architecture]:
    architecture = _with_resnet9(cfg, gaitssb_model.Architecture(finetuned=finetuned))
    cfg.only(parts_num=sum(architecture.bins))
    return gaitssb_model.GaitSSB(architecture), architecture
