"""`gait checkpoints list`; the exit status is ten times the command's, and the number that the next open file gets."""

import os
import sys

from pipeline.cli import main

sys.argv = ["gait", "checkpoints", "list"]
try:
    main()
except SystemExit as end:
    os._exit(10 * int(end.code or 0) + os.open(os.devnull, os.O_RDONLY))
