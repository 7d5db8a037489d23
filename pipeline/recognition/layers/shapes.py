"""What the tensors of a checkpoint tell of the network they are for. They are hostile input: shapes may be anything."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from torch import Tensor


def side(weights: Mapping[str, Tensor], key: str, rank: int, axis: int) -> int | None:
    """The size along `axis` of a tensor of `rank` dimensions; None where there is no such tensor."""
    tensor = weights.get(key)
    return tensor.shape[axis] if tensor is not None and tensor.ndim == rank else None


def known(**told: Any) -> dict[str, Any]:
    """What is told, without what is not (None)."""
    return {name: value for name, value in told.items() if value is not None}


def blocks(weights: Mapping[str, Tensor], pattern: str) -> dict[int, tuple[int, int]]:
    """Stage → (number of blocks, channels) of a residual network; pattern: of the keys, with groups stage and block."""
    found: dict[int, tuple[int, int]] = {}
    for key, tensor in weights.items():
        if (match := re.fullmatch(pattern, key)) and tensor.ndim:
            stage, block = int(match["stage"]), int(match["block"])
            found[stage] = max(found.get(stage, (0, 0)), (block + 1, tensor.shape[0]))
    return found


def four_stages(weights: Mapping[str, Tensor], pattern: str) -> dict[str, Any]:
    """layers and channels of a residual network of stages 1 to 4; pattern: as for `blocks`."""
    stages = blocks(weights, pattern)
    if sorted(stages) != [1, 2, 3, 4]:
        return {}
    layers, channels = zip(*(stages[stage] for stage in (1, 2, 3, 4)), strict=True)
    return {"layers": layers, "channels": channels}


def resnet9(weights: Mapping[str, Tensor]) -> dict[str, Any]:
    """in_channels, channels and layers of the backbone that GaitBase and others have."""
    prefix = "Backbone.forward_block."
    pattern = re.escape(prefix) + r"layer(?P<stage>[1-4])\.(?P<block>\d+)\.conv2\.weight"
    return known(in_channels=side(weights, prefix + "conv1.conv.weight", 4, 1)) | four_stages(weights, pattern)


def heads(weights: Mapping[str, Tensor], fcs: str = "FCs.fc_bin", necks: str = "BNNecks.fc_bin") -> dict[str, Any]:
    """parts, out_channels and classes of the separate linear maps and of the training head."""
    return known(
        parts=side(weights, fcs, 3, 0), out_channels=side(weights, fcs, 3, 2), classes=side(weights, necks, 3, 2)
    )
