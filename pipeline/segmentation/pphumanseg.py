"""PP-HumanSeg (Chu et al., PP-HumanSeg, WACVW 2022) from Paddle's inference folder or from .onnx.

Reads V1 and V2, lite, mobile and server, and every way PaddleSeg exports them: probabilities, logits or labels.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.config import RuntimeConfig
from pipeline.errors import CheckpointError, GaitError
from pipeline.files import UNREADABLE, parse_yaml, reason_of
from pipeline.inference.preprocessing import Pictures
from pipeline.inference.runtime import Arrays, Network, OpenVinoNetwork, open_network
from pipeline.inference.tally import note
from pipeline.segmentation import Segmented
from pipeline.segmentation.crop import View
from pipeline.types import FloatArray
from pipeline.weights.checkpoints import Checkpoint

Output = Literal["probabilities", "logits", "labels"]
Three = tuple[float, float, float]
PEOPLE_CHANNELS = 2  # background, person


@dataclass(frozen=True, slots=True)
class Conventions:
    """What the network takes. size: height, width; mean and std of values in [0, 1], in the channel order."""

    size: tuple[int, int] = (192, 192)
    mean: Three = (0.5, 0.5, 0.5)
    std: Three = (0.5, 0.5, 0.5)
    channels: str = "rgb"
    person_channel: int = 1

    @property
    def pictures(self) -> Pictures:
        """The same on values from 0 to 255."""
        mean, std = _three(255 * np.array(self.mean)), _three(255 * np.array(self.std))
        return Pictures(self.channels == "rgb", mean, std)


class PPHumanSeg:
    """The network, loaded once. OpenVINO by default; runtime.engine names ONNX Runtime or Paddle's own engine."""

    finds_joints = False

    def __init__(self, runtime: RuntimeConfig, checkpoint: Checkpoint | None) -> None:
        """Raises CheckpointError when the checkpoint is missing, damaged or no two-class segmentation network."""
        if checkpoint is None:
            raise CheckpointError("segmentation.checkpoint: pphumanseg needs one; name a card or a file.")
        file, self.conventions = _read_checkpoint(checkpoint)
        self._source = checkpoint.path
        self.view = View(max(self.conventions.size))
        self._network: Network = open_network(
            file, runtime, shape=(1, 3, *self.conventions.size), pictures=self.conventions.pictures
        )
        # On a CPU one crop at a time is the fastest (a batch of 16 leaves the cache: 25 % slower a crop), and it lets
        # OpenVINO compile for a fixed shape. Only a GPU gains by batches.
        self._batch = 1 if isinstance(self._network, OpenVinoNetwork) else None
        self._output = self._inspect()

    def segment(self, crops: NDArray[np.uint8]) -> Segmented:
        """Segment crops, N×S×S×3 uint8 BGR."""
        side = self.view.size
        if crops.ndim != 4 or crops.shape[1:] != (side, side, 3) or crops.dtype != np.uint8:
            raise ValueError(f"crops must be N×{side}×{side}×3 uint8, got {crops.shape} {crops.dtype}")
        people = np.empty((len(crops), side, side), np.float32)
        step = self._batch or max(len(crops), 1)
        starts = range(0, len(crops), step)
        pictures = (self._noted(self._pictures(crops[start : start + step])) for start in starts)
        for start, outputs in zip(starts, self._network.each(pictures), strict=True):
            some = people[start : start + step]
            self._person(self._pick(outputs, len(some)), some)
        return Segmented(people)

    def _noted(self, pictures: NDArray[np.uint8]) -> NDArray[np.uint8]:
        note("segment", self._network, pictures)
        return pictures

    def _pictures(self, crops: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """N×S×S×3 → N×H×W×3, the size that the network takes."""
        height, width = self.conventions.size
        if crops.shape[1:3] == (height, width):
            return crops
        return np.stack([cv2.resize(crop, (width, height), interpolation=cv2.INTER_LINEAR) for crop in crops])

    def _pick(self, outputs: Arrays, count: int) -> NDArray[Any]:
        """The output that is a map over the crop: N×2×H×W, N×1×H×W or N×H×W."""
        size = self.conventions.size
        for output in outputs:
            maps = output[:, None] if output.ndim == 3 else output
            if maps.ndim == 4 and maps.shape in ((count, 1, *size), (count, PEOPLE_CHANNELS, *size)):
                return maps
        shapes = ", ".join("×".join(map(str, output.shape)) for output in outputs) or "nothing"
        raise CheckpointError(
            f"{self._source}: no person segmentation network (a {size[1]}×{size[0]} crop gives {shapes}, "
            f"not two maps of that size). Give segmentation.checkpoint a PP-HumanSeg."
        )

    def _person(self, maps: NDArray[Any], people: FloatArray) -> None:
        """Put the probability of person into `people` (N×S×S), at the size of the crops."""
        channel = self.conventions.person_channel
        if self._output == "labels":
            found = (np.rint(maps[:, 0]) == channel).astype(np.float32)
        elif self._output == "probabilities":
            found = maps[:, channel]
        else:
            against = maps[:, 1 - channel] - maps[:, channel]
            found = 1 / (1 + np.exp(np.minimum(against, 80)))
        for one, person in zip(found, people, strict=True):
            if one.shape == person.shape:
                person[:] = one
            else:
                cv2.resize(one.astype(np.float32), person.shape[::-1], dst=person, interpolation=cv2.INTER_LINEAR)

    def _inspect(self) -> Output:
        """Show the network a white crop and noise: is it a segmenter, and which of the exports is it?"""
        side = self.view.size
        noise = np.random.default_rng(0).integers(0, 256, (side, side, 3), np.uint8)
        seen = []
        for crop in (np.full_like(noise, 255), noise):
            try:
                outputs = self._network(self._pictures(crop[None]))
            except GaitError:
                raise
            except Exception as error:  # each engine raises exceptions of its own, without a common base
                reason = reason_of(error, end=True)
                raise CheckpointError(
                    f"{self._source}: the network does not take a crop of {side}×{side} ({reason}). "
                    "Give segmentation.checkpoint a PP-HumanSeg."
                ) from None
            seen.append(self._pick(outputs, 1))
        maps = np.concatenate(seen).astype(np.float64)
        if not np.isfinite(maps).all():
            raise CheckpointError(
                f"{self._source}: the network answers with values that are no numbers. Fetch it again."
            )
        if maps.shape[1] == 1:
            return "labels"
        if maps.min() >= 0 and np.abs(maps.sum(axis=1) - 1).max() < 1e-3:
            return "probabilities"
        return "logits"


def _read_checkpoint(checkpoint: Checkpoint) -> tuple[Path, Conventions]:
    """The network file of a checkpoint and the conventions of its card, overruled by the deploy.yaml beside it."""
    conventions = _from_card(checkpoint)
    path = checkpoint.path
    if path.suffix in (".pdmodel", ".pdiparams"):
        path = path.parent
    if not path.is_dir():
        return path, conventions
    deploy = path / "deploy.yaml"
    try:
        described = parse_yaml(deploy.read_text(encoding="utf-8"))["Deploy"]
        transforms = list(described.get("transforms", []))
        model, parameters = path / str(described["model"]), path / str(described["params"])
        conventions = _from_transforms(conventions, transforms)
    except (*UNREADABLE, KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(
            f"{deploy}: not the description of a Paddle model ({reason_of(error)}). Fetch it again."
        ) from None
    if path.resolve() not in model.resolve().parents:
        raise CheckpointError(f"{deploy}: names a model outside of its folder ({model.name}). Fetch it again.")
    if model.suffix != ".pdmodel":
        raise CheckpointError(f"{model}: only Paddle's .pdmodel format is read. Export it so, or to .onnx.")
    for part in (model, parameters):
        if not part.is_file():
            raise CheckpointError(f"{part}: missing, but deploy.yaml names it. Fetch the checkpoint again.")
    return model, conventions


def _from_card(checkpoint: Checkpoint) -> Conventions:
    inputs = checkpoint.card.inputs
    default = Conventions()
    try:
        height, width = (int(side) for side in inputs.get("size", default.size))
        person = int(inputs.get("person_channel", default.person_channel))
        channels = str(inputs.get("channels", default.channels)).lower()
        conventions = Conventions(
            (height, width), _three(inputs.get("mean", 0.5)), _three(inputs.get("std", 0.5)), channels, person
        )
    except (TypeError, ValueError, OverflowError) as error:
        raise CheckpointError(f"card {checkpoint.card.name}: `inputs` makes no sense ({error}). Correct it.") from None
    return _checked(conventions, f"card {checkpoint.card.name}")


def _from_transforms(conventions: Conventions, transforms: list[Mapping[str, Any]]) -> Conventions:
    """Apply PaddleSeg's list of transforms: Resize (target_size: width, height) and Normalize."""
    for transform in transforms:
        kind = transform["type"]
        if kind == "Resize":
            width, height = (int(side) for side in transform.get("target_size", (512, 512)))
            conventions = replace(conventions, size=(height, width))
        elif kind == "Normalize":
            mean, std = _three(transform.get("mean", 0.5)), _three(transform.get("std", 0.5))
            conventions = replace(conventions, mean=mean, std=std)
        else:
            raise ValueError(f"transform {kind} is not known here")
    return _checked(conventions, "deploy.yaml")


def _checked(conventions: Conventions, source: str) -> Conventions:
    sensible = (
        all(16 <= side <= 4096 for side in conventions.size)
        and all(value > 0 for value in conventions.std)
        and conventions.channels in ("rgb", "bgr")
        and conventions.person_channel in (0, 1)
    )
    if not sensible:
        raise CheckpointError(f"{source}: {conventions} is nothing a network can want. Correct it.")
    return conventions


def _three(value: object) -> Three:
    values = np.broadcast_to(np.asarray(value, np.float64), 3)
    if not np.isfinite(values).all():
        raise ValueError(f"{value} is not a number")
    first, second, third = (float(one) for one in values)
    return first, second, third
