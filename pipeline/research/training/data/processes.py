"""Work that is done sample by sample, in several processes."""

from __future__ import annotations

import signal
from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.synchronize import Event
from typing import TypeVar

from pipeline.engine.children import starting
from pipeline.engine.parent import end_with_parent
from pipeline.engine.stream import batches
from pipeline.errors import GaitError

T = TypeVar("T")
R = TypeVar("R")

MOST_TOGETHER = 16  # samples that a process is given at once


def in_processes(
    work: Callable[[T], R], items: Sequence[T], workers: int, opens: Callable[[], None] | None = None
) -> Generator[R, None, None]:
    """work(item) of every item, in their order, each as soon as it and those before it are done.

    Args:
        work: Can be pickled: a function of a module, or a partial of one.
        items: What there is to do; several at a time go to a process.
        workers: Processes. 1: this one. No more are started than there is work for.
        opens: Called in each process first, this one too, for what its work needs. Each item is much work then, and
            goes to a process alone; nothing is written, so processes are ended at once when the caller stops.

    Raises:
        GaitError: A process died.
    """
    together = 1 if opens else max(1, min(MOST_TOGETHER, len(items) // max(workers, 1)))
    workers = min(workers, -(-len(items) // together))
    if workers <= 1:
        if opens is not None:
            opens()
        yield from map(work, items)
        return
    context = starting(__name__, *(_module_of(one) for one in (work, opens) if one))
    stopped = context.Event()
    with ProcessPoolExecutor(workers, context, _begin, (opens, stopped)) as pool:
        try:
            futures = deque(pool.submit(_each, work, some) for some in batches(items, together))
            while futures:
                yield from futures.popleft().result()
        except BrokenProcessPool:
            raise GaitError(
                f"one of {workers} processes died, perhaps for want of memory. Give the same command with fewer."
            ) from None
        except BaseException:
            stopped.set()  # what was begun is finished; a process may have dozens of items more
            for process in list((pool._processes or {}).values()) if opens else ():
                process.terminate()
            pool.shutdown(cancel_futures=True)  # waits: its thread must not meet the end of the interpreter
            raise


def _module_of(function: Callable[..., object]) -> str:
    """Where a function, or a partial of one, stands: loaded once, with torch where it needs it, for all processes."""
    return str(getattr(function, "func", function).__module__)


_opens: list[Callable[[], None]] = []  # what a process has still to open
_stopped: list[Event] = []  # the parent's


def _each(work: Callable[[T], R], items: Sequence[T]) -> list[R]:
    if _opens:  # not while the process starts: an error there would not be told
        _opens[0]()
        _opens.clear()
    return [work(item) for item in items if not _stopped[0].is_set()]


def _begin(opens: Callable[[], None] | None, stopped: Event) -> None:
    """Ctrl-C is the parent's to answer; every process has a core of its own."""
    import cv2

    cv2.setNumThreads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with_parent()
    _opens.extend([opens] if opens else [])
    _stopped.append(stopped)
