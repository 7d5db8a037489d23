"""OpenVINO in a process with threads and signals."""

from __future__ import annotations

import os
import sys

import pytest
from processes import run_program


def test_threads_that_load_networks_do_not_wait_for_each_other():
    for _ in range(3):  # without the lock six of ten hang
        run_program("load_openvino_together", env={**os.environ, "PYTHONFAULTHANDLER": "1"})


@pytest.mark.skipif(sys.platform == "win32", reason="has no such signals")
def test_a_signal_comes_through_after_networks_have_gone():
    """On processors with AMX it ended the process: OpenVINO had freed the stack that signals are taken on."""
    assert run_program("signal_after_networks").stdout == "taken\n"
