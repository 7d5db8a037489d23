"""Films made-up walkers, with this many threads of OpenCV. ARGV: folder, threads."""

import sys
from pathlib import Path

import cv2
import numpy as np

from pipeline.research.synth.silhouette import sequences
from pipeline.research.synth.videos import Show, write_video

folder, threads = Path(sys.argv[1]), int(sys.argv[2])
cv2.setNumThreads(threads)
write_video(folder / "probe1.mp4", Show(people=2, seed=2, seconds=1.0, size=(320, 180), fps=10.0), 1)
np.save(folder / "masks.npy", np.concatenate([one.masks for one in sequences((5, 2), 2, frames=8)]))
