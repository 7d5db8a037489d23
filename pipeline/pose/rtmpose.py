"""RTMPose (Jiang et al., 2023) from .onnx: a class for each half pixel in x and in y (SimCC, Li et al., ECCV 2022)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.config import RuntimeConfig
from pipeline.errors import CheckpointError
from pipeline.inference.preprocessing import Pictures
from pipeline.inference.runtime import OpenVinoNetwork, open_network
from pipeline.inference.tally import note
from pipeline.pose.crop import View
from pipeline.pose.networks import not_an_estimator, run_each, size_of
from pipeline.skeletons import COCO17
from pipeline.types import FloatArray
from pipeline.weights.checkpoints import Checkpoint

SIZE = (256, 192)
ROOM = 0.25  # as in its training; neighbours stay to be seen
IMAGENET = Pictures(True, (123.675, 116.28, 103.53), (58.395, 57.12, 57.375))


class RTMPose:
    """The network, loaded once. On a CPU it runs in OpenVINO, on a GPU in ONNX Runtime."""

    def __init__(self, runtime: RuntimeConfig, checkpoint: Checkpoint | None) -> None:
        """Raises CheckpointError when the checkpoint is missing, damaged or no RTMPose of COCO's joints."""
        if checkpoint is None:
            raise CheckpointError("pose.checkpoint: rtmpose needs one; name a card or a file.")
        height, width = size_of(checkpoint, SIZE)
        self.view = View((height, width), ROOM, None)
        self._path = checkpoint.path
        self._network = open_network(checkpoint.path, runtime, shape=(1, 3, height, width), pictures=IMAGENET)
        self._batch = 1 if isinstance(self._network, OpenVinoNetwork) else None
        self.estimate(np.zeros((1, height, width, 3), np.uint8))

    def estimate(self, crops: NDArray[np.uint8]) -> FloatArray:
        """See PoseEstimator."""
        step = self._batch or max(len(crops), 1)
        pictures = (self._noted(crops[start : start + step]) for start in range(0, len(crops), step))
        joints = [self._joints(found) for found in run_each(self._network, pictures, self._path)]
        return np.concatenate(joints) if joints else np.empty((0, len(COCO17.joints), 3), np.float32)

    def _noted(self, pictures: NDArray[np.uint8]) -> NDArray[np.uint8]:
        note("pose", self._network, pictures)
        return pictures

    def _joints(self, outputs: list[NDArray[np.float32]]) -> FloatArray:
        height, width = self.view.size
        shapes = ", ".join("×".join(map(str, output.shape)) for output in outputs)
        if len(outputs) != 2 or any(output.ndim != 3 or output.shape[1] != 17 for output in outputs):
            raise not_an_estimator(self._path, f"answers with {shapes}, not columns and rows of 17 joints")
        across, down = outputs
        columns, rows = across.shape[2], down.shape[2]
        if not columns or not rows or columns % width or rows % height:
            raise not_an_estimator(self._path, f"answers with {shapes}, no multiples of {width} and {height} pixels")
        return decode_simcc(across, down, (columns / width, rows / height))


def decode_simcc(across: FloatArray, down: FloatArray, per_pixel: tuple[float, float]) -> FloatArray:
    """Scores N×J×X and N×J×Y of every column and row → N×J×3: x, y in pixels, and the lower of the two best scores.

    per_pixel: columns and rows to a pixel. A joint whose score is not above 0 was not found: it is at (0, 0).
    """
    score = np.minimum(across.max(axis=-1), down.max(axis=-1))
    x, y = across.argmax(axis=-1) / per_pixel[0], down.argmax(axis=-1) / per_pixel[1]
    joints = np.stack([x, y, score], axis=-1).astype(np.float32)
    joints[..., 2] = joints[..., 2].clip(0, 1)
    joints[score <= 0] = 0
    return joints
