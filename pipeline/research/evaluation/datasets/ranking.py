"""Searches among the walks of a dataset, a block of rows at a time: in one process, or shared out among several.

The blocks are the same however many processes there are, and so are the figures.
"""

from __future__ import annotations

import multiprocessing
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipeline.engine.progress import Progress, Silent
from pipeline.files import PARTIAL, writing
from pipeline.research.evaluation.datasets.features import DatasetFeatures
from pipeline.research.evaluation.datasets.retrieval import (
    Metric,
    Retrieval,
    distances_between,
    joined,
    parts_of,
    ranked,
    rows_at_once,
)
from pipeline.research.training.data.processes import in_processes
from pipeline.types import FloatArray

ROWS_COPIED = 8192  # of the features at a time, while they are brought into the order of parts

Mask = NDArray[np.bool_]
Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Search:
    """Which of N walks are searched for, and among which. same_view=False: a probe never meets its own person from its
    own view.
    """

    probes: Mask
    gallery: Mask
    same_view: bool = True


@dataclass(frozen=True, slots=True)
class Ranking:
    """How the walks in `data` are compared.

    processes: that share the rows; their features are a file in `scratch` meanwhile, which all of them map.
    """

    data: DatasetFeatures
    metric: Metric
    device: str = "cpu"
    processes: int = 1
    scratch: Path | None = None
    bars: Progress = field(default_factory=Silent)

    def retrieve(self, searches: Sequence[Search]) -> list[Retrieval]:
        """The places of the right walks, search by search. Raises GaitError where a process dies."""
        blocks = [_blocks(search) for search in searches]
        tasks = [(search, rows) for search, some in zip(searches, blocks, strict=True) for rows in some]
        self.bars.start("ranking", sum(len(rows) for _, rows in tasks), "probes")
        with self._searcher(len(tasks)) as searcher:
            if self.processes > 1 and len(tasks) > 1:
                found = in_processes(_search, tasks, self.processes, searcher.open)
            else:
                found = (searcher.search(*task) for task in tasks)
            with closing(found):
                placed = [joined([self._counted(next(found)) for _ in some]) for some in blocks]
        self.bars.finish("ranking")
        return placed

    def _counted(self, one: Retrieval) -> Retrieval:
        self.bars.advance("ranking", len(one.first))
        return one

    @contextmanager
    def _searcher(self, tasks: int) -> Iterator[_Searcher]:
        """Looks at the features themselves, or at a copy of them on disk that other processes can map."""
        people, views = (np.unique(names, return_inverse=True)[1] for names in (self.data.labels, self.data.views))
        searcher = _Searcher(self.data.features, people, views, self.metric, self.device)
        if self.processes == 1 or tasks < 2:
            yield searcher
            return
        with writing(self.scratch or Path(tempfile.gettempdir())):
            folder = tempfile.TemporaryDirectory(prefix=PARTIAL, dir=self.scratch)
        with folder as name:
            file = Path(name, "features.npy")
            with writing(file):
                np.save(file, self.data.features)
            threads = max(1, torch.get_num_threads() // self.processes)
            yield replace(searcher, features=file, threads=threads)


def _blocks(search: Search) -> list[Rows]:
    """The probes of a search, as many at a time as are compared at once."""
    probes, most = np.flatnonzero(search.probes), rows_at_once(int(search.gallery.sum()))
    return [probes[begin : begin + most] for begin in range(0, len(probes), most)]


@dataclass(slots=True)
class _Searcher:
    """features: N×C×P, or the file with them; people, views: of each walk, as numbers; threads: of each process."""

    features: FloatArray | Path
    people: Rows
    views: Rows
    metric: Metric
    device: str
    threads: int = 0
    _known: tuple[Mask, Tensor] | None = None  # the last gallery, P×M×C

    def open(self) -> None:
        """Be the one whom `_search` asks in this process."""
        global _here  # noqa: PLW0603 - a process opens the features once, for all its tasks
        take_a_gpu(self.device)
        torch.set_num_threads(self.threads)
        assert isinstance(self.features, Path)
        _here = replace(self, features=np.load(self.features, mmap_mode="r", allow_pickle=False))

    def search(self, search: Search, rows: Rows) -> Retrieval:
        """Some of a search's probes."""
        with torch.inference_mode():
            block = distances_between(self._parts(rows), self._gallery(search.gallery), self.metric)
            others = np.flatnonzero(search.gallery)
            right = self.people[rows, None] == self.people[others][None]
            junk = None if search.same_view else right & (self.views[rows, None] == self.views[others][None])
            return ranked(block, right, junk)

    def _gallery(self, chosen: Mask) -> Tensor:
        if self._known is None or not np.array_equal(self._known[0], chosen):
            self._known = None  # there is room for one
            self._known = chosen, self._parts(np.flatnonzero(chosen))
        return self._known[1]

    def _parts(self, rows: Rows) -> Tensor:
        assert not isinstance(self.features, Path)
        _, channels, parts = self.features.shape
        found = torch.empty(parts, len(rows), channels, device=self.device)
        for begin in range(0, len(rows), ROWS_COPIED):
            some = slice(begin, begin + ROWS_COPIED)
            found[:, some] = parts_of(self.features[rows[some]], self.metric, self.device)
        return found


_here: _Searcher | None = None  # of a process that shares the work


def _search(task: tuple[Search, Rows]) -> Retrieval:
    assert _here is not None  # opened first
    return _here.search(*task)


def take_a_gpu(device: str) -> None:
    """Let each process of a pool use a GPU of its own, as long as there are some: by its number, which its name ends
    with.
    """
    number = multiprocessing.current_process().name.rpartition("-")[2]
    if device == "cuda" and number.isdecimal():  # not of the main process
        torch.cuda.set_device((int(number) - 1) % torch.cuda.device_count())
