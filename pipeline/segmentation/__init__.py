"""Stage 2: cut everybody out of the frames. Segmenters are listed here by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from pipeline import registry
from pipeline.config import RuntimeConfig, SegmentationConfig
from pipeline.segmentation.crop import View
from pipeline.segmentation.quality import USUAL, Limits
from pipeline.types import FloatArray
from pipeline.weights.checkpoints import Checkpoint


@dataclass(frozen=True, slots=True)
class Segmented:
    """What a segmenter answers to N crops of S×S pixels.

    person: N×S×S float32, how likely each pixel shows the person. presence: N float32 in [0, 1], how likely there is
    anybody; joints: N×17×3 float32, COCO's joints: x, y in pixels of the crop (a pixel's middle is at half a pixel) and
    a score in [0, 1]. Both are None where the segmenter does not tell. limits: how good a silhouette of this segmenter
    must be. trust: the weight of its log-odds beside those of a fixed camera's foreground.
    """

    person: FloatArray
    presence: FloatArray | None = None
    joints: FloatArray | None = None
    limits: Limits = USUAL
    trust: float = 0.5


class Segmenter(Protocol):
    """Cuts the person out of a crop.

    view: what its crops show. finds_joints: whether its answers have joints.
    """

    view: View
    finds_joints: bool

    def segment(self, crops: NDArray[np.uint8]) -> Segmented:
        """Segment crops, N×S×S×3 uint8 BGR or N×S×S uint8 of the foreground, S = view.size."""


SEGMENTERS: Mapping[str, str] = {
    "mediapipe_pose": "pipeline.segmentation.mediapipe_pose:MediaPipePose",
    "motion": "pipeline.segmentation.motion:MotionSegmenter",
    "pphumanseg": "pipeline.segmentation.pphumanseg:PPHumanSeg",
}


def open_segmenter(config: SegmentationConfig, runtime: RuntimeConfig, checkpoint: Checkpoint | None) -> Segmenter:
    """Load the configured segmenter, once a run; `auto` is the one that reads the checkpoint.

    Raises:
        ConfigError: Its name is not listed.
        CheckpointError: The checkpoint is no segmenter.
    """
    name = config.segmenter
    if name == "auto":
        name = (checkpoint.card.model if checkpoint else "") or "pphumanseg"
    segmenter: Segmenter = registry.load(SEGMENTERS, name, "segmentation.segmenter")(runtime, checkpoint)
    return segmenter
