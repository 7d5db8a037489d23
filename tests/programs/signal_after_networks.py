"""Open two networks, let go of them in the order of their making, and take a signal."""

import gc
import os
import signal

from pipeline.config import RuntimeConfig
from pipeline.inference.runtime import OpenVinoNetwork, openvino

ov = openvino()
from openvino import opset13 as op  # noqa: E402 - once its telemetry is off


def network() -> OpenVinoNetwork:
    given = op.parameter([1, 3], ov.Type.f32)
    return OpenVinoNetwork(ov.Model([op.result(op.relu(given))], [given], "small"), RuntimeConfig(device="cpu"))


one, other = network(), network()
del one
gc.collect()
del other
gc.collect()
signal.signal(signal.SIGUSR1, lambda *_: print("taken", flush=True))
os.kill(os.getpid(), signal.SIGUSR1)
