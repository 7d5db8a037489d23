"""Be told to stop while Lightning's thread looks after a process that is about to fail; print what comes of it."""

import os
import signal
import subprocess
import sys
import time

from lightning.fabric.strategies.launchers.subprocess_script import _ChildProcessObserver

from pipeline.research.training.stopping import Stopping

other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(0.5); raise SystemExit(130)"])
_ChildProcessObserver(os.getpid(), [other], sleep_period=1).start()
try:
    with Stopping():
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(30)
except KeyboardInterrupt:
    other.wait()
    time.sleep(2)  # the thread looks again
    print("told where to go on")
