"""Reviews a run: ARGV: the run folder, TRACK=NAME of somebody new. It then waits to be killed."""

import sys
from pathlib import Path

from pipeline.feedback.answers import Said
from pipeline.feedback.say import review

track, _, name = sys.argv[2].partition("=")
review(Path(sys.argv[1]), Said(new={track: name}))
print("done", flush=True)
sys.stdin.readline()
