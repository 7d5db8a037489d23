"""Architectures read off the tensors of a checkpoint, which are hostile input: their shapes may be anything."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from pipeline.errors import CheckpointError
from pipeline.files import reason_of

Weights = Mapping[str, Any]  # tensors of torch or arrays of NumPy, of which only shapes are looked at
MOST_LAYERS = 1000
Reader = Callable[[Weights], Any]  # the value of a field; None where the tensors do not show it


@dataclass(frozen=True, slots=True)
class Architecture:
    """What a network's constructor needs. The defaults of a subclass are those of the published network.

    A field made by `shown` is read off a checkpoint's tensors; the others are the card's, or keep their default.
    Raises ValueError for more than MOST_LAYERS layers, which would be built until the memory ends.
    """

    def __post_init__(self) -> None:
        for name in ("layers", "blocks"):
            value = getattr(self, name, 0)
            for number in value if isinstance(value, list | tuple) else (value,):
                if isinstance(number, int | float) and number > MOST_LAYERS:
                    raise ValueError(f"{name}: {number} are more than {MOST_LAYERS}")

    @classmethod
    def from_weights(cls, weights: Weights) -> dict[str, Any]:
        """The fields that the tensors show. Of a training head that is not read only the names are true."""
        found = {one.name: one.metadata["reader"](weights) for one in fields(cls) if "reader" in one.metadata}
        return {name: value for name, value in found.items() if value is not None}


def shown(default: Any, reader: Reader) -> Any:
    """A field of an Architecture that `reader` reads off the tensors."""
    return field(default=default, metadata={"reader": reader})


def side(key: str, rank: int, axis: int) -> Callable[[Weights], int | None]:
    """Reads the size along `axis` of the tensor `key`, if it has `rank` dimensions."""

    def read(weights: Weights) -> int | None:
        tensor = weights.get(key)
        return tensor.shape[axis] if tensor is not None and tensor.ndim == rank else None

    return read


def outputs(key: str, places: Sequence[object], rank: int = 4) -> Callable[[Weights], list[int] | None]:
    """Reads the output channels of several convolutions; key: with {} for each of the places."""

    def read(weights: Weights) -> list[int] | None:
        found = [size for place in places if (size := side(key.format(place), rank, 0)(weights)) is not None]
        return found if len(found) == len(places) else None

    return read


def has(key: str) -> Callable[[Weights], bool]:
    """Reads whether there is a tensor of that name."""
    return lambda weights: key in weights


def blocks(weights: Weights, pattern: str) -> dict[int, tuple[int, int]]:
    """Stage → (number of blocks, channels) of a residual network; pattern: of the keys, with groups stage and block."""
    found: dict[int, tuple[int, int]] = {}
    for key, tensor in weights.items():
        if (match := re.fullmatch(pattern, key)) and tensor.ndim:
            stage, block = int(match["stage"]), int(match["block"])
            found[stage] = max(found.get(stage, (0, 0)), (block + 1, tensor.shape[0]))
    return found


def layers(pattern: str) -> Callable[[Weights], tuple[int, ...] | None]:
    """Reads the number of blocks of each of the stages 1 to 4; pattern: as for `blocks`."""
    return lambda weights: _four(blocks(weights, pattern), 0)


def channels(pattern: str) -> Callable[[Weights], tuple[int, ...] | None]:
    """Reads the channels of the stages 1 to 4; pattern: as for `blocks`."""
    return lambda weights: _four(blocks(weights, pattern), 1)


def _four(stages: Mapping[int, tuple[int, int]], which: int) -> tuple[int, ...] | None:
    return tuple(stages[stage][which] for stage in (1, 2, 3, 4)) if sorted(stages) == [1, 2, 3, 4] else None


def widths(weights: Weights, pattern: str) -> tuple[int, ...]:
    """The output channels of block 0, 1, …; pattern: of the keys, its group is the block. Of several, the widest."""
    found: dict[int, int] = {}
    for key, tensor in weights.items():
        if (match := re.fullmatch(pattern, key)) and tensor.ndim:
            found[int(match[1])] = max(found.get(int(match[1]), 0), tensor.shape[0])
    return tuple(found[block] for block in sorted(found))


# Of the separate linear maps and of the training head, as most networks of OpenGait have them.
PARTS, OUT_CHANNELS = side("FCs.fc_bin", 3, 0), side("FCs.fc_bin", 3, 2)
CLASSES = side("BNNecks.fc_bin", 3, 2)

_RESNET9 = r"Backbone\.forward_block\.layer(?P<stage>[1-4])\.(?P<block>\d+)\.conv2\.weight"


@dataclass(frozen=True, slots=True)
class ResNet9Architecture(Architecture):
    """What ResNet9's constructor needs; the defaults are those of every GaitBase that OpenGait publishes."""

    in_channels: int = shown(1, side("Backbone.forward_block.conv1.conv.weight", 4, 1))
    channels: Sequence[int] = shown((64, 128, 256, 512), channels(_RESNET9))
    layers: Sequence[int] = shown((1, 1, 1, 1), layers(_RESNET9))
    strides: Sequence[int] = (1, 2, 2, 1)
    maxpool: bool = False


def architecture_of(kind: type[Any], card: Mapping[str, Any], weights: Weights) -> Any:
    """A network's `kind` of architecture: what the card says, then what the tensors show, then the defaults."""
    said = {field.name: card[field.name] for field in fields(kind) if field.name in card}
    return kind(**{**kind.from_weights(weights), **said})


def unbuildable(path: Path, error: Exception) -> CheckpointError:
    """The error for a file whose tensors and card tell of a network that no constructor builds."""
    return CheckpointError(
        f"{path}: not a checkpoint for this network: its tensors and its card tell of one that cannot be built "
        f"({reason_of(error)}). Choose the card that matches the file, or another file."
    )
