"""What a person sees while a run works: a bar a stage on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol, TypeVar

from loguru import logger

if TYPE_CHECKING:
    from rich.progress import Progress as RichBars
    from rich.progress import TaskID

T = TypeVar("T")


class Progress(Protocol):
    """Receives how far each stage is. Calls may come from several threads."""

    def start(self, stage: str, total: int | None, unit: str) -> None: ...

    def advance(self, stage: str, items: int = 1) -> None: ...

    def finish(self, stage: str) -> None: ...


class Silent:
    """No output: the default of the library."""

    def start(self, stage: str, total: int | None, unit: str) -> None: ...

    def advance(self, stage: str, items: int = 1) -> None: ...

    def finish(self, stage: str) -> None: ...


class Lines:
    """One line when a stage has ended: for logs, pipes and notebooks."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._begun: dict[str, tuple[float, str]] = {}
        self._items: dict[str, int] = {}

    def start(self, stage: str, total: int | None, unit: str) -> None:
        self._begun[stage] = (time.perf_counter(), unit)
        self._items[stage] = 0

    def advance(self, stage: str, items: int = 1) -> None:
        with self._lock:
            self._items[stage] += items

    def finish(self, stage: str) -> None:
        begun, unit = self._begun.pop(stage)
        seconds = time.perf_counter() - begun
        items = self._items[stage]
        logger.info(f"{stage}: {items} {unit} in {seconds:.1f} s ({items / max(seconds, 1e-9):.0f}/s)")


class Bars:
    """A rich bar for every stage, with its rate. Use as a context manager."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        self.console = Console(stderr=True)
        self._bars: RichBars = Progress(
            TextColumn("{task.description:<14}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[unit]}"),
            TextColumn("{task.fields[rate]:>8}"),
            TimeRemainingColumn(),
            console=self.console,
        )
        self._tasks: dict[str, TaskID] = {}
        self._begun: dict[str, float] = {}

    def __enter__(self) -> Bars:
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def start(self, stage: str, total: int | None, unit: str) -> None:
        self._begun[stage] = time.perf_counter()
        self._tasks[stage] = self._bars.add_task(stage, total=total, unit=unit, rate="")

    def advance(self, stage: str, items: int = 1) -> None:
        task = self._tasks[stage]
        done = self._bars.tasks[task].completed + items
        rate = done / max(time.perf_counter() - self._begun[stage], 1e-9)
        self._bars.update(task, advance=items, rate=f"{rate:.0f}/s")

    def finish(self, stage: str) -> None:
        task = self._bars.tasks[self._tasks[stage]]
        self._bars.update(task.id, total=task.completed)


def with_progress(work: Callable[[Progress], T]) -> T:
    """Do some work with bars on a terminal, warnings above them, and plain lines of the log elsewhere."""
    logger.remove()
    if not on_a_terminal():
        logger.add(sys.stderr, level="INFO", format="{message}")
        return work(Lines())
    with Bars() as bars:
        logger.add(lambda line: bars.console.print(line.rstrip(), markup=False), level="WARNING", format="{message}")
        return work(bars)


def on_a_terminal() -> bool:
    return sys.stderr.isatty()
