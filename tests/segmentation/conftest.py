from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.config import RuntimeConfig, SegmentationConfig
from pipeline.segmentation import Segmenter, open_segmenter
from pipeline.weights.checkpoints import Card, Checkpoint

FOLDER = "human_pp_humansegv1_lite_192x192"


@pytest.fixture(scope="session")
def segmenter(shared: Path) -> Segmenter:
    """PP-HumanSeg, the smallest."""
    card = Card(name=FOLDER, stage="segmenter", loader="paddle", file=FOLDER, licence="Apache-2.0")
    checkpoint = Checkpoint(card, shared / "checkpoints" / FOLDER, "")
    return open_segmenter(SegmentationConfig(), RuntimeConfig(device="cpu"), checkpoint)
