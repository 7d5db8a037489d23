"""Holds a run folder until a line comes. ARGV: folder."""

import sys
from pathlib import Path

from pipeline.runs.folder import RunFolder

with RunFolder(Path(sys.argv[1])).held():
    print("held", flush=True)
    sys.stdin.readline()
