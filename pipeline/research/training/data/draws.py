"""Where all of training's chance comes from: three generators with the seeds of one batch.

OpenGait draws from the global states of Python, NumPy and torch. Here they are objects that are passed on, seeded by
the run's seed and the number of the batch; so a run that goes on after a kill sees the batches that it would have seen.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

import numpy as np
import torch


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
