"""Synthetic walkers as a data set in OpenGait's layout: root/<id>/<type>/<view>/<view>.pkl and a partition file."""

from __future__ import annotations

import io
import pickle
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.config import DEFAULT_PROFILE, SegmentationConfig
from pipeline.extraction.networks import find_checkpoints
from pipeline.files import write_bytes, write_json
from pipeline.profiles import load_config
from pipeline.research.synth.camera import draw_view
from pipeline.research.synth.silhouette import SyntheticSequence, person, sequences
from pipeline.segmentation import Segmenter, open_segmenter

PARTITION = "partition.json"
TEST_SHARE = 0.1  # of the people, the last ones
ATTEMPTS = 3  # cameras that are tried for a walk that the segmenter cannot make out
KINDS = ("nm", "nm", "bg", "nm", "cl")  # taken in turn


@dataclass(frozen=True, slots=True)
class Plan:
    """What to write. sequences: per person, frames: per sequence.

    one_view: all walks of a person are from the side, obliquely or along, so that people are told apart within a view.
    segmented: share of the walks that a real segmenter, the light profile's, cuts out of pictures; checkpoints: a
    folder to search for it.
    """

    root: Path
    people: int
    seed: int
    sequences: int = 10
    frames: int = 30
    one_view: bool = False
    segmented: float = 0.0
    checkpoints: Path | None = None


def write_dataset(plan: Plan, workers: int = 1) -> Iterator[str]:
    """Write every person and last the partition; yields each identity as it is done.

    Bytes depend on the plan only, and, where a segmenter takes part, on how this machine rounds.
    Raises CheckpointError where its weights are not at hand.
    """
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
    for walk in _walks(plan, int(name)):
        written[walk.kind] += 1
        view = f"{walk.view:03d}"
        folder = plan.root / name / f"{walk.kind}-{written[walk.kind]:02d}" / view
        write_bytes(folder / f"{view}.pkl", _pickled(walk.masks))
    return name


def _walks(plan: Plan, number: int) -> Iterator[SyntheticSequence]:
    view = draw_view(np.random.default_rng([plan.seed, number])) if plan.one_view else None
    drawn = sequences((plan.seed, number), plan.sequences, plan.frames, KINDS, view)
    for index, walk in enumerate(drawn):
        turn = int((index + 1) * plan.segmented) > int(index * plan.segmented)
        yield (_segmented(plan, number, index, walk.kind, view) if turn else None) or walk


def _segmented(plan: Plan, number: int, index: int, kind: str, view: str | None) -> SyntheticSequence | None:
    """A walk as the segmenter sees it; None where it can make it out from no camera that was tried."""
    from pipeline.research.synth.segmented import segmented_sequence

    segmenter, config = _segmenter(plan.checkpoints)
    who = person((plan.seed, number))
    for attempt in range(1, ATTEMPTS + 1):
        rng = np.random.default_rng([plan.seed, number, index + 1, attempt])
        if (found := segmented_sequence(who, kind, plan.frames, rng, segmenter, config, view)) is not None:
            return found
    return None


@cache
def _segmenter(checkpoints: Path | None) -> tuple[Segmenter, SegmentationConfig]:
    """Opened once a process, on one thread: each process works on people of its own."""
    config = load_config(DEFAULT_PROFILE, ["runtime.threads=1"])
    card = find_checkpoints(config, checkpoints, ["segmenter"])["segmenter"]
    return open_segmenter(config.segmentation, config.runtime, card), config.segmentation


def _pickled(masks: NDArray[np.uint8]) -> bytes:
    stream = io.BytesIO()
    pickle.dump(np.ascontiguousarray(masks), stream, protocol=4)
    return stream.getvalue()
