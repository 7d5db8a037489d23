"""A lock between processes on one file, which the system releases when its holder dies.

Its file is gone when nobody holds it. filelock 4.3 leaves one beside every download, video and run, and takes 4 ms a
lock, ten times as long.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

_POLL_SECONDS = 0.2
_HELD = {errno.EAGAIN, errno.EACCES, errno.EDEADLK}  # what systems say of a lock that another process holds


@contextlib.contextmanager
def locked(path: Path, waiting: Callable[[], None] | None = None) -> Iterator[None]:
    """Hold the lock of `path` (a file NAME.lock beside it) for the block; wait while another process has it.

    waiting: called once when there is somebody to wait for; what it raises ends the wait. Raises OSError where the
    folder cannot be written, or its file system has no locks.
    """
    lock = path.with_name(path.name + ".lock")
    told = False
    while (handle := _try(lock)) is None:
        if waiting is not None and not told:
            waiting()
        told = True
        time.sleep(_POLL_SECONDS)
    try:
        yield
    finally:
        if sys.platform == "win32":  # an open file cannot be removed there
            os.close(handle)
            with contextlib.suppress(OSError):
                lock.unlink()
        else:
            lock.unlink(missing_ok=True)
            os.close(handle)


def _try(lock: Path) -> int | None:
    try:
        handle = os.open(lock, os.O_RDWR | os.O_CREAT, 0o644)
    except PermissionError:
        if sys.platform == "win32":  # the holder is just removing it
            return None
        raise
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(handle)
        if error.errno in _HELD:
            return None
        raise
    if sys.platform != "win32" and os.fstat(handle).st_nlink == 0:  # its holder removed it before letting go
        os.close(handle)
        return _try(lock)
    return handle
