"""Synthetic walkers as a data set in OpenGait's layout: root/<id>/<type>/<view>/<view>.pkl and a partition file."""

from __future__ import annotations

import io
import pickle
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.files import write_bytes, write_json
from pipeline.synth.silhouette import sequences

PARTITION = "partition.json"
TEST_SHARE = 0.1  # of the people, the last ones
KINDS = ("nm", "nm", "bg", "nm", "cl")  # taken in turn


@dataclass(frozen=True, slots=True)
class Plan:
    """What to write. sequences: per person, frames: per sequence."""

    root: Path
    people: int
    seed: int
    sequences: int = 10
    frames: int = 30


def write_dataset(plan: Plan, workers: int = 1) -> Iterator[str]:
    """Write every person and last the partition; yields each identity as it is done. Bytes depend on the plan only."""
    names = [f"{index:05d}" for index in range(1, plan.people + 1)]
    if workers > 1:
        with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
            yield from pool.map(_write_person, [plan] * plan.people, names, chunksize=4)
    else:
        for name in names:
            yield _write_person(plan, name)
    test = max(1, round(TEST_SHARE * plan.people)) if plan.people > 1 else 0
    parts = {"TRAIN_SET": names[: plan.people - test], "TEST_SET": names[plan.people - test :]}
    write_json(plan.root / PARTITION, parts)


def _write_person(plan: Plan, name: str) -> str:
    written = dict.fromkeys(KINDS, 0)
    for walk in sequences((plan.seed, int(name)), plan.sequences, plan.frames, KINDS):
        written[walk.kind] += 1
        view = f"{walk.view:03d}"
        folder = plan.root / name / f"{walk.kind}-{written[walk.kind]:02d}" / view
        write_bytes(folder / f"{view}.pkl", _pickled(walk.masks))
    return name


def _pickled(masks: NDArray[np.uint8]) -> bytes:
    stream = io.BytesIO()
    pickle.dump(np.ascontiguousarray(masks), stream, protocol=4)
    return stream.getvalue()
