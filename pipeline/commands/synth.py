"""`gait synth`: datasets of made-up walkers."""

from __future__ import annotations

import sys
from pathlib import Path

from pipeline.synth.dataset import write_dataset


def dataset_command(out: Path, people: int, walks: int, frames: int, seed: int, workers: int) -> None:
    """Write the dataset and say how much there is of it."""

    def tell(done: int) -> None:
        if done % 200 == 0 or done == people:
            print(f"{done} of {people} people", file=sys.stderr)

    total = write_dataset(out, people, walks, frames, seed, workers, tell)
    print(f"{out}: {total} silhouettes of {people} people")
