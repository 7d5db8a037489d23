"""From pictures of silhouettes to a dataset: OpenGait's pretreatment, to the digit.

Reference: golden/silhouette_normalisation (OpenGait datasets/pretreatment.py).
"""

from __future__ import annotations

import multiprocessing
import signal
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import InputError
from pipeline.files import natural
from pipeline.research.training.data.pictures import SUFFIXES, read_mask
from pipeline.research.training.writing import walk_file, write_walk
from pipeline.segmentation.normalise import normalise

FEW = 5  # the reference warns of walks with fewer silhouettes than this


@dataclass(frozen=True, slots=True)
class Pictures:
    """The pictures of one walk, in natural order (2.png before 10.png), and whose they are.

    gei: pictures beside them that hold no frame but the mean of all.
    """

    identity: str
    type: str
    view: str
    files: tuple[Path, ...]
    gei: int = 0


@dataclass(frozen=True, slots=True)
class Pretreated:
    """What became of a walk: frames kept and dropped; kept 0: nothing was written.

    refused: files that are no silhouettes, and why; converted: how many pictures were, by the way (see pictures.py).
    """

    name: str
    kept: int
    dropped: int
    refused: tuple[tuple[Path, str], ...] = ()
    converted: Mapping[str, int] = field(default_factory=dict)


def find_pictures(source: Path) -> list[Pictures]:
    """The walks in source/identity/type/view/*.png, sorted; also those whose folder holds no picture.

    Hidden files and folders are passed over, and GREW's …_gei.png, as OpenGait does. Raises InputError where there is
    no picture at all.
    """
    if not source.is_dir():
        raise InputError(f"{source}: no such folder. Expected pictures in {source.name}/identity/type/view/*.png.")
    walks = []
    for view in sorted(path for path in source.glob("[!.]*/[!.]*/[!.]*") if path.is_dir()):
        files = [path for path in view.glob("[!.]*") if path.suffix.lower() in SUFFIXES and path.is_file()]
        frames = [path for path in files if not path.stem.lower().endswith("_gei")]
        frames.sort(key=lambda path: natural(path.name))
        identity, kind = view.parts[-3:-1]
        walks.append(Pictures(identity, kind, view.name, tuple(frames), len(files) - len(frames)))
    if not any(walk.files for walk in walks):
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
        return Pretreated(name, -1, 0)
    masks, refused, converted = list[NDArray[np.uint8]](), list[tuple[Path, str]](), Counter[str]()
    for file in walk.files:
        try:
            read = read_mask(file)
        except ValueError as error:
            refused.append((file, str(error)))
            continue
        masks.append(read.mask)
        converted.update(read.conversions)
    aligned = [normalise(mask, size, reference=True) for mask in masks]
    kept = [frame for frame in aligned if frame is not None]
    if kept:
        write_walk(path, np.stack(kept))
    return Pretreated(name, len(kept), len(aligned) - len(kept), tuple(refused), dict(converted))
