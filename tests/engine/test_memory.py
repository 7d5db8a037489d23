"""What a process says of its memory."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from processes import run_python

from pipeline.engine.memory import memory_now, peak_memory

LARGE = 300_000_000


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_what_the_parent_held_does_not_count():
    held = np.ones(LARGE, np.uint8)
    code = "from pipeline.engine.memory import peak_memory; print(peak_memory())"
    said = run_python(code).stdout
    assert int(said) < held.nbytes / 2


def test_what_was_freed_counts_for_the_peak_only():
    before = memory_now()
    held = np.ones(LARGE, np.uint8)
    while_held = memory_now()
    del held
    assert while_held >= before + 0.9 * LARGE
    assert memory_now() < while_held - 0.9 * LARGE
    assert peak_memory() >= while_held - LARGE // 100
