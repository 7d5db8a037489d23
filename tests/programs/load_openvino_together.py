"""Four threads open OpenVINO at the same moment."""

import sys
import threading

import openvino as already_there  # noqa: F401 - so that the threads meet where they would wait for each other

from pipeline.inference.runtime import openvino

together = threading.Barrier(4)


def load() -> None:
    together.wait()
    for _ in range(20):
        openvino().Type.u8.to_dtype()


sys.setswitchinterval(1e-6)
threads = [threading.Thread(target=load) for _ in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
