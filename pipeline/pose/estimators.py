"""The pose estimators: MoveNet, and RTMPose."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from pipeline.config import RuntimeConfig
from pipeline.errors import CheckpointError, GaitError
from pipeline.inference.preprocessing import Pictures
from pipeline.inference.runtime import Arrays, Network, OpenVinoNetwork, open_network
from pipeline.inference.tally import note
from pipeline.pose.crop import View
from pipeline.skeletons import COCO17
from pipeline.types import FloatArray
from pipeline.weights.checkpoints import Checkpoint

IMAGENET = Pictures(True, (123.675, 116.28, 103.53), (58.395, 57.12, 57.375))
JOINTS = len(COCO17.joints)


class _Estimator:
    """A network of the size on its card, loaded once and tried on an empty picture."""

    NAME: ClassVar[str]
    SIZE: ClassVar[tuple[int, int]]  # height, width, where the card does not say
    ROOM: ClassVar[float]
    BESIDE: ClassVar[float | None]

    def __init__(self, runtime: RuntimeConfig, checkpoint: Checkpoint | None) -> None:
        """Raises CheckpointError when the checkpoint is missing, damaged or another network's."""
        if checkpoint is None:
            raise CheckpointError(f"pose.checkpoint: {self.NAME} needs one; name a card or a file.")
        size = checkpoint.card.inputs.get("size", self.SIZE)
        try:
            height, width = (int(side) for side in size)
        except (TypeError, ValueError):
            height = width = 0
        if not (32 <= height <= 1024 and 32 <= width <= 1024):
            raise CheckpointError(
                f"card {checkpoint.card.name}: `inputs.size` {size} is no height and width. Correct it."
            )
        self.view = View((height, width), self.ROOM, self.BESIDE)
        self._path = checkpoint.path
        self._network = self._opened(runtime)
        self.estimate(np.zeros((1, height, width, 3), np.uint8))

    def _opened(self, runtime: RuntimeConfig) -> Network:
        raise NotImplementedError

    def estimate(self, crops: NDArray[np.uint8]) -> FloatArray:
        """See PoseEstimator."""
        raise NotImplementedError

    def _answers(self, pictures: Iterable[NDArray[np.uint8]]) -> Iterator[Arrays]:
        """The network's answers in order. Raises CheckpointError where it cannot take the pictures."""

        def noted() -> Iterator[NDArray[np.uint8]]:
            for picture in pictures:
                note("pose", self._network, picture)
                yield picture

        try:
            yield from self._network.each(noted())
        except GaitError:
            raise
        except Exception as error:  # each engine raises exceptions of its own, without a common base
            raise self._refusal(" ".join(str(error).split())[-200:]) from None

    def _refusal(self, reason: str) -> CheckpointError:
        return CheckpointError(
            f"{self._path}: no pose estimator ({reason}). Choose another pose.checkpoint, or pose.estimator."
        )


class MoveNet(_Estimator):
    """MoveNet (Google, 2021), single pose, from .tflite: 17 joints of the person in the middle of the picture."""

    NAME = "movenet"
    SIZE = (192, 192)  # of Lightning; Thunder takes 256
    # Measured on the demo: with the neighbours in the picture, and more room, the mean score fell from 0.71 to 0.47 and
    # the joints jumped from frame to frame by two thirds more.
    ROOM, BESIDE = 0.1, 0.1

    def _opened(self, runtime: RuntimeConfig) -> Network:
        return open_network(self._path, runtime, engine="openvino")  # which reads .tflite

    def estimate(self, crops: NDArray[np.uint8]) -> FloatArray:
        """See PoseEstimator."""
        height, width = self.view.size
        joints = np.empty((len(crops), JOINTS, 3), np.float32)
        pictures = (np.ascontiguousarray(crop[None, ..., ::-1]) for crop in crops)
        for each, (answer, *_) in zip(joints, self._answers(pictures), strict=True):
            if answer.shape != (1, 1, JOINTS, 3):
                raise self._refusal(f"answers with {answer.shape}, not 1×1×17×3")
            each[:] = answer[0, 0][:, [1, 0, 2]] * np.array([width, height, 1], np.float32)
        return joints


class RTMPose(_Estimator):
    """RTMPose (Jiang et al., 2023) from .onnx: a class for each half pixel in x and in y (SimCC, Li et al., ECCV 2022).

    On a CPU it runs in OpenVINO, on a GPU in ONNX Runtime.
    """

    NAME = "rtmpose"
    SIZE = (256, 192)
    ROOM, BESIDE = 0.25, None  # as in its training; neighbours stay to be seen

    def _opened(self, runtime: RuntimeConfig) -> Network:
        return open_network(self._path, runtime, shape=(1, 3, *self.view.size), pictures=IMAGENET)

    def estimate(self, crops: NDArray[np.uint8]) -> FloatArray:
        """See PoseEstimator."""
        step = 1 if isinstance(self._network, OpenVinoNetwork) else max(len(crops), 1)
        pictures = (crops[start : start + step] for start in range(0, len(crops), step))
        joints = [self._joints(found) for found in self._answers(pictures)]
        return np.concatenate(joints) if joints else np.empty((0, JOINTS, 3), np.float32)

    def _joints(self, outputs: Arrays) -> FloatArray:
        height, width = self.view.size
        shapes = ", ".join("×".join(map(str, output.shape)) for output in outputs)
        if len(outputs) != 2 or any(output.ndim != 3 or output.shape[1] != JOINTS for output in outputs):
            raise self._refusal(f"answers with {shapes}, not columns and rows of 17 joints")
        across, down = outputs
        columns, rows = across.shape[2], down.shape[2]
        if not columns or not rows or columns % width or rows % height:
            raise self._refusal(f"answers with {shapes}, no multiples of {width} and {height} pixels")
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
