"""The tensors of GaitBase, by OpenGait's names, read without torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.recognition.layers import shapes
from pipeline.weights.safeload import load_arrays, refuse_differences

HEAD = "BNNecks.fc_bin"  # what only the logits need


@dataclass(frozen=True, slots=True)
class Architecture(shapes.ResNet9Architecture):
    """The defaults are those of every GaitBase that OpenGait publishes."""

    parts: int = shapes.shown(16, shapes.PARTS)
    out_channels: int = shapes.shown(256, shapes.OUT_CHANNELS)
    classes: int = shapes.shown(74, shapes.CLASSES)

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The tensors of such a network, by OpenGait's names. Raises ValueError for sizes that nothing can have."""
        stages = list(zip((self.channels[0], *self.channels), self.channels, self.layers, self.strides, strict=False))
        sizes = (self.in_channels, *self.channels, *self.layers, *self.strides, self.parts, self.out_channels)
        if len(stages) != 4 or not all(isinstance(size, int) and size > 0 for size in (*sizes, self.classes)):
            raise ValueError(f"sizes {sizes}")
        found = {"conv1.conv.weight": (self.channels[0], self.in_channels, 3, 3), **_norm("bn1", self.channels[0])}
        for stage, (before, channels, blocks, stride) in enumerate(stages, 1):
            for number in range(blocks):
                name, inputs = f"layer{stage}.{number}", channels if number else before
                found |= {f"{name}.conv1.weight": (channels, inputs, 3, 3), **_norm(f"{name}.bn1", channels)}
                found |= {f"{name}.conv2.weight": (channels, channels, 3, 3), **_norm(f"{name}.bn2", channels)}
                if not number and (stride != 1 or inputs != channels):
                    found |= {f"{name}.downsample.0.weight": (channels, inputs, 1, 1)}
                    found |= _norm(f"{name}.downsample.1", channels)
        return {
            **{f"Backbone.forward_block.{name}": shape for name, shape in found.items()},
            "FCs.fc_bin": (self.parts, self.channels[3], self.out_channels),
            **_norm("BNNecks.bn1d", self.out_channels * self.parts),
            HEAD: (self.parts, self.out_channels, self.classes),
        }


def _norm(name: str, channels: int) -> dict[str, tuple[int, ...]]:
    of_each = ("weight", "bias", "running_mean", "running_var")
    return {**{f"{name}.{part}": (channels,) for part in of_each}, f"{name}.num_batches_tracked": ()}


def read_weights(path: Path, card: Mapping[str, Any], head: bool) -> tuple[dict[str, NDArray[Any]], Architecture]:
    """A checkpoint's tensors, under OpenGait's names, and what they tell of the network.

    head: read the training head too; otherwise it may be missing. Raises CheckpointError as `load_network` does.
    """
    passed_by: list[str] = []

    def wanted(name: str) -> bool:
        if head or not name.startswith(HEAD):
            return True
        passed_by.append(name)
        return False

    weights = load_arrays(path, wanted)
    try:
        architecture = shapes.architecture_of(Architecture, card, {**weights, **dict.fromkeys(passed_by, np.empty(0))})
        expected = architecture.shapes()
    except Exception as error:  # what a hostile file or card tells may be anything
        raise shapes.unbuildable(path, error) from None
    found = {name: value.shape for name, value in weights.items()}
    unread = {} if head else {HEAD: expected[HEAD], **{name: expected.get(name, ()) for name in passed_by}}
    refuse_differences(expected, {**found, **unread}, path)
    return weights, architecture
