"""How sequences are put before a network: pictures of its size, frames enough, sets, batches of one shape."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.errors import ConfigError
from pipeline.recognition.encoder import Arrays
from pipeline.recognition.model import PICTURES, STEP, Model
from pipeline.types import Modality


def fit_to_size(model: Model, need: Modality, data: NDArray[Any], size: tuple[int, int]) -> NDArray[Any]:
    """Pictures T×…×H×W of a size that the network can take; parsing maps as numbers, for labels are no grey values.

    size: that the weights were made for; pictures of the same proportions are scaled to it. Raises ConfigError, naming
    the size, for those that cannot be cut into the network's parts.
    """
    if need in PICTURES:
        data = _scaled(data, size, need)
        height, width = data.shape[-2:]
        if (height, width) != size and (height % STEP[0] or width % STEP[1]):
            raise ConfigError(
                f"{need} of {height}×{width}: {model.name} takes multiples of {STEP[0]}×{STEP[1]}. "
                f"Use {size[0]}×{size[1]}."
            )
    return data.astype(np.float32) if need is Modality.PARSING else data


def _scaled(data: NDArray[Any], size: tuple[int, int], need: Modality) -> NDArray[Any]:
    height, width = data.shape[-2:]
    if (height, width) == size or height * size[1] != width * size[0]:
        return data
    how = cv2.INTER_NEAREST if need is Modality.PARSING else cv2.INTER_CUBIC  # as OpenGait scales silhouettes
    pictures = data.reshape(-1, height, width)
    scaled = [cv2.resize(picture, (size[1], size[0]), interpolation=how) for picture in pictures]
    return np.stack(scaled).reshape(*data.shape[:-2], *size)


def repeat_frames(frames: Arrays, least: int) -> Arrays:
    """Every array T×… repeated as a whole until it holds `least` frames."""
    times = -(-least // len(frames[0]))
    return frames if times <= 1 else tuple(np.concatenate([data] * times) for data in frames)


def split_into_sets(count: int, size: int | None, motion: bool) -> list[slice]:
    """`count` frames as count // size sets: runs of consecutive ones for motion, else each spanning the sequence."""
    sets = max(1, count // size) if size else 1
    if not motion:
        return [slice(start, None, sets) for start in range(sets)]
    edges = [round(i * count / sets) for i in range(sets + 1)]
    return [slice(start, end) for start, end in pairwise(edges)]


def batches(inputs: Sequence[Arrays], values_at_once: int) -> Iterator[list[int]]:
    """Indices of inputs of the very same shapes, together as long as they are not larger than `values_at_once`."""
    alike: dict[tuple[tuple[int, ...], ...], list[int]] = {}
    for index, arrays in enumerate(inputs):
        alike.setdefault(tuple(array.shape for array in arrays), []).append(index)
    for shapes, indices in alike.items():
        size = sum(int(np.prod(shape)) for shape in shapes)
        some = max(1, values_at_once // max(1, size))
        yield from (indices[start : start + some] for start in range(0, len(indices), some))
