"""Writes a file larger than this process may write, as on a full disk. ARGV: file, "bytes", "arrays" or "video"."""

import resource
import signal
import sys
from pathlib import Path

import numpy as np

from pipeline.errors import OutputError
from pipeline.files import atomic, write_bytes
from pipeline.video import VideoSink


def write(path: Path, what: str) -> None:
    if what == "bytes":
        write_bytes(path, bytes(200_000))
    elif what == "arrays":
        with atomic(path) as stream:
            np.savez(stream, a=np.zeros(200_000, np.uint8))
    else:
        rng = np.random.default_rng(0)
        with VideoSink(path, 320, 240, 25) as sink:
            for _ in range(40):
                sink.write(rng.integers(0, 255, (240, 320, 3), np.uint8))


signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
try:
    write(Path(sys.argv[1]), sys.argv[2])
except OutputError as error:
    print(error)
