"""Which walks make a batch, and which of their frames: OpenGait's samplers and collation.

Reference: golden/transforms_sampling (OpenGait data/sampler.py, data/collate_fn.py), equal under the same seeds.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from pipeline.research.training.data.draws import Draws


def drawn(pool: Sequence[int], count: int, draws: Draws) -> list[int]:
    """`count` members of `pool`, each once where there are enough."""
    if len(pool) < count:
        return [pool[index] for index in draws.python.choices(range(len(pool)), k=count)]
    return [pool[int(index)] for index in torch.randperm(len(pool), generator=draws.torch)[:count]]


def triplet_batch(
    walks_of: Mapping[int, Sequence[int]], identities: int, each: int, draws: Draws, shuffle: bool = False
) -> list[int]:
    """P identities × K walks of each, so that every walk has others of its person and of others to be compared with.

    walks_of: label → indices of that person's walks, in the order of labels.
    """
    labels = drawn(list(walks_of), identities, draws)
    batch = [walk for label in labels for walk in drawn(walks_of[label], each, draws)]
    return drawn(batch, len(batch), draws) if shuffle else batch


def common_batch(walks: int, size: int, draws: Draws) -> list[int]:
    """`size` of all walks, whoever's they are."""
    return drawn(range(walks), size, draws)


def bilateral_batches(walks: int, size: int, draws: Draws) -> Iterator[list[int]]:
    """All walks in any order, epoch after epoch: `size` of them and the same ones again, for two views of each.

    What is left of an epoch after the last whole batch is not used, nor is that batch when nothing is left.
    """
    order = list(range(walks))
    while True:
        draws.python.shuffle(order)
        for start in range(0, bilateral_batches_of_an_epoch(walks, size) * size, size):
            batch = order[start : start + size]
            yield 2 * drawn(batch, len(batch), draws)


def bilateral_batches_of_an_epoch(walks: int, size: int) -> int:
    """How many batches come before the order is shuffled anew; there is always one."""
    return max(1, (walks - 1) // size)


class FrameChoice:
    """Which frames of a walk are looked at.

    sample_type: `fixed` (so many frames), `unfixed` (a random number of them) or `all`, then `unordered` (any frames)
    or `ordered` (a run of them, thinned out by `skip`). `fixed_allordered` is unordered, as it is in the reference.
    """

    def __init__(
        self,
        sample_type: str,
        fixed: int = 30,
        least: int = 20,
        most: int = 40,
        skip: int = 0,
        limit: int | None = None,
    ) -> None:
        """fixed: number of frames; least, most: for `unfixed`; skip: left out of an ordered run; limit: for `all`."""
        self.number, order = sample_type.split("_")
        self.ordered = order == "ordered"
        self._fixed, self._least, self._most, self._skip, self._limit = fixed, least, most, skip, limit

    @property
    def concatenated(self) -> bool:
        """Whether the walks of a batch have different lengths, so that they are laid one after another."""
        return self.number != "fixed"

    def __call__(self, length: int, draws: Draws) -> NDArray[np.int64]:
        """Indices of the frames chosen from a walk of `length` of them; short walks are repeated."""
        if length == 0:
            raise ValueError("a walk without frames has none to choose")
        everything = np.arange(length)
        if self.number == "all":
            return everything[: self._limit]
        count = self._fixed
        if self.number == "unfixed":
            count = draws.python.choice(range(self._least, self._most + 1))
        if not self.ordered:
            return np.asarray(draws.numpy.choice(length, count, replace=length < count), np.int64)
        run = count + self._skip
        repeated = np.tile(everything, math.ceil(run / length)) if length < run else everything
        start = draws.python.choice(range(len(repeated) - run + 1))
        chosen = draws.numpy.choice(np.arange(start, start + run), count, replace=False)
        return np.asarray(repeated[np.sort(chosen)], np.int64)
