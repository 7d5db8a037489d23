"""What every gait network in torch is, and how a checkpoint's weights get into one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, ClassVar, Protocol, TypeVar, cast

import torch
from torch import Tensor, nn

from pipeline.networks.safeload import load_state_dict
from pipeline.networks.strict import load_strictly

N = TypeVar("N", bound="GaitNetwork")


class Architecture(Protocol):
    """What a network's constructor needs: a frozen dataclass whose defaults are those of the published network."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @classmethod
    def told_by(cls, weights: Mapping[str, Tensor]) -> Mapping[str, Any]:
        """The fields that the tensors of a checkpoint tell, by their names and shapes; the others keep the default."""
        ...


class GaitNetwork(nn.Module):
    """A gait network: what is known of n walks of s frames to embeddings [n, c, p] of p parts.

    The constructor takes the architecture and `head`: with the memory for the training head, or without (then it
    exists in shape only, on torch's meta device). Attribute names are the keys of the published checkpoints.
    All walks of a batch have the same s: sequences put one after another would leak through convolutions over time.
    HEAD: how the keys of the training head begin: attributes of the network, a dot behind each.
    """

    HEAD: ClassVar[tuple[str, ...]] = ("BNNecks.",)
    BNNecks: nn.Module

    def __init__(self, architecture: Any, head: bool = True) -> None:
        super().__init__()

    def logits(self, embeddings: Tensor) -> Tensor:
        """Embeddings [n, c, p] → scores of the training identities [n, classes, p]."""
        return cast(tuple[Tensor, Tensor], self.BNNecks(embeddings))[1]

    def drop_head(self) -> None:
        """Forget the training head, for good: `logits` can no longer be asked for."""
        for prefix in self.HEAD:
            delattr(self, prefix.rstrip("."))


def memory(head: bool) -> torch.device:
    """`with memory(head): self.BNNecks = …` gives the training head memory only where it is wanted."""
    return torch.device("cpu" if head else "meta")


def architecture_of(kind: type[Any], card: Mapping[str, Any], weights: Mapping[str, Tensor]) -> Any:
    """A network's `kind` of architecture: what the card says, then what the tensors tell, then the defaults."""
    said = {field.name: card[field.name] for field in fields(kind) if field.name in card}
    return kind(**{**kind.told_by(weights), **said})


def load_network(
    network: type[N], architecture: type[Any], path: Path, card: Mapping[str, Any] | None = None, head: bool = False
) -> N:
    """Read a checkpoint into a network, strictly, ready for inference; card: its architecture, as far as it is known.

    head: read the training head too (up to 1.3 GB); otherwise it may be missing, and only its keys are checked.
    Raises CheckpointError for an unreadable file and, naming the keys, for one that is not of this network.
    """
    passed_by: list[str] = []

    def wanted(name: str) -> bool:
        if head or not name.startswith(network.HEAD):
            return True
        passed_by.append(name)
        return False

    weights = dict(load_state_dict(path, only=wanted))
    built = network(architecture_of(architecture, card or {}, weights), head)
    shapes = built.state_dict()
    nothing = torch.empty(0, device="meta")
    if not head:
        weights.update({name: shapes[name] for name in shapes if name.startswith(network.HEAD)})
    load_strictly(built, {**weights, **{name: shapes.get(name, nothing) for name in passed_by}}, path)
    return built.eval()
