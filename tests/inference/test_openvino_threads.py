"""Networks that are loaded side by side: OpenVINO must not be asked by two threads at once for the first time."""

from __future__ import annotations

import os

from processes import run_program


def test_threads_that_load_networks_do_not_wait_for_each_other():
    for _ in range(3):  # without the lock six of ten hang
        run_program("load_openvino_together", env={**os.environ, "PYTHONFAULTHANDLER": "1"})
