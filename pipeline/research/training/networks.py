"""What every network that can be trained is: a module, and a function that runs it on a batch and feeds the losses."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from numpy.typing import NDArray
from torch import Tensor, nn

from pipeline import registry
from pipeline.errors import ConfigError
from pipeline.files import reason_of
from pipeline.recognition import ENCODERS
from pipeline.recognition.network import GaitNetwork
from pipeline.research.training.data.batches import Batch
from pipeline.research.training.input_files import MAPS, SILHOUETTES, Files, image_file
from pipeline.research.training.optim import Group
from pipeline.research.training.settings import Settings
from pipeline.research.training.zoo import NETWORKS, refuse_unknown
from pipeline.types import Modality

Losses = dict[str, dict[str, Tensor]]


@dataclass
class Outputs:
    """What a network makes of a batch.

    losses: what each loss gets, by its log_prefix: {"triplet": {"embeddings": …, "labels": …}, "softmax": {"logits": …,
    "labels": …}}. embeddings: what samples are compared by, [n, c, p]; neck: the same after the head's normalisation.
    """

    losses: Losses
    embeddings: Tensor
    neck: Tensor | None = None


@dataclass
class Trainable:
    """A network with the function that runs it on a batch.

    files: of a sample; several lists of different lengths where there is a choice. spare: keys not worth shipping, by
    their prefix. encoder: the one in recognition.ENCODERS that reads the checkpoints, "" where there is none yet;
    architecture: its fields; features: what it compares by default (embeddings, neck or logits). joined: makes of
    several modalities T×… those that one transform alters together. groups: parameters that are optimised in another
    way than the rest. least_rate: what no learning rate falls below. any_length: whether batches may hold samples of
    different lengths, one after another. modality: what the encoder gets to see, where that is not all that it can.
    after_step: of the network, the batches done and those in all, when the optimiser has changed the parameters.
    """

    network: nn.Module
    outputs: Callable[[Any, Batch], Outputs]
    files: tuple[Files, ...]
    spare: tuple[str, ...] = ()
    encoder: str = ""
    architecture: Any = None
    features: str = "embeddings"
    joined: Callable[[list[NDArray[Any]]], list[NDArray[Any]]] | None = None
    groups: tuple[Group, ...] = ()
    least_rate: float = 0.0
    any_length: bool = False
    modality: tuple[Modality, ...] = ()
    after_step: Callable[[Any, int, int], None] | None = None

    def architecture_of_card(self) -> dict[str, Any]:
        """The architecture for the encoder's card. The number of classes is left out: the weights have it."""
        if self.architecture is None:
            return {}
        values = {item.name: getattr(self.architecture, item.name) for item in fields(self.architecture)}
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in values.items()
            if name != "classes"
        }


def open_trainable(model_cfg: Mapping[str, Any], identities: int) -> Trainable:
    """The network that model_cfg describes, with fresh weights.

    Raises ConfigError for an unknown one or setting, and for values that make no network.
    """
    refuse_unknown(model_cfg)
    module, _, function = NETWORKS[model_cfg["model"]].partition(":")
    settings = Settings({key: value for key, value in model_cfg.items() if key != "model"})
    try:
        found: Trainable = getattr(importlib.import_module(module), function)(settings, identities)
    except (TypeError, ValueError, ArithmeticError, LookupError, RuntimeError) as error:
        model = model_cfg["model"]
        raise ConfigError(f"model_cfg: these settings make no {model} ({reason_of(error)}). Correct them.") from error
    settings.refuse_rest()
    return found


def modalities_of(trainable: Trainable, transforms: Sequence[Mapping[str, Any]]) -> tuple[Modality, ...]:
    """What a sample's files are, in order, as the network's encoder takes them.

    () where they may be something else: pictures of several channels, or of values that the transforms (as the settings
    have them) do not take for 0–255.
    """
    if not trainable.encoder or getattr(trainable.architecture, "in_channels", 1) != 1:
        return ()
    if not any(SILHOUETTES in files for files in trainable.files):
        return ()
    if any(map(_takes_other_values, transforms)):
        return ()
    needs: tuple[Modality, ...] = registry.load(ENCODERS, trainable.encoder, "encoder").needs
    return needs


def _takes_other_values(transform: Mapping[str, Any] | list[Any]) -> bool:
    inside = transform if isinstance(transform, list) else transform.get("trf_cfg")
    if isinstance(inside, list):
        return any(map(_takes_other_values, inside))
    return isinstance(transform, Mapping) and (
        transform.get("type") in ("BaseParsingCuttingTransform", "BaseRgbTransform")
        or transform.get("divsor", 255) != 255
        or transform.get("img_shape") is not None
    )


def images_of(frames: Tensor) -> Tensor:
    """A batch's images [n, s, h, w] or [n, s, c, h, w] as networks take them: [n, c, s, h, w]."""
    return frames.unsqueeze(1) if frames.ndim == 4 else frames.transpose(1, 2)


def head_outputs(network: GaitNetwork, embeddings: Tensor, labels: Tensor) -> Outputs:
    """Embeddings for the triplet loss, logits for the cross entropy where the network has a training head."""
    embeddings = embeddings.float()
    losses: Losses = {"triplet": {"embeddings": embeddings, "labels": labels}}
    neck: Tensor | None = None
    if hasattr(network, "BNNecks"):
        neck, logits = network.neck_and_logits(embeddings)
        losses["softmax"] = {"logits": logits, "labels": labels}
        losses["neck"] = {"embeddings": neck, "labels": labels}
    elif network.HEAD:
        losses["softmax"] = {"logits": network.logits(embeddings), "labels": labels}
    return Outputs(losses, embeddings, neck)


def image_outputs(network: GaitNetwork, batch: Batch) -> Outputs:
    """Outputs of a network for images of one kind."""
    return head_outputs(network, network(images_of(batch.inputs[0])), batch.labels)


def image_files(channels: int) -> tuple[Files, ...]:
    """One file: silhouettes (or another image of one channel), skeleton maps, or images of more channels."""
    return (({1: SILHOUETTES, 2: MAPS}.get(channels) or image_file(channels),),)


def initialise_as_opengait(network: nn.Module) -> None:
    """Weights of convolutions and linear maps by Glorot and Bengio (2010), their biases 0; scales of norms about 1.

    With torch's own, smaller ones, networks without batch normalisation start with embeddings that are hardly apart.
    """
    for module in network.modules():
        if isinstance(module, (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.Linear)):
            nn.init.xavier_uniform_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)) and module.affine:
            nn.init.normal_(module.weight, 1.0, 0.02)
            nn.init.zeros_(module.bias)


def trainable(network: GaitNetwork, architecture: Any, encoder: str, **more: Any) -> Trainable:
    """A network that starts as in OpenGait and whose losses get `image_outputs`, unless `more` says otherwise.

    Its head is spare. Its sample is one file of images with the architecture's in_channels (one where it has none).
    """
    initialise_as_opengait(network)
    usual = {
        "outputs": image_outputs,
        "files": image_files(getattr(architecture, "in_channels", 1)),
        "spare": network.HEAD,
        "encoder": encoder,
        "architecture": architecture,
    }
    return Trainable(network, **{**usual, **more})
