"""What each stage of a run costs: busy seconds and counts of items."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator, Mapping

Stages = Mapping[str, Mapping[str, float]]  # seconds and counts by stage


class Meter:
    """Busy seconds and item counts by stage. Stages overlap, so their seconds add up to more than the wall time."""

    def __init__(self, earlier: Stages | None = None) -> None:
        self._lock = threading.Lock()
        self._stages: dict[str, dict[str, float]] = {stage: dict(entry) for stage, entry in (earlier or {}).items()}

    @contextlib.contextmanager
    def time(self, stage: str, **counts: int) -> Iterator[None]:
        """Add the block's seconds and the given counts to `stage`."""
        begun = time.perf_counter()
        try:
            yield
        finally:
            self.add(stage, seconds=time.perf_counter() - begun, **counts)

    def add(self, stage: str, **amounts: float) -> None:
        """Add seconds and counts to `stage`."""
        with self._lock:
            entry = self._stages.setdefault(stage, {"seconds": 0.0})
            for name, amount in amounts.items():
                entry[name] = entry.get(name, 0) + amount

    def merge(self, stages: Stages) -> None:
        """Add what another meter has counted."""
        for stage, amounts in stages.items():
            self.add(stage, **amounts)

    def count(self, stage: str, name: str) -> int:
        """How many items of that name the stage has counted."""
        return int(self._stages.get(stage, {}).get(name, 0))

    def as_record(self) -> dict[str, dict[str, float]]:
        """Every stage's seconds and counts, rounded, as run.json has them."""
        with self._lock:
            return {stage: {k: round(v, 4) for k, v in entry.items()} for stage, entry in self._stages.items()}
