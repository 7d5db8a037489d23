"""Beside stage 2: where everybody's joints are. Estimators are listed here by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from pipeline import registry
from pipeline.config import PoseConfig, RuntimeConfig
from pipeline.pose.crop import View
from pipeline.types import FloatArray
from pipeline.weights.checkpoints import Checkpoint


class PoseEstimator(Protocol):
    """Finds the joints of the one person in a picture. view: what its pictures show."""

    view: View

    def estimate(self, crops: NDArray[np.uint8]) -> FloatArray:
        """Crops N×H×W×3 uint8 BGR of view.size → N×17×3 float32: COCO's joints, x, y in pixels of the crop, score.

        A pixel's middle is at half a pixel: x runs from 0 to W.
        """


ESTIMATORS: Mapping[str, str] = {
    "movenet": "pipeline.pose.estimators:MoveNet",
    "rtmpose": "pipeline.pose.estimators:RTMPose",
}


def open_estimator(config: PoseConfig, runtime: RuntimeConfig, checkpoint: Checkpoint | None) -> PoseEstimator:
    """Load the configured estimator, once a run.

    Raises:
        ConfigError: Its name is not listed.
        CheckpointError: The checkpoint is no pose estimator.
    """
    estimator: PoseEstimator = registry.load(ESTIMATORS, config.estimator, "pose.estimator")(runtime, checkpoint)
    return estimator
