"""Which networks can be trained, under the names of OpenGait's model_cfg.

A trainable network is a module and a function that runs it on a batch and hands each loss what it needs. Adding one:
a function in the room of its family (zoo/) that takes model_cfg's settings and the number of identities, and a line in
NETWORKS.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, cast

from numpy.typing import NDArray
from torch import Tensor, nn

from pipeline import registry
from pipeline.errors import ConfigError
from pipeline.recognition import ENCODERS
from pipeline.research.training.data.batches import Batch
from pipeline.research.training.optim import Group
from pipeline.research.training.settings import Settings
from pipeline.research.training.wanted import Files
from pipeline.types import Modality


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
    """A network with the function that runs it on a batch.

    wants: the files of a walk; several lists of different lengths where there is a choice.
    spare: keys not worth shipping, by their prefix. encoder: the one in recognition.ENCODERS that reads the
    checkpoints, "" where there is none yet; architecture: what it has to be told; features: what it compares unless
    asked for others (embeddings, neck or logits). joined: makes of several modalities
    T×… those that are altered together, so that one transform does for them. groups: parameters that are optimised in
    another way than the rest. least_rate: what no learning rate falls below.
    """

    network: nn.Module
    outputs: Callable[[Any, Batch], Outputs]
    wants: tuple[Files, ...]
    spare: tuple[str, ...] = field(default=())
    encoder: str = ""
    architecture: Any = None
    features: str = "embeddings"
    joined: Callable[[list[NDArray[Any]]], list[NDArray[Any]]] | None = None
    groups: tuple[Group, ...] = ()
    least_rate: float = 0.0

    def told(self) -> dict[str, Any]:
        """The architecture for the encoder's card. How many classes there are is told by the weights."""
        if self.architecture is None:
            return {}
        chosen = {item.name: getattr(self.architecture, item.name) for item in fields(self.architecture)}
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in chosen.items()
            if name != "classes"
        }


_ZOO = "pipeline.research.training.zoo"
NETWORKS: Mapping[str, str] = {
    "Baseline": f"{_ZOO}.resnets:baseline",
    "DeepGaitV2": f"{_ZOO}.silhouettes:deepgaitv2",
    "Disentanglement": f"{_ZOO}.disentanglement:disentanglement",
    "GLN": f"{_ZOO}.silhouettes:gln",
    "GaitGL": f"{_ZOO}.silhouettes:gaitgl",
    "GaitGraph1": f"{_ZOO}.graphs:gaitgraph1",
    "GaitGraph2": f"{_ZOO}.graphs:gaitgraph2",
    "GaitPart": f"{_ZOO}.silhouettes:gaitpart",
    "GaitSSB_Finetune": f"{_ZOO}.resnets:gaitssb_finetune",
    "GaitSSB_Pretrain": f"{_ZOO}.resnets:gaitssb_pretrain",
    "GaitSet": f"{_ZOO}.silhouettes:gaitset",
    "GaitTR": f"{_ZOO}.graphs:gaittr",
    "LidarGaitPlusPlus": f"{_ZOO}.modalities:lidargaitpp",
    "MultiGaitpp": f"{_ZOO}.modalities:multigaitpp",
    "MultiScaleGaitGraph": f"{_ZOO}.graphs:msgg",
    "ParsingGait": f"{_ZOO}.resnets:parsinggait",
    "SMPLGait": f"{_ZOO}.modalities:smplgait",
    "STGCN": f"{_ZOO}.graphs:stgcn",
    "ScoNet": f"{_ZOO}.resnets:sconet",
    "SkeletonGaitPP": f"{_ZOO}.modalities:skeletongaitpp",
    "SwinGait": f"{_ZOO}.silhouettes:swingait",
}


def refuse_unknown(model_cfg: Mapping[str, Any]) -> None:
    """Raise ConfigError unless the network that model_cfg names is here."""
    name = model_cfg.get("model")
    if not isinstance(name, str) or name not in NETWORKS:  # no guess: GaitEdge is not meant to be GaitSet
        raise ConfigError(f"model_cfg.model: {name!r} cannot be trained. These can: {', '.join(NETWORKS)}.")


def open_trainable(model_cfg: Mapping[str, Any], identities: int) -> Trainable:
    """The network that model_cfg describes, with fresh weights. Raises ConfigError for an unknown one."""
    refuse_unknown(model_cfg)
    module, _, function = NETWORKS[model_cfg["model"]].partition(":")
    build = getattr(importlib.import_module(module), function)
    settings = Settings(model_cfg, "model_cfg")
    settings.take("model", None)
    return cast(Trainable, build(settings, identities))


def needs_of(trainable: Trainable, transforms: Sequence[Mapping[str, Any]]) -> tuple[Modality, ...]:
    """What a walk's files are, in order, as the network's encoder takes them.

    () where they may be something else: pictures of several channels, or of values that the transforms (as the settings
    have them) do not take for 0–255.
    """
    if not trainable.encoder or getattr(trainable.architecture, "in_channels", 1) != 1:
        return ()
    if any(map(_of_other_values, transforms)):
        return ()
    needs: tuple[Modality, ...] = registry.load(ENCODERS, trainable.encoder, "encoder").needs
    return needs


def _of_other_values(transform: Mapping[str, Any] | list[Any]) -> bool:
    inside = transform if isinstance(transform, list) else transform.get("trf_cfg")
    if isinstance(inside, list):
        return any(map(_of_other_values, inside))
    return isinstance(transform, Mapping) and (
        transform.get("type") in ("BaseParsingCuttingTransform", "BaseRgbTransform")
        or transform.get("divsor", 255) != 255
        or transform.get("img_shape") is not None
    )
