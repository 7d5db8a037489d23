"""Work in several processes: what is left undone when the parent is told to stop."""

from __future__ import annotations

import os
import signal
import threading
import time
from functools import partial
from pathlib import Path

import pytest

from pipeline.research.synth import dataset
from pipeline.research.synth.dataset import Plan
from pipeline.research.training.data.processes import in_processes


def test_of_what_a_process_was_given_only_the_item_in_hand_is_finished(tmp_path: Path) -> None:
    """Each process has 16 people at once: at Ctrl-C it draws the one that it has begun, and no other."""
    plan = Plan(tmp_path / "walkers", people=64, seed=1, sequences=8, frames=40)

    def interrupt() -> None:
        until = time.monotonic() + 60
        while not plan.root.is_dir() and time.monotonic() < until:
            time.sleep(0.02)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt, daemon=True).start()
    with pytest.raises(KeyboardInterrupt):
        list(in_processes(partial(dataset._write_person, plan), [f"{n:05d}" for n in range(64)], 2))
    people = [len(list(person.rglob("*.pkl"))) for person in plan.root.iterdir()]
    assert 0 < len(people) < 10
    assert set(people) == {8}
