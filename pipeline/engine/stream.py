"""Stages that overlap: each runs in a thread of its own, a bounded number of items ahead, in order."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Generator, Hashable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby, islice
from typing import TypeVar

T = TypeVar("T")

_POLL_S = 0.1  # how often a waiting producer looks whether it is still wanted


@dataclass(frozen=True, slots=True)
class _Failure:
    error: BaseException


class _End:
    pass


def portions(items: Iterable[T], size_of: Callable[[T], int], most: int) -> Iterator[list[T]]:
    """Items in lists whose sizes add up to `most` at most; one that is larger comes alone."""
    portion, total = list[T](), 0
    for item in items:
        size = size_of(item)
        if portion and total + size > most:
            yield portion
            portion, total = [], 0
        portion.append(item)
        total += size
    if portion:
        yield portion


def ahead(
    items: Iterable[T], depth: int, name: str = "stage", stop: Callable[[], None] | None = None
) -> Generator[T, None, None]:
    """Yield `items` unchanged and in order while a thread produces them, at most `depth` ahead.

    stop: ends `items` that wait for something that may never come, a camera say; called when the consumer stops.

    An error in the producer is raised here, as itself. When the consumer stops early (error, Ctrl-C, `close()`), the
    producer stops, `items` is closed if it is a generator, and the thread has ended before this returns.
    """
    ready: queue.Queue[T | _Failure | type[_End]] = queue.Queue(maxsize=max(1, depth))
    unwanted = threading.Event()

    def put(item: T | _Failure | type[_End]) -> bool:
        while not unwanted.is_set():
            try:
                ready.put(item, timeout=_POLL_S)
                return True
            except queue.Full:
                continue
        return False

    def produce() -> None:
        try:
            iterator = iter(items)
            for item in iterator:
                if not put(item):
                    break
            close = getattr(iterator, "close", None)
            if close is not None:
                close()
            put(_End)
        except BaseException as error:  # whatever it is, the consumer is the one to raise it
            put(_Failure(error))

    producer = threading.Thread(target=produce, name=f"gait-{name}", daemon=True)
    producer.start()
    try:
        while True:
            item = ready.get()
            if isinstance(item, _Failure):
                raise item.error
            if item is _End:
                return
            yield item  # type: ignore[misc]  # the two other members of the union are handled above
    finally:
        unwanted.set()
        if stop is not None:
            stop()
        producer.join()


@contextmanager
def aside(consume: Callable[[Iterator[T]], None], depth: int, name: str = "aside") -> Iterator[Callable[[T], None]]:
    """Hand items to `consume`, which takes them in order from an iterator in a thread of its own.

    Yields the function to hand them over with; it waits while `depth` of them have not been taken. An error in
    `consume` is raised by that function, or at the end of the block, as itself. When the block fails, the iterator
    just ends. The thread has ended before this returns.
    """
    waiting: queue.Queue[T | type[_End]] = queue.Queue(maxsize=max(1, depth))
    unwanted, ended = threading.Event(), threading.Event()
    failure: list[BaseException] = []

    def taken() -> Iterator[T]:
        while not unwanted.is_set():
            try:
                item = waiting.get(timeout=_POLL_S)
            except queue.Empty:
                continue
            if item is _End:
                return
            yield item  # type: ignore[misc]  # the other member of the union is handled above

    def run() -> None:
        try:
            consume(taken())
        except BaseException as error:  # whatever it is, the one who hands over is to raise it
            failure.append(error)
        finally:
            ended.set()

    def put(item: T | type[_End]) -> None:
        while not ended.is_set():
            try:
                waiting.put(item, timeout=_POLL_S)
                return
            except queue.Full:
                continue
        if failure:
            raise failure[0]

    consumer = threading.Thread(target=run, name=f"gait-{name}", daemon=True)
    consumer.start()
    try:
        yield put
        put(_End)
    except BaseException:
        unwanted.set()
        raise
    finally:
        consumer.join()
    if failure:
        raise failure[0]


def batches(items: Iterable[T], size: int, of: Callable[[T], Hashable] | None = None) -> Iterator[list[T]]:
    """Lists of `size` consecutive items; the last one may be shorter.

    of: to what an item belongs; no list holds consecutive items of two, so the last of each may be shorter.
    """
    runs = (run for _, run in groupby(items, of)) if of else (iter(items),)
    for run in runs:
        while batch := list(islice(run, size)):
            yield batch


class UnwantedError(Exception):
    """Raised by `check` inside a worker whose result nobody wants any more."""


def side_by_side(do: Callable[[T, Callable[[], None]], None], items: Iterable[T], workers: int) -> None:
    """Call `do(item, check)` for every item, up to `workers` at a time, in threads.

    The first error is raised here, as itself, when all threads have ended. `do` calls `check` often: it raises
    UnwantedError when another item has failed or the caller was interrupted, and nothing more is started then.
    """
    unwanted = threading.Event()

    def check() -> None:
        if unwanted.is_set():
            raise UnwantedError

    def guarded(item: T) -> None:
        check()
        try:
            do(item, check)
        except BaseException:
            unwanted.set()
            raise

    with ThreadPoolExecutor(max_workers=max(1, workers), thread_name_prefix="gait") as pool:
        futures = [pool.submit(guarded, item) for item in items]
        try:
            wait(futures)
        finally:
            unwanted.set()
    errors = [error for future in futures if (error := future.exception()) is not None]
    if errors:
        raise next((error for error in errors if not isinstance(error, UnwantedError)), errors[0])
