"""A dataset of made-up people in OpenGait's layout: root/<id>/<type>/<view>/<view>.pkl and partition.json."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import islice
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import InputError
from pipeline.files import write_bytes, write_json
from pipeline.synth.body import draw_person
from pipeline.synth.silhouette import walk_silhouettes
from pipeline.synth.view import draw_view

KINDS = ("nm", "nm", "bg", "cl", "nm", "nm", "cl", "bg", "nm", "nm")  # in the order in which walks are made
HELD_OUT = 0.05  # of the people: for validation
SHORTEST = 5  # frames; what a segmenter loses more of is left out, as in a run


def person_walks(seed: int, number: int, walks: int, frames: int) -> Iterator[tuple[str, str, NDArray[np.uint8]]]:
    """The walks of person `number`: type (nm-01), view (its azimuth, 090) and masks T×64×44. Seeded to the byte."""
    person = draw_person(np.random.default_rng((seed, number)))
    counts: dict[str, int] = {}
    for walk, kind in enumerate(islice(_cycle(), walks)):
        rng = np.random.default_rng((seed, number, walk))
        counts[kind] = counts.get(kind, 0) + 1
        view = draw_view(rng)
        masks = walk_silhouettes(person, kind, frames, rng, view)
        if len(masks) >= SHORTEST:
            yield f"{kind}-{counts[kind]:02d}", f"{round(view.azimuth) % 360:03d}", masks


def write_dataset(
    root: Path,
    people: int,
    walks: int,
    frames: int,
    seed: int,
    workers: int = 1,
    progress: Callable[[int], None] | None = None,
) -> int:
    """Write the walks of `people` made-up people; returns the number of silhouettes.

    The last people (HELD_OUT of them) are the partition's test set. progress: told how many people are done.
    Raises InputError where `root` holds something already, OutputError where it cannot be written.
    """
    if root.exists() and any(root.iterdir()):
        raise InputError(f"{root}: is not empty. Choose another --out, or remove it.")
    write_one = partial(_write_person, root, seed, walks, frames)
    total = 0
    if workers > 1:
        with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
            for done, count in enumerate(pool.map(write_one, range(people), chunksize=8), 1):
                total += count
                if progress:
                    progress(done)
    else:
        for done, number in enumerate(range(people), 1):
            total += write_one(number)
            if progress:
                progress(done)
    held_out = max(round(HELD_OUT * people), min(2, people - 1))
    names = [_name(number) for number in range(people)]
    write_json(
        root / "partition.json", {"TRAIN_SET": names[: people - held_out], "TEST_SET": names[people - held_out :]}
    )
    return total


def _write_person(root: Path, seed: int, walks: int, frames: int, number: int) -> int:
    total = 0
    for kind, view, masks in person_walks(seed, number, walks, frames):
        content = pickle.dumps(masks, protocol=4)
        write_bytes(root / _name(number) / kind / view / f"{view}.pkl", content)
        total += len(masks)
    return total


def _name(number: int) -> str:
    return f"{number + 1:05d}"


def _cycle() -> Iterator[str]:
    while True:
        yield from KINDS
