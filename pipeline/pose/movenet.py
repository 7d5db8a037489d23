"""MoveNet (Google, 2021), single pose, from .tflite: 17 joints of the person in the middle of the picture."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.config import RuntimeConfig
from pipeline.errors import CheckpointError
from pipeline.inference.runtime import open_network
from pipeline.inference.tally import note
from pipeline.pose.crop import View
from pipeline.pose.networks import not_an_estimator, run_each, size_of
from pipeline.skeletons import COCO17
from pipeline.types import FloatArray
from pipeline.weights.checkpoints import Checkpoint

SIZE = (192, 192)  # of Lightning; Thunder takes 256
# Measured on the demo: with the neighbours in the picture, and more room, the mean score fell from 0.71 to 0.47 and the
# joints jumped from frame to frame by two thirds more.
ROOM, BESIDE = 0.1, 0.1


class MoveNet:
    """The network, loaded once; OpenVINO reads .tflite."""

    def __init__(self, runtime: RuntimeConfig, checkpoint: Checkpoint | None) -> None:
        """Raises CheckpointError when the checkpoint is missing, damaged or no MoveNet."""
        if checkpoint is None:
            raise CheckpointError("pose.checkpoint: movenet needs one; name a card or a file.")
        height, width = size_of(checkpoint, SIZE)
        self.view = View((height, width), ROOM, BESIDE)
        self._path = checkpoint.path
        self._network = open_network(checkpoint.path, runtime, backend="openvino")
        self.estimate(np.zeros((1, height, width, 3), np.uint8))

    def estimate(self, crops: NDArray[np.uint8]) -> FloatArray:
        """See PoseEstimator."""
        height, width = self.view.size
        joints = np.empty((len(crops), len(COCO17.joints), 3), np.float32)
        pictures = (self._rgb(crop) for crop in crops)
        for each, found in zip(joints, run_each(self._network, pictures, self._path), strict=True):
            answer = found[0]
            if answer.shape != (1, 1, *joints.shape[1:]):
                raise not_an_estimator(self._path, f"answers with {answer.shape}, not 1×1×17×3")
            each[:] = answer[0, 0][:, [1, 0, 2]] * np.array([width, height, 1], np.float32)
        return joints

    def _rgb(self, crop: NDArray[np.uint8]) -> NDArray[np.uint8]:
        picture = np.ascontiguousarray(crop[None, ..., ::-1])
        note("pose", self._network, picture)
        return picture
