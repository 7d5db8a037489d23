"""From pictures of silhouettes to a dataset: OpenGait's pretreatment, to the digit.

Reference: golden/silhouette_normalisation (OpenGait datasets/pretreatment.py).
"""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.errors import InputError
from pipeline.segmentation.normalise import normalise
from pipeline.training.writing import walk_file, write_walk

PICTURES = frozenset((".png", ".jpg", ".jpeg", ".bmp"))
FEW = 5  # the reference warns of walks with fewer silhouettes than this


@dataclass(frozen=True, slots=True)
class Pictures:
    """The pictures of one walk, in order, and whose they are."""

    identity: str
    type: str
    view: str
    files: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class Pretreated:
    """What became of a walk: frames kept and dropped, files that are no pictures; kept 0: nothing was written."""

    name: str
    kept: int
    dropped: int
    unreadable: tuple[Path, ...]


def find_pictures(source: Path) -> list[Pictures]:
    """The walks in source/identity/type/view/*.png, sorted. Raises InputError when there are none."""
    if not source.is_dir():
        raise InputError(f"{source}: no such folder. Expected pictures in {source.name}/identity/type/view/*.png.")
    walks = []
    for view in sorted(path for path in source.glob("*/*/*") if path.is_dir()):
        files = sorted(path for path in view.iterdir() if path.suffix.lower() in PICTURES)
        if files:
            walks.append(Pictures(view.parts[-3], view.parts[-2], view.parts[-1], tuple(files)))
    if not walks:
        raise InputError(f"{source}: no pictures in identity/type/view/*.png.")
    return walks


def pretreat(
    walks: Sequence[Pictures], target: Path, size: int = 64, overwrite: bool = False, workers: int = 1
) -> Iterator[Pretreated]:
    """Write target/identity/type/view/view.pkl, T×size×size uint8, for every walk; yields each as it is done.

    Silhouettes are aligned as OpenGait aligns them, and those dropped that it drops. Walks that are there already are
    passed over (kept −1) unless `overwrite` says otherwise, so that a second run goes on where the first was stopped.
    """
    work = partial(_pretreat, target=target, size=size, overwrite=overwrite)
    if workers == 1:
        yield from map(work, walks)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context, signal.signal, (signal.SIGINT, signal.SIG_IGN)) as pool:
        try:
            yield from pool.map(work, walks, chunksize=16)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _pretreat(walk: Pictures, target: Path, size: int, overwrite: bool) -> Pretreated:
    name = f"{walk.identity}/{walk.type}/{walk.view}"
    path = walk_file(target, walk.identity, walk.type, walk.view)
    if path.is_file() and not overwrite:
        return Pretreated(name, -1, 0, ())
    masks = [(file, _read(file)) for file in walk.files]
    aligned = [normalise(mask, size, reference=True) for _, mask in masks if mask is not None]
    kept = [frame for frame in aligned if frame is not None]
    if kept:
        write_walk(path, np.stack(kept))
    unreadable = tuple(file for file, mask in masks if mask is None)
    return Pretreated(name, len(kept), len(aligned) - len(kept), unreadable)


def _read(path: Path) -> NDArray[np.uint8] | None:
    """A picture in grey, or None for what is none."""
    try:
        data = np.frombuffer(path.read_bytes(), np.uint8)
    except OSError:
        return None
    picture = cv2.imdecode(data, cv2.IMREAD_GRAYSCALE) if len(data) else None
    return None if picture is None else np.asarray(picture, np.uint8)
