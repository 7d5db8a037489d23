"""Stage 2: cut everybody out of the frames. Segmenters are listed here by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from pipeline import registry
from pipeline.config import RuntimeConfig, SegmentationConfig
from pipeline.types import FloatArray
from pipeline.weights.checkpoints import Checkpoint


class Segmenter(Protocol):
    """Says of every pixel of a crop how likely it shows a person.

    crop_size: side of the square crops it takes; looks_at: what of the frame they are cut from.
    """

    crop_size: int
    looks_at: Literal["image", "foreground"]

    def segment(self, crops: NDArray[np.uint8]) -> FloatArray:
        """Crops N×S×S×3 uint8 BGR, or N×S×S uint8 of the foreground, S = crop_size → N×S×S float32 in [0, 1]."""


SEGMENTERS: Mapping[str, str] = {
    "motion": "pipeline.segmentation.motion:MotionSegmenter",
    "pphumanseg": "pipeline.segmentation.pphumanseg:PPHumanSeg",
}


def open_segmenter(config: SegmentationConfig, runtime: RuntimeConfig, checkpoint: Checkpoint | None) -> Segmenter:
    """Load the configured segmenter, once a run.

    Raises:
        ConfigError: Its name is not listed.
        CheckpointError: The checkpoint is no segmenter.
    """
    segmenter: Segmenter = registry.load(SEGMENTERS, config.segmenter, "segmentation.segmenter")(runtime, checkpoint)
    return segmenter
