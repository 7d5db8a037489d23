"""What every gait network in torch is, and how a checkpoint's weights get into one."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from functools import partial, reduce
from pathlib import Path
from typing import Any, ClassVar, TypeVar, cast

import torch
from torch import Tensor, nn

from pipeline.recognition.layers.shapes import architecture_of, unbuildable
from pipeline.recognition.layers.silhouettes import SeparateBNNecks, temporal_max
from pipeline.weights.safeload import load_state_dict, load_strictly, refuse_differences, shapes_of

N = TypeVar("N", bound="GaitNetwork")
FRAMES_AT_ONCE = 8  # pictures that go through a network together, so that long sequences take no more memory


class GaitNetwork(nn.Module):
    """A gait network: what is known of n sequences of s frames to embeddings [n, c, p] of p parts.

    The constructor takes the architecture and `head`: with the memory for the training head, or without (then it
    exists in shape only, on torch's meta device). Attribute names are the keys of the published checkpoints.
    All sequences of a batch have the same s: sequences put one after another would leak through convolutions over time.
    HEAD: how the keys of the training head begin.
    """

    HEAD: ClassVar[tuple[str, ...]] = ("BNNecks.fc_bin",)
    BNNecks: SeparateBNNecks

    def __init__(self, architecture: Any, head: bool = True) -> None:
        super().__init__()

    def neck(self, embeddings: Tensor) -> Tensor:
        """Embeddings [n, c, p] → the same batch-normalised by the training head, unit length a part."""
        return self.BNNecks.normalised(embeddings)

    def logits(self, embeddings: Tensor) -> Tensor:
        """Embeddings [n, c, p] → scores of the training identities [n, classes, p]."""
        return self.neck_and_logits(embeddings)[1]

    def neck_and_logits(self, embeddings: Tensor) -> tuple[Tensor, Tensor]:
        """Both of the above in one pass, so that batch normalisation counts a batch of the training once."""
        return cast(tuple[Tensor, Tensor], self.BNNecks(embeddings))

    @classmethod
    def rename_keys(cls, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The weights of a checkpoint under the names of this network, where others are in use for it too."""
        return dict(weights)

    @classmethod
    def further_files(cls, path: Path) -> dict[str, Path]:
        """Files beside the checkpoint `path` that hold more of the network: how their keys begin here → the file."""
        return {}

    def select(self, embeddings: Tensor, features: str) -> Tensor:
        """Embeddings [n, c, p] → what is compared: themselves ("embeddings"), or the answer of "neck" or "logits"."""
        if features == "embeddings":
            return embeddings
        return self.neck(embeddings) if features == "neck" else self.logits(embeddings)

    def drop_head(self) -> None:
        """Forget the training head, for good: `logits` can no longer be asked for."""
        for prefix in self.HEAD:
            owner, _, name = prefix.rstrip(".").rpartition(".")
            with contextlib.suppress(AttributeError):  # of several heads an architecture has one
                delattr(self.get_submodule(owner), name)


class PooledNetwork(GaitNetwork):
    """A network that makes maps of every frame, alone, and embeds their maximum over time."""

    def maps(self, pictures: Tensor, *others: Tensor) -> Tensor:
        """Pictures [n, c, s, h, w], and what else there is of each frame [n, s, …] → maps [n, c', s, h', w']."""
        raise NotImplementedError

    def embed(self, pooled: Tensor) -> Tensor:
        """The maximum of the maps over time, [n, c', h', w'] → embeddings [n, c, p]."""
        raise NotImplementedError

    def of_frames(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """The network's inputs → those of `maps`."""
        return inputs

    def forward(self, *inputs: Tensor) -> Tensor:
        return self.embed(self.pooled(*self.of_frames(*inputs)))

    def pooled(self, pictures: Tensor, *others: Tensor) -> Tensor:
        """The inputs of `maps` → what `embed` takes."""
        if torch.onnx.is_in_onnx_export():  # whose number of frames is free
            return temporal_max(self.maps(pictures, *others))
        some = max(1, FRAMES_AT_ONCE // pictures.shape[0])
        pieces = zip(torch.split(pictures, some, 2), *(torch.split(other, some, 1) for other in others), strict=True)
        return reduce(torch.maximum, (temporal_max(self.maps(*piece)) for piece in pieces))


def memory(head: bool) -> AbstractContextManager[object]:
    """`with memory(head): self.Head = …` gives the training head memory only where it is wanted."""
    return nullcontext() if head else torch.device("meta")


def necks(parts: int, channels: int, classes: int, head: bool) -> SeparateBNNecks:
    """BNNecks whose classes have memory only with `head`; their batch normalisation is small, and of use without."""
    with memory(head):
        built = SeparateBNNecks(parts, channels, classes)
    built.bn1d = nn.BatchNorm1d(channels * parts)
    return built


def load_network(
    network: type[N],
    architecture: type[Any],
    path: Path,
    card: Mapping[str, Any] | None = None,
    head: bool = False,
) -> N:
    """Read a checkpoint strictly into a network that is ready for inference.

    Args:
        network: The class to build.
        architecture: The class of its architecture.
        path: The checkpoint.
        card: The fields of the architecture that are known; they win over what the tensors show.
        head: Read the training head too (up to 1.3 GB). Otherwise it may be missing, and only its keys are checked.

    Raises:
        CheckpointError: The file is unreadable, or its keys (which are named) are not this network's.
    """
    weights, passed_by = dict[str, Tensor](), list[str]()

    def wanted(prefix: str, name: str) -> bool:
        if head or not (prefix + name).startswith(network.HEAD):
            return True
        passed_by.append(prefix + name)
        return False

    for prefix, part in {"": path, **network.further_files(path)}.items():
        found = load_state_dict(part, only=partial(wanted, prefix))
        weights |= {prefix + name: value for name, value in found.items()}
    named = dict.fromkeys(passed_by, torch.empty(0, device="meta"))  # there, but nothing is known of them but that
    form, shapes = _shapes_of(network, architecture, path, card or {}, {**weights, **named})
    left_out = {} if head else {name: shape for name, shape in shapes.items() if name.startswith(network.HEAD)}
    renamed = network.rename_keys({**weights, **named})
    passed = {name: shapes.get(name, nothing) for name, nothing in renamed.items() if nothing.is_meta}
    complete = {**renamed, **left_out, **passed}
    refuse_differences(shapes_of(shapes), shapes_of(complete), path)
    built = network(form, head)
    load_strictly(built, complete, path)
    return built.eval()


def _shapes_of(
    network: type[GaitNetwork],
    architecture: type[Any],
    path: Path,
    card: Mapping[str, Any],
    weights: Mapping[str, Tensor],
) -> tuple[Any, Mapping[str, Tensor]]:
    """The architecture that card and tensors tell, and the state dict of such a network, of shapes only.

    Hostile tensors may tell of a network that would fill the memory: it gets none before every shape was compared.
    """
    try:
        form = architecture_of(architecture, card, weights)
        with torch.device("meta"), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about tensors without values
            return form, network(form, head=False).state_dict()
    except Exception as error:  # constructors refuse sizes of 0 and worse in many ways
        raise unbuildable(path, error) from None
