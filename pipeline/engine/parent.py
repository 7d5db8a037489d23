"""Processes of ours that do not outlive the one that started them."""

from __future__ import annotations

import multiprocessing
import os
import threading


def end_with_parent() -> None:
    """Let this process end as soon as its parent has, however that ended.

    A parent that was killed cannot end its children: they would write on into a folder that somebody resumes.
    """
    threading.Thread(target=_wait_and_end, name="gait-parent", daemon=True).start()


def _wait_and_end() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
