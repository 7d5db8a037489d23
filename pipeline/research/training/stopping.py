"""Ctrl-C and SIGTERM while a training runs, be they sent to its main process alone or to the whole group of processes.

timeout, systemd and batch systems signal a whole group: the processes that prepare batches, and all that share a batch.
The main process alone stops then, and the others with it.
"""

from __future__ import annotations

import signal
import sys
import threading
from types import FrameType
from typing import Any, NoReturn

from pipeline.research.training.data.dataset import warned

SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Stopping:
    """A context in which the first of SIGNALS raises KeyboardInterrupt and further ones are ignored.

    requested: whether one came; what fails after that, fails because of it. This process is about to end then, so
    they are ignored beyond the context, too.
    """

    def __init__(self) -> None:
        self.requested = False
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Stopping:
        if threading.current_thread() is threading.main_thread():
            self._before = {signum: signal.getsignal(signum) for signum in SIGNALS}
            self.listen()
        return self

    def listen(self) -> None:
        """Take the signals. Lightning takes SIGTERM when it starts, to inform other processes, which may hang."""
        for signum in self._before:
            signal.signal(signum, self._stop)

    def _stop(self, signum: int, frame: FrameType | None) -> NoReturn:
        self.requested = True
        ignore_signals()
        _let_others_end()
        raise KeyboardInterrupt

    def __exit__(self, *_: object) -> None:
        if not self.requested:
            for signum, handler in self._before.items():
                signal.signal(signum, handler)


def _let_others_end() -> None:
    """Let the processes that share a batch end. Lightning looks after them every five seconds in a thread.

    That thread kills this process as soon as one of them has failed, also where all were told to end, and nothing would
    say then at which iteration.
    """
    for thread in threading.enumerate():
        if thread.name == "child-process-observer":
            vars(thread)["_child_processes"] = []


def leave_to_main_process(already_said: frozenset[str], worker: int) -> None:
    """Let the main process decide when this one, which prepares batches, ends, and say what there is to say.

    It hands batches over in a thread, which would print a traceback where the main process ends in the middle of one
    (multiprocessing.resource_sharer); what fails in preparing a batch reaches the main process in another way.
    """
    ignore_signals()
    warned.update(already_said)
    sys.excepthook = lambda *_: None


def ignore_signals() -> None:
    """Ignore SIGNALS from now on."""
    for signum in SIGNALS:
        signal.signal(signum, signal.SIG_IGN)
