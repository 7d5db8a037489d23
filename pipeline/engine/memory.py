"""Give memory back: a run allocates and frees pictures of a few MB all the time, in many threads."""

from __future__ import annotations

import ctypes
import sys
from contextlib import suppress

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # mallopt(3)
_LARGE = 1 << 22  # bytes; pictures of 720p and more, whose page faults cost little beside the work on them


def peak_memory() -> int:
    """Bytes that this process has had in memory at once, at most so far."""
    import resource  # Unix has it

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


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
