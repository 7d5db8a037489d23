"""Work in several processes: what is left undone when the parent is told to stop."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from functools import partial
from pathlib import Path

import pytest
from processes import run_python

from pipeline.research.synth import dataset
from pipeline.research.synth.dataset import Plan
from pipeline.research.training.data.processes import in_processes


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere each process loads anew")
def test_what_the_work_needs_is_loaded_once_for_all_processes(tmp_path: Path) -> None:
    (tmp_path / "slow_to_load.py").write_text(
        "import os\nLOADER = os.getpid()\ndef work(item): return LOADER, os.getpid()"
    )
    code = (
        "from functools import partial; from slow_to_load import work; "
        "from pipeline.research.training.data.processes import in_processes; "
        "print(list(in_processes(partial(work), range(40), 2)))"
    )
    found = json.loads(
        run_python(code, env={**os.environ, "PYTHONPATH": str(tmp_path)}, cwd=tmp_path)
        .stdout.replace("(", "[")
        .replace(")", "]")
    )
    loaders, workers = map(set, zip(*found, strict=True))
    assert len(loaders) == 1 and not loaders & workers


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
