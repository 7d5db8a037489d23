"""Work that is done sample by sample, in several processes."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import TypeVar

from pipeline.engine.children import starting
from pipeline.engine.parent import end_with_parent

T = TypeVar("T")
R = TypeVar("R")

MOST_TOGETHER = 16  # samples that a process is given at once


def in_processes(work: Callable[[T], R], items: Sequence[T], workers: int) -> Iterator[R]:
    """work(item) of every item, in their order, each as soon as it and those before it are done.

    Args:
        work: Can be pickled: a function of a module, or a partial of one.
        items: What there is to do; several at a time go to a process.
        workers: Processes. 1: this one. No more are started than there is work for.
    """
    together = max(1, min(MOST_TOGETHER, len(items) // max(workers, 1)))
    workers = min(workers, -(-len(items) // together))
    if workers <= 1:
        yield from map(work, items)
        return
    with ProcessPoolExecutor(workers, starting(__name__), _begin) as pool:
        try:
            yield from pool.map(work, items, chunksize=together)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _begin() -> None:
    """Ctrl-C is the parent's to answer; every process has a core of its own."""
    import cv2

    cv2.setNumThreads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with_parent()
