"""Networks that are loaded side by side: OpenVINO must not be asked by two threads at once for the first time."""

from __future__ import annotations

import os

from processes import run_python

ASK_TOGETHER = """
import sys, threading
from pipeline.inference.runtime import openvino

together = threading.Barrier(4)

def ask():
    together.wait()
    for _ in range(20):
        openvino().Type.u8.to_dtype()

import openvino as already_there  # so that the threads meet where they would wait for each other
sys.setswitchinterval(1e-6)
threads = [threading.Thread(target=ask) for _ in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
"""


def test_threads_that_load_networks_do_not_wait_for_each_other():
    for _ in range(3):  # without the lock six of ten hang
        run_python(ASK_TOGETHER, env={**os.environ, "PYTHONFAULTHANDLER": "1"})
