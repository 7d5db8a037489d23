"""Segments crops with Paddle's own engine, which must not share a process with torch. ARGV: model, crops, answer."""

import sys
from pathlib import Path

import numpy as np

from pipeline.config import RuntimeConfig, SegmentationConfig
from pipeline.segmentation import open_segmenter
from pipeline.weights.checkpoints import Card, Checkpoint

folder, crops, answer = map(Path, sys.argv[1:])
card = Card(name=folder.name, stage="segmenter", loader="paddle", file=folder.name, licence="Apache-2.0")
runtime = RuntimeConfig(device="cpu", engine="paddle")
segmenter = open_segmenter(SegmentationConfig(), runtime, Checkpoint(card, folder, ""))
np.save(answer, segmenter.segment(np.load(crops)).person)
