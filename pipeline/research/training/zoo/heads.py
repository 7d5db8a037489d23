"""What the losses get of most networks: embeddings for the triplets, and the training head's scores."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from pipeline.errors import ConfigError
from pipeline.recognition.network import GaitNetwork
from pipeline.research.training.data.batches import Batch
from pipeline.research.training.networks import Outputs, Trainable
from pipeline.research.training.wanted import MAPS, SILHOUETTES, Wanted
from pipeline.research.training.wanted import pictures as any_pictures


def pictures(frames: Tensor) -> Tensor:
    """A batch's pictures [n, s, h, w] or [n, s, c, h, w] as networks take them: [n, c, s, h, w]."""
    return frames.unsqueeze(1) if frames.ndim == 4 else frames.transpose(1, 2)


def pictures_of(channels: int) -> Wanted:
    """Silhouettes (or what else is one picture a frame), skeleton maps, or pictures of more channels."""
    return {1: SILHOUETTES, 2: MAPS}.get(channels) or any_pictures(channels)


def one_length(batch: Batch) -> None:
    """Raise ConfigError for walks of different lengths: one after another they would leak through convolutions."""
    if batch.lengths is not None:
        raise ConfigError("trainer_cfg.sampler.sample_type: this network trains on fixed_ordered or fixed_unordered.")


def with_head(network: GaitNetwork, embeddings: Tensor, labels: Tensor) -> Outputs:
    """Embeddings for the triplet loss, logits for the cross entropy where the network has a training head."""
    embeddings = embeddings.float()
    for_losses: dict[str, dict[str, Tensor]] = {"triplet": {"embeddings": embeddings, "labels": labels}}
    neck: Tensor | None = None
    if hasattr(network, "BNNecks"):
        neck, logits = network.neck_and_logits(embeddings)
        for_losses["softmax"] = {"logits": logits, "labels": labels}
        for_losses["neck"] = {"embeddings": neck, "labels": labels}
    elif network.HEAD:
        for_losses["softmax"] = {"logits": network.logits(embeddings), "labels": labels}
    return Outputs(for_losses, embeddings, neck)


def of_pictures(network: GaitNetwork, batch: Batch) -> Outputs:
    """Of a network that looks at pictures of one kind. Raises ConfigError for walks of different lengths."""
    one_length(batch)
    return with_head(network, network(pictures(batch.inputs[0])), batch.labels)


def as_opengait_starts(network: nn.Module) -> None:
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
    """A network that starts as in OpenGait and whose losses get `of_pictures`, unless `more` says otherwise.

    Its head is spare. It wants one file of pictures with the architecture's in_channels (one where there are none).
    """
    as_opengait_starts(network)
    usual = {
        "outputs": of_pictures,
        "wants": ((pictures_of(getattr(architecture, "in_channels", 1)),),),
        "spare": network.HEAD,
        "encoder": encoder,
        "architecture": architecture,
    }
    return Trainable(network, **{**usual, **more})
