"""Which network was run on what, how often: so that `gait bench` can run the bare networks on the same data."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

SAMPLES = 16  # inputs of each shape that are kept


@dataclass(slots=True)
class Calls:
    """Calls of one network with inputs of one shape. run: the network itself; samples: some of the inputs."""

    name: str
    run: Callable[[Any], Any]
    shape: tuple[int, ...]
    count: int = 0
    samples: list[Any] = field(default_factory=list)


class Tally:
    """All calls that were made while it was switched on."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls: dict[tuple[str, int, tuple[int, ...]], Calls] = {}

    def add(self, name: str, run: Callable[[Any], Any], batch: Any) -> None:
        shape = tuple(int(side) for side in batch.shape)
        with self._lock:
            calls = self._calls.setdefault((name, id(run), shape), Calls(name, run, shape))
            calls.count += 1
            if len(calls.samples) < SAMPLES:
                calls.samples.append(batch.copy() if hasattr(batch, "copy") else batch.clone())

    def calls(self) -> list[Calls]:
        return list(self._calls.values())


_tally: Tally | None = None


@contextmanager
def tally_networks() -> Iterator[Tally]:
    """Count every network call made inside the block, in any thread."""
    global _tally  # noqa: PLW0603 - switched on for a benchmark only; passing it through every stage would cost more
    _tally = Tally()
    try:
        yield _tally
    finally:
        _tally = None


def note(name: str, run: Callable[[Any], Any], batch: Any) -> None:
    """Tell that the network `run`, called `name` (a stage), is about to be given `batch`."""
    if _tally is not None:
        _tally.add(name, run, batch)
