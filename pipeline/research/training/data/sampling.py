"""Which samples make a batch, and which of their frames: OpenGait's samplers and collation.

Reference: golden/transforms_sampling (OpenGait data/sampler.py, data/collate_fn.py), equal under the same seeds.
OpenGait draws from the global states of Python, NumPy and torch. Here they are objects that are passed on, seeded by
the run's seed and the number of the batch; so a run that goes on after a kill sees the batches that it would have seen.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Draws:
    """The generators that the reference's code draws from, each equal to its global one after the same seed."""

    python: random.Random
    numpy: np.random.RandomState
    torch: torch.Generator

    @classmethod
    def seeded(cls, seed: int) -> Draws:
        """As after random.seed(seed); np.random.seed(seed); torch.manual_seed(seed)."""
        return cls(random.Random(seed), np.random.RandomState(seed), torch.Generator().manual_seed(seed))

    @classmethod
    def of_batch(cls, *numbers: int) -> Draws:
        """Seeded by several numbers: the run's seed, the batch, the process."""
        return cls.seeded(int(np.random.SeedSequence(numbers).generate_state(1)[0]))


def draw_members(pool: Sequence[int], count: int, draws: Draws) -> list[int]:
    """`count` members of `pool`, each once where there are enough."""
    if len(pool) < count:
        return [pool[index] for index in draws.python.choices(range(len(pool)), k=count)]
    return [pool[int(index)] for index in torch.randperm(len(pool), generator=draws.torch)[:count]]


def triplet_batch(
    samples_of: Mapping[int, Sequence[int]], identities: int, each: int, draws: Draws, shuffle: bool = False
) -> list[int]:
    """P identities × K samples of each: every sample has others of its person, and of others, to be compared with.

    samples_of: label → indices of that person's samples, in the order of labels.
    """
    labels = draw_members(list(samples_of), identities, draws)
    batch = [sample for label in labels for sample in draw_members(samples_of[label], each, draws)]
    return draw_members(batch, len(batch), draws) if shuffle else batch


def common_batch(samples: int, size: int, draws: Draws) -> list[int]:
    """`size` of all samples, whoever's they are."""
    return draw_members(range(samples), size, draws)


def bilateral_batches(samples: int, size: int, draws: Draws) -> Iterator[list[int]]:
    """All samples in any order, epoch after epoch: `size` of them and the same ones again, for two views of each.

    What is left of an epoch after the last whole batch is not used, nor is that batch when nothing is left.
    """
    order = list(range(samples))
    while True:
        draws.python.shuffle(order)
        for start in range(0, bilateral_batches_of_an_epoch(samples, size) * size, size):
            batch = order[start : start + size]
            yield 2 * draw_members(batch, len(batch), draws)


def bilateral_batches_of_an_epoch(samples: int, size: int) -> int:
    """How many batches come before the order is shuffled anew; there is always one."""
    return max(1, (samples - 1) // size)


class DatasetDraws:
    """Which of several datasets a batch is of: drawn by the cube roots of their lengths, from the iteration alone."""

    def __init__(self, lengths: Sequence[float]) -> None:
        self._shares = torch.tensor(lengths, dtype=torch.float32).log().div(3.0).softmax(0)
        self._drawn: list[tuple[int, int]] = []  # the answers so far
        self._batches = [0] * len(lengths)

    def __call__(self, iteration: int) -> tuple[int, int]:
        """The dataset of this iteration (from 0), and how many batches before were of it."""
        while len(self._drawn) <= iteration:
            generator = torch.Generator().manual_seed(len(self._drawn))
            which = int(torch.multinomial(self._shares, 1, generator=generator))
            self._drawn.append((which, self._batches[which]))
            self._batches[which] += 1
        return self._drawn[iteration]


@dataclass(frozen=True, slots=True)
class FrameChoice:
    """Which frames of a sample are looked at.

    sample_type: `fixed` (so many frames), `unfixed` (a random number of them) or `all`, then `unordered` (any frames)
    or `ordered` (a run of them, thinned out by `skip`). `fixed_allordered` is unordered, as it is in the reference.
    fixed: number of frames; least, most: for `unfixed`; skip: left out of an ordered run; limit: for `all`.
    """

    sample_type: str
    fixed: int = 30
    least: int = 20
    most: int = 40
    skip: int = 0
    limit: int | None = None

    @property
    def concatenated(self) -> bool:
        """Whether the samples of a batch have different lengths, so that they are laid one after another."""
        return not self.sample_type.startswith("fixed_")

    def __call__(self, length: int, draws: Draws) -> NDArray[np.int64]:
        """Indices of the frames chosen from a sample of `length` of them; short samples are repeated."""
        if length == 0:
            raise ValueError("a walk without frames has none to choose")
        number, _, order = self.sample_type.partition("_")
        everything = np.arange(length)
        if number == "all":
            return everything[: self.limit]
        count = draws.python.choice(range(self.least, self.most + 1)) if number == "unfixed" else self.fixed
        if order != "ordered":
            return np.asarray(draws.numpy.choice(length, count, replace=length < count), np.int64)
        run = count + self.skip
        repeated = np.tile(everything, math.ceil(run / length)) if length < run else everything
        start = draws.python.choice(range(len(repeated) - run + 1))
        chosen = draws.numpy.choice(np.arange(start, start + run), count, replace=False)
        return np.asarray(repeated[np.sort(chosen)], np.int64)
