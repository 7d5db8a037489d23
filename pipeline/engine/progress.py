"""What a person sees while a run works: a bar a stage on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
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


@dataclass(slots=True)
class _Stage:
    """How far a stage is. total: of its items, None where nobody knows; said: when that was told last."""

    total: int | None
    unit: str
    begun: float
    said: float
    items: int = 0


class Lines:
    """A line a minute while a stage goes on, and one when it has ended: for logs, pipes and notebooks."""

    def __init__(self, every: float = 60.0) -> None:
        self._lock, self._every = threading.Lock(), every
        self._stages: dict[str, _Stage] = {}

    def start(self, stage: str, total: int | None, unit: str) -> None:
        now = time.perf_counter()
        self._stages[stage] = _Stage(total, unit, now, now)

    def advance(self, stage: str, items: int = 1) -> None:
        now = time.perf_counter()
        with self._lock:
            far = self._stages[stage]
            far.items += items
            if now - far.said < self._every:
                return
            far.said = now
        rate = far.items / (now - far.begun)
        of, left = "", ""
        if far.total is not None and rate:
            of, left = f" of {far.total}", f", about {duration(max(far.total - far.items, 0) / rate)} left"
        logger.info(f"{stage}: {far.items}{of} {far.unit}, {rate:.0f}/s{left}")

    def finish(self, stage: str) -> None:
        far = self._stages.pop(stage)
        seconds = time.perf_counter() - far.begun
        logger.info(f"{stage}: {far.items} {far.unit} in {seconds:.1f} s ({far.items / max(seconds, 1e-9):.0f}/s)")


class Pace:
    """How fast videos are done, one after another or side by side. lengths: their seconds, None where nobody knows."""

    def __init__(self, lengths: Sequence[float | None]) -> None:
        known = [seconds for seconds in lengths if seconds is not None]
        self._total = sum(known) if len(known) == len(lengths) else None
        self._videos, self._begun = len(lengths), time.perf_counter()
        self._done, self._frames, self._seconds = 0, 0, 0.0

    def after(self, frames: int, seconds: float) -> str:
        """Count a video that is done, with so many frames and seconds of it, and tell how fast all is going."""
        self._done, self._frames, self._seconds = self._done + 1, self._frames + frames, self._seconds + seconds
        elapsed = max(time.perf_counter() - self._begun, 1e-9)
        pace = self._seconds / elapsed
        said = f"{self._done} of {self._videos} videos; {self._frames / elapsed:.0f} frames/s, {pace:.2f} × real time"
        if self._total is None or not pace:
            return said
        return f"{said}, about {duration(max(self._total - self._seconds, 0) / pace)} left"


def duration(seconds: float) -> str:
    """A time for people: 40 s, 12 min, 3 h 20 min."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


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
    """Do some work with bars on a terminal, with lines above them, and with plain lines of the log elsewhere."""
    logger.remove()
    if not on_a_terminal():
        logger.add(sys.stderr, level="INFO", format="{message}")
        return work(Lines())
    with Bars() as bars:
        logger.add(lambda line: bars.console.print(line.rstrip(), markup=False), level="SUCCESS", format="{message}")
        return work(bars)


def on_a_terminal() -> bool:
    return sys.stderr.isatty()
