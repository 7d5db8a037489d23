"""How processes of ours are started."""

from __future__ import annotations

import multiprocessing
import sys
from multiprocessing import forkserver
from multiprocessing.context import BaseContext


def starting(*loaded: str) -> BaseContext:
    """How to start processes that need these modules.

    On Linux they are copies of a process that has loaded them and done nothing else.
    This process itself is never copied: a lock that one of its threads holds at that moment stays locked in the copy
    for ever. The modules are loaded once for all copies; those of the first call count, others load what they lack.
    A Mac's own libraries may not be copied once they are loaded, and Windows copies no process: there each loads anew.
    """
    if sys.platform != "linux":
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(loaded))
    return context


def load(*modules: str) -> None:
    """Begin to load what `starting(*modules)` will need, so that the first process need not wait for it."""
    if sys.platform == "linux":
        starting(*modules)
        forkserver.ensure_running()
