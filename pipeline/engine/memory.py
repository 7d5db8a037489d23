"""Give memory back: a run allocates and frees pictures of a few MB all the time, in many threads."""

from __future__ import annotations

import ctypes
import sys
from contextlib import suppress
from pathlib import Path

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # mallopt(3)
_LARGE = 1 << 22  # bytes; pictures of 720p and more, whose page faults cost little beside the work on them


def peak_memory() -> int:
    """Bytes that this process has had in memory at once, at most so far."""
    if (most := _of_status("VmHWM")) is not None:  # Linux counts what was before an exec, too, in what getrusage tells
        return most
    import resource  # Unix has it

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def memory_now() -> int:
    """Bytes that this process has in memory; what it has had at most, where the system does not tell."""
    now = _of_status("VmRSS")
    return peak_memory() if now is None else now


def _of_status(name: str) -> int | None:
    with suppress(OSError, ValueError):
        for line in Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines():
            if line.startswith(f"{name}:"):
                return int(line.split()[1]) * 1024
    return None


def return_freed_pictures() -> None:
    """Have glibc take each large block from the system and return it when it is freed.

    Otherwise it learns from the first freed pictures to keep such blocks in its heaps, which then break up: a 1080p run
    held 1.1 GB instead of 0.8. Does nothing on other systems.
    """
    if not sys.platform.startswith("linux"):
        return
    with suppress(OSError, AttributeError):  # another C library
        mallopt = ctypes.CDLL("libc.so.6").mallopt
        mallopt(_MMAP_THRESHOLD, _LARGE)
        mallopt(_TRIM_THRESHOLD, _LARGE)
