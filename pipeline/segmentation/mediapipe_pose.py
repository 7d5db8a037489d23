"""MediaPipe Pose's landmark networks (BlazePose: Bazarevsky et al., 2020), lite, full and heavy, from .tflite.

One call looks at one person: a mask of 256×256, how sure it is that there is anybody, and 33 landmarks.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from pipeline.config import RuntimeConfig
from pipeline.errors import CheckpointError, GaitError
from pipeline.files import reason_of
from pipeline.inference.preprocessing import Pictures
from pipeline.inference.runtime import Arrays, open_network
from pipeline.inference.tally import note
from pipeline.segmentation import Segmented
from pipeline.segmentation.crop import View
from pipeline.segmentation.quality import Limits
from pipeline.types import FloatArray
from pipeline.weights.checkpoints import Checkpoint

SIDE = 256
ROOM = 0.125  # on each side of the box: the square that it was trained on is 1.25 times as long as the person
OUTPUTS = ("Identity", "Identity_1", "Identity_2")  # landmarks, presence, mask; heat maps and metres are not asked for
LANDMARKS = 39  # 33 of the body and 6 that it follows people by; x, y, z, visibility and presence each
COCO = (0, 2, 5, 7, 8, 11, 12, 13, 14, 15, 16, 23, 24, 25, 26, 27, 28)  # COCO's 17 joints among them

# Chosen on 958 crops of made-up walkers of 40 to 160 px whose pixels are known (docs/accuracy.md): frames are left
# out where half of the masks or more overlap with the truth by less than 0.72. Beyond the usual limits of coverage and
# contact four of five masks are right.
LIMITS = Limits(confidence=0.85, certainty=0.75, presence=0.2, contact=0.5, coverage=(0.25, 1.2))
TRUST = 2.0  # as sure as it is where people are large; where they are small the foreground mends it


class MediaPipePose:
    """The network, loaded once. It runs in OpenVINO, on the CPU: no other engine here reads .tflite."""

    view = View(SIDE, ROOM, around=None)
    finds_joints = True

    def __init__(self, runtime: RuntimeConfig, checkpoint: Checkpoint | None) -> None:
        """Raises CheckpointError when the checkpoint is missing, damaged or another network."""
        if checkpoint is None:
            raise CheckpointError("segmentation.checkpoint: mediapipe_pose needs one; name a card or a file.")
        self._source = checkpoint.path
        rgb = Pictures(True, std=(255.0, 255.0, 255.0))
        self._network = open_network(self._source, runtime, engine="openvino", pictures=rgb, outputs=OUTPUTS)
        self.segment(np.zeros((1, SIDE, SIDE, 3), np.uint8))

    def segment(self, crops: NDArray[np.uint8]) -> Segmented:
        """Segment crops, N×256×256×3 uint8 BGR, and find their joints."""
        if crops.ndim != 4 or crops.shape[1:] != (SIDE, SIDE, 3) or crops.dtype != np.uint8:
            raise ValueError(f"crops must be N×{SIDE}×{SIDE}×3 uint8, got {crops.shape} {crops.dtype}")
        person = np.empty((len(crops), SIDE, SIDE), np.float32)
        presence = np.empty(len(crops), np.float32)
        joints = np.empty((len(crops), len(COCO), 3), np.float32)
        for number, (landmarks, present, mask) in enumerate(self._answers(crops)):
            person[number] = _sigmoid(mask.reshape(SIDE, SIDE))
            presence[number] = present.item()
            joints[number] = _joints(landmarks)
            joints[number, :, 2] *= presence[number]
        return Segmented(person, presence, joints, LIMITS, TRUST)

    def _answers(self, crops: NDArray[np.uint8]) -> Iterator[Arrays]:
        def noted() -> Iterator[NDArray[np.uint8]]:
            for crop in crops:  # one at a time: the network is exported so
                note("segment", self._network, crop[None])
                yield crop[None]

        try:
            for answer in self._network.each(noted()):
                shapes = [output.size for output in answer]
                if shapes != [LANDMARKS * 5, 1, SIDE * SIDE]:
                    raise self._refusal(f"a crop gives {shapes} numbers")
                yield answer
        except GaitError:
            raise
        except Exception as error:  # OpenVINO's own, without a common base
            raise self._refusal(reason_of(error, end=True)) from None

    def _refusal(self, reason: str) -> CheckpointError:
        return CheckpointError(
            f"{self._source}: no landmark network of MediaPipe Pose ({reason}). Give segmentation.checkpoint one, or "
            "choose another segmentation.segmenter."
        )


def _joints(landmarks: FloatArray) -> FloatArray:
    """COCO's joints, 17×3. The score is the lower of "in the crop" and "not hidden"."""
    x, y, _, visible, there = landmarks.reshape(LANDMARKS, 5)[list(COCO)].T
    return np.stack([x, y, _sigmoid(np.minimum(visible, there))], axis=1).astype(np.float32)


def _sigmoid(logits: FloatArray) -> FloatArray:
    return np.asarray(1 / (1 + np.exp(-np.clip(logits, -60, 60))), np.float32)
