"""Networks with GaitBase's backbone: GaitBase, ScoNet, ParsingGait and both phases of GaitSSB."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from pipeline.errors import ConfigError, InputError
from pipeline.recognition.layers.silhouettes import temporal_max
from pipeline.recognition.models import gaitssb as gaitssb_model
from pipeline.recognition.models import parsinggait as parsinggait_model
from pipeline.recognition.models import sconet as sconet_model
from pipeline.recognition.models.gaitbase import Architecture, GaitBase
from pipeline.research.training.data.batches import Batch
from pipeline.research.training.distributed import of_all
from pipeline.research.training.networks import Outputs, Trainable
from pipeline.research.training.optim import Group
from pipeline.research.training.settings import Settings
from pipeline.research.training.zoo.heads import one_length, pictures, pictures_of, trainable

SCOLIOSIS = ("negative", "neutral", "positive")  # types of Scoliosis1K, by the number of their class
GAITSSB_LEAST_RATE = 1e-4  # of the fine-tuning


def resnet9(cfg: Settings) -> dict[str, Any]:
    """backbone_cfg as fields of an architecture. Raises ConfigError for another backbone."""
    backbone, default = cfg.section("backbone_cfg"), Architecture()
    for key, only in (("type", "ResNet9"), ("block", "BasicBlock")):
        if (said := backbone.take(key, only)) != only:
            raise ConfigError(f"model_cfg.backbone_cfg.{key}: only {only} can be trained here, not {said}.")
    found = {
        "in_channels": int(backbone.take("in_channel", backbone.take("in_channels", 1))),
        "channels": tuple(backbone.take("channels", default.channels)),
        "layers": tuple(backbone.take("layers", default.layers)),
        "strides": tuple(backbone.take("strides", default.strides)),
        "maxpool": bool(backbone.take("maxpool", True)),  # OpenGait's has one unless it is told not to
    }
    backbone.nothing_left()
    return found


def _gaitbase(cfg: Settings, identities: int) -> tuple[Architecture, int]:
    """The architecture, and for how many parts the classifier is computed in training."""
    backbone = resnet9(cfg)
    fcs, necks = cfg.section("SeparateFCs"), cfg.section("SeparateBNNecks")
    architecture = Architecture(
        **backbone,
        parts=sum(int(strips) for strips in cfg.take("bin_num", [16])),
        out_channels=int(fcs.take("out_channels", 256)),
        classes=necks.classes("class_num", identities),
    )
    fcs.fixed(in_channels=architecture.channels[3], parts_num=architecture.parts)
    necks.fixed(in_channels=architecture.out_channels, parts_num=architecture.parts)
    softmax_parts = int(necks.take("softmax_parts", architecture.parts))
    for section in (cfg, fcs, necks):
        section.nothing_left()
    return architecture, softmax_parts


def baseline(cfg: Settings, identities: int) -> Trainable:
    """OpenGait's Baseline: GaitBase. Raises ConfigError for settings that it has not."""
    architecture, softmax_parts = _gaitbase(cfg, identities)

    def outputs(network: GaitBase, batch: Batch) -> Outputs:
        return _gaitbase_outputs(network, batch, softmax_parts)

    network = GaitBase(architecture)  # starts as torch has it: so gaitbase_synth's shipped weights were trained
    wants = ((pictures_of(architecture.in_channels),),)
    return Trainable(network, outputs, wants, network.HEAD, "gaitbase", architecture)


def sconet(cfg: Settings, identities: int) -> Trainable:
    """ScoNet: triplets of people, as GaitBase's, but the classes are negative, neutral and positive: types of walks."""
    head = {**cfg.left.get("SeparateBNNecks", {})}
    if head.setdefault("class_num", len(SCOLIOSIS)) != len(SCOLIOSIS):
        raise ConfigError(f"model_cfg.SeparateBNNecks.class_num: must be {len(SCOLIOSIS)}: {', '.join(SCOLIOSIS)}.")
    architecture, softmax_parts = _gaitbase(Settings({**cfg.left, "SeparateBNNecks": head}, cfg.name), 0)

    def outputs(network: sconet_model.ScoNet, batch: Batch) -> Outputs:
        found = _gaitbase_outputs(network, batch, softmax_parts)
        unknown = [kind for kind in batch.types if kind not in SCOLIOSIS]
        if unknown:
            raise InputError(f"a walk of type {unknown[0]!r}: ScoNet knows {', '.join(SCOLIOSIS)}. Rename its folder.")
        classes = [SCOLIOSIS.index(kind) for kind in batch.types]
        found.losses["softmax"]["labels"] = torch.tensor(classes, device=batch.labels.device)
        return found

    network = sconet_model.ScoNet(architecture)
    return trainable(network, architecture, "sconet", outputs=outputs, features="logits", spare=())


def _gaitbase_outputs(network: GaitBase, batch: Batch, softmax_parts: int) -> Outputs:
    """softmax_parts: in training, logits of so many parts only, drawn anew in every batch: a large head costs time."""
    pooled = temporal_max(network.Backbone(pictures(batch.inputs[0])), batch.lengths)
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


def parsinggait(cfg: Settings, identities: int) -> Trainable:
    """ParsingGait: graphs of fine parts, of coarse ones, or of both, as gcn_cfg says."""
    backbone, bins = resnet9(cfg), tuple(cfg.take("bin_num", [16]))
    fcs, necks, graphs = cfg.section("SeparateFCs"), cfg.section("SeparateBNNecks"), cfg.section("gcn_cfg")
    both = bool(graphs.take("combine_fine_coarse_graph", False))
    fine, coarse = bool(graphs.take("only_fine_graph", False)), bool(graphs.take("only_coarse_graph", False))
    if both + fine + coarse != 1:
        raise ConfigError(
            "model_cfg.gcn_cfg: one of only_fine_graph, only_coarse_graph and combine_fine_coarse_graph must be true."
        )
    graphs.fixed(fine_parts=len(parsinggait_model.FINE), coarse_parts=len(parsinggait_model.COARSE))
    architecture = parsinggait_model.Architecture(
        **backbone,
        bins=bins,
        fine=fine or both,
        coarse=coarse or both,
        out_channels=int(fcs.take("out_channels", parsinggait_model.Architecture().out_channels)),
        classes=necks.classes("class_num", identities),
    )
    network = parsinggait_model.ParsingGait(architecture)
    parts = len(network.FCs.fc_bin)
    fcs.fixed(in_channels=architecture.channels[3], parts_num=parts)
    necks.fixed(in_channels=architecture.out_channels, parts_num=parts)
    for section in (cfg, fcs, necks, graphs):
        section.nothing_left()
    return trainable(network, architecture, "parsinggait")


def gaitssb_pretrain(cfg: Settings, identities: int) -> Trainable:
    """GaitSSB's pre-training: without identities, two views of every walk find each other among those of all others.

    The batch is BilateralSampler's: its second half holds the walks of the first once more. What the predictor makes of
    one view is compared with what the projector makes of the other, which has no gradient.
    """
    network, architecture = _gaitssb(cfg, finetuned=False)
    cfg.nothing_left()

    def outputs(network: gaitssb_model.GaitSSB, batch: Batch) -> Outputs:
        one_length(batch)
        views = pictures(batch.inputs[0])
        if not network.training:
            return Outputs({}, network(views).float())
        half = len(views) // 2
        if 2 * half != len(views) or not torch.equal(batch.labels[:half], batch.labels[half:]):
            raise ConfigError(
                "trainer_cfg.sampler.type: GaitSSB_Pretrain needs two views of each walk: BilateralSampler."
            )
        one, other = (network.projected(some) for some in views.chunk(2))
        guessed_other, guessed_one = (F.normalize(network.predictor(each).float(), dim=1) for each in (one, other))
        for_losses = {
            "softmax1": _found_among(guessed_other, other),
            "softmax2": _found_among(guessed_one, one),
        }
        return Outputs(for_losses, torch.cat([guessed_other, guessed_one]))

    return trainable(network, architecture, "gaitssb", outputs=outputs)


def _found_among(guesses: Tensor, views: Tensor) -> dict[str, Tensor]:
    """Cosines of guesses [n, c, p] and the views of all processes [m, c, p] as logits [n, m, p]; which are right."""
    known, first = of_all(F.normalize(views.float(), dim=1))
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
    cfg.nothing_left()
    stem = r"Backbone\.forward_block\."
    groups = [Group(rf"{stem}layer{stage}\.", rate) for stage, rate in enumerate(rates, start=1)]
    groups += [Group(stem, 0.0), Group(r"projector\.", projector)]
    return trainable(network, architecture, "gaitssb", groups=tuple(groups), least_rate=GAITSSB_LEAST_RATE)


def _gaitssb(cfg: Settings, finetuned: bool) -> tuple[gaitssb_model.GaitSSB, gaitssb_model.Architecture]:
    architecture = gaitssb_model.Architecture(**resnet9(cfg), finetuned=finetuned)
    cfg.fixed(parts_num=sum(architecture.bins))
    return gaitssb_model.GaitSSB(architecture), architecture
