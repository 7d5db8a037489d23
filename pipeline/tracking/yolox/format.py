"""What YOLOX's networks want to see and what they answer: letterbox in, cells of three strides out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.errors import CheckpointError
from pipeline.inference.preprocessing import Pictures
from pipeline.types import FloatArray, Image

STRIDES = (8, 16, 32)
COARSEST = STRIDES[-1]  # px of the input for one cell of the coarsest stride: sides are multiples of it
Size = tuple[int, int]  # height, width
Images = NDArray[np.uint8]  # N×H×W×3, BGR


@dataclass(frozen=True, slots=True)
class YoloxInputs:
    """A card's `inputs`: how the pictures a YOLOX checkpoint was trained on were prepared.

    size: [height, width] of the network's input; channels: "bgr" or "rgb"; scale: factor on the 0–255 values (1.0, or
    1/255 as a number); mean, std: three numbers each in the order of `channels`, subtracted and divided by after
    scaling, or null; pad: 0–255, around the letterboxed picture; person_class: index of people among the classes;
    decoded: the exported network returns pixels instead of offsets.
    """

    size: Size
    channels: str = "bgr"
    scale: float = 1.0
    mean: tuple[float, float, float] | None = None
    std: tuple[float, float, float] | None = None
    pad: int = 114
    person_class: int = 0
    decoded: bool = False

    @classmethod
    def from_card(cls, name: str, inputs: Mapping[str, Any]) -> YoloxInputs:
        """Raises CheckpointError, naming the card, for keys or values that are no YOLOX conventions."""
        try:
            values: dict[str, Any] = {
                key: tuple(value) if isinstance(value, list) else value for key, value in inputs.items()
            }
            read = cls(**values)
            read.pictures  # noqa: B018 - refuses what is not three numbers
            sane = read.channels in ("bgr", "rgb") and len(read.size) == 2 and all(s % 32 == 0 < s for s in read.size)
        except (TypeError, ValueError) as error:
            raise CheckpointError(
                f"card {name}: `inputs` is not in YOLOX's terms ({error}). Correct the card."
            ) from None
        if not sane:
            raise CheckpointError(
                f"card {name}: `inputs` needs channels bgr or rgb and a size of two multiples of 32. Correct the card."
            )
        return read

    @property
    def pictures(self) -> Pictures:
        """The same as what a network is fed pictures by: (value − mean) / std on the 0–255 values."""
        mean = np.array(self.mean or (0, 0, 0), np.float64).reshape(3) / self.scale
        std = np.array(self.std or (1, 1, 1), np.float64).reshape(3) / self.scale
        return Pictures(self.channels == "rgb", tuple(mean.tolist()), tuple(std.tolist()))

    @property
    def columns(self) -> tuple[int, ...]:
        """What is wanted of each row of the network's answer: box, objectness, and the probability of a person."""
        return (*range(5), 5 + self.person_class)


class Letterbox:
    """Scales pictures into the top left of one input size. Keeps its buffer: an output is valid until the next call."""

    def __init__(self, pad: int, size: Size) -> None:
        self._pad, self._size = pad, size
        self._canvases = np.empty((0, *size, 3), np.uint8)
        self._filled: Size = (0, 0)

    def each(self, images: list[Image], ratio: float) -> Iterator[Images]:
        """Pictures of one size, each scaled by `ratio` (sides rounded down, as the reference) when it is asked for.

        They come one by one, 1×H×W×3 uint8.
        """
        height, width = scaled(images[0].shape[0], ratio), scaled(images[0].shape[1], ratio)
        if len(images) > len(self._canvases) or (height, width) != self._filled:
            count = max(len(images), len(self._canvases))
            self._canvases = np.full((count, *self._size, 3), self._pad, np.uint8)
            self._filled = (height, width)
        for row, image in enumerate(images):
            corner = self._canvases[row, :height, :width]
            if image.shape[:2] == (height, width):
                corner[:] = image
            else:
                cv2.resize(image, (width, height), dst=corner, interpolation=cv2.INTER_LINEAR)
            yield self._canvases[row : row + 1]


def scaled(side: int, ratio: float) -> int:
    """A side after scaling: rounded down, but never nothing."""
    return max(1, int(side * ratio))


def cells(size: Size) -> FloatArray:
    """A×3: column, row and stride of each output row for an input of this size."""
    grids = []
    for stride in STRIDES:
        rows, columns = np.mgrid[: size[0] // stride, : size[1] // stride]
        grids.append(np.stack([columns.ravel(), rows.ravel(), np.full(rows.size, stride)], axis=1))
    return np.concatenate(grids).astype(np.float32)


def to_pixels(rows: FloatArray, where: FloatArray) -> FloatArray:
    """Undecoded rows N×(4 or more) and their cells N×3 → N×4 of centre x, centre y, width, height in input pixels."""
    stride = where[:, 2:]
    centres = (rows[:, :2] + where[:, :2]) * stride
    with np.errstate(over="ignore"):  # a hostile network: infinite boxes are left out afterwards
        sides = np.exp(rows[:, 2:4]) * stride
    return np.concatenate([centres, sides], axis=1)


def people(
    rows: FloatArray, where: FloatArray, score_threshold: float, decoded: bool = False
) -> tuple[FloatArray, FloatArray]:
    """Boxes N×4 (xyxy, input pixels) and scores N of one picture, before non-maximum suppression.

    rows: A×6, the YoloxInputs.columns of the network's answer, `where` their cells. The score is objectness ×
    probability of a person; only rows that reach score_threshold are decoded.
    """
    scores = rows[:, 4] * rows[:, 5]
    chosen = np.flatnonzero(scores >= score_threshold)
    picked = rows[chosen]
    box = picked[:, :4] if decoded else to_pixels(picked, where[chosen])
    half = box[:, 2:] / 2
    corners = np.concatenate([box[:, :2] - half, box[:, :2] + half], axis=1)
    finite = np.isfinite(corners).all(axis=1)
    return corners[finite], scores[chosen][finite]
