"""A server that speaks S3, as a process of its own: moto's, which keeps objects in memory and conditional writes.

Run as a program: `python s3server.py PORT FREE`. From the FREE-th request on it checks who may do what (0: never).
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

START_SECONDS = 60


@contextlib.contextmanager
def serving() -> Iterator[dict[str, str]]:
    """The environment with which programs reach it as somebody who may do everything."""
    for module in ("moto", "flask", "flask_cors"):
        pytest.importorskip(module, reason=f"the S3 server of these tests needs {module}")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen([sys.executable, __file__, str(port)], stderr=subprocess.DEVNULL)
    try:
        until = time.monotonic() + START_SECONDS
        while not _answers(port):
            assert process.poll() is None and time.monotonic() < until, "the S3 server did not start"
            time.sleep(0.1)
        yield {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
            "AWS_ACCESS_KEY_ID": "all",
            "AWS_SECRET_ACCESS_KEY": "secret-of-all",
            "AWS_REGION": "us-east-1",
        }
    finally:
        process.kill()
        process.wait()


def _answers(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def _main(port: int) -> None:
    os.environ.setdefault("MOTO_ALLOW_NONEXISTENT_REGION", "false")
    from moto.server import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import run_simple

    # one request at a time: moto looks at a condition and writes without a lock between
    run_simple("127.0.0.1", port, DomainDispatcherApplication(create_backend_app), threaded=False)


if __name__ == "__main__":
    _main(int(sys.argv[1]))
