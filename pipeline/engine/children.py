"""How processes of ours are started."""

from __future__ import annotations

import multiprocessing
import signal
import sys
from multiprocessing import forkserver, resource_tracker
from multiprocessing.context import BaseContext


def starting(*loaded: str) -> BaseContext:
    """How to start processes that need these modules.

    On Linux they are copies of a process that has loaded them and done nothing else.
    This process itself is never copied: a lock that one of its threads holds at that moment stays locked in the copy
    for ever. The modules are loaded once for all copies; those of the first call count, others load what they lack.
    Ctrl-C is this process's to answer: it reaches neither that one nor its copies, from their very beginning.
    A Mac's own libraries may not be copied once they are loaded, and Windows copies no process: there each loads anew.
    """
    if sys.platform != "linux":
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(loaded))
    resource_tracker.ensure_running()  # which would let Ctrl-C through again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        forkserver.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return context


def load(*modules: str) -> None:
    """Begin to load what `starting(*modules)` will need, so that the first process need not wait for it."""
    if sys.platform == "linux":
        starting(*modules)
