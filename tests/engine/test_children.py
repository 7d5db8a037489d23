"""Ctrl-C while other processes start: it is answered once, by the process that started them."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="copies are made on Linux alone")

INTERRUPTED = """
    import os, signal, sys
    from functools import partial
    from multiprocessing import forkserver
    from pipeline.engine.children import starting
    from pipeline.research.training.data.processes import in_processes

    if __name__ == "__main__":
        answered = []
        signal.signal(signal.SIGINT, lambda *_: answered.append(1))
        starting("pipeline.research.training.data.processes")
        server = forkserver._forkserver._forkserver_pid
        os.killpg(0, signal.SIGINT)  # as a terminal does, while the modules are loaded
        for number in in_processes(abs, range(40), 2, partial(os.killpg, 0, signal.SIGINT)):
            pass
        print(number, len(answered) > 1, server == forkserver._forkserver._forkserver_pid)
"""


def test_children_leave_it_to_their_parent_from_the_beginning(tmp_path):
    script = tmp_path / "interrupted.py"
    script.write_text(textwrap.dedent(INTERRUPTED))
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, start_new_session=True, check=False)
    assert (done.returncode, done.stdout.split(), done.stderr) == (0, ["39", "True", "True"], "")
