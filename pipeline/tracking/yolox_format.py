"""What YOLOX's networks want to see and what they answer: letterbox in, cells of three strides out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from pipeline.errors import CheckpointError
from pipeline.types import FloatArray, Image

STRIDES = (8, 16, 32)
COARSEST = STRIDES[-1]  # px of the input for one cell of the coarsest stride: sides are multiples of it
Size = tuple[int, int]  # height, width


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
            read.tables()
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

    def tables(self) -> FloatArray:
        """3×256: what each value of each channel becomes. Exact, and one look-up instead of three passes."""
        values = np.arange(256, dtype=np.float64) * self.scale
        mean = np.array(self.mean or (0, 0, 0), np.float64).reshape(3, 1)
        std = np.array(self.std or (1, 1, 1), np.float64).reshape(3, 1)
        table: FloatArray = ((values - mean) / std).astype(np.float32)
        return table


class Letterbox:
    """Scales pictures into the top left of one input size. Keeps its buffer: an output is valid until the next call."""

    def __init__(self, inputs: YoloxInputs, size: Size) -> None:
        self._order = slice(None, None, -1 if inputs.channels == "rgb" else 1)  # pictures are BGR
        self._tables = inputs.tables()
        self._raw = inputs.scale == 1.0 and inputs.mean is None and inputs.std is None
        self._pad = inputs.pad
        self._canvas = np.full((*size, 3), inputs.pad, np.uint8)
        self._filled = size
        self._batch = np.empty((0, 3, *size), np.float32)

    def __call__(self, images: list[Image], ratio: float) -> FloatArray:
        """N×3×H×W float32 from pictures of one size, each scaled by `ratio` (sides rounded down, as the reference)."""
        for _ in self.each(images, ratio):
            pass
        return self._batch[: len(images)]

    def each(self, images: list[Image], ratio: float) -> Iterator[FloatArray]:
        """The same pictures one by one, 1×3×H×W, each prepared when it is asked for."""
        if len(images) > len(self._batch):
            self._batch = np.empty((len(images), *self._batch.shape[1:]), np.float32)
        for row, image in enumerate(images):
            self._place(image, ratio)
            self._convert(self._batch[row])
            yield self._batch[row : row + 1]

    def _place(self, image: Image, ratio: float) -> None:
        height, width = scaled(image.shape[0], ratio), scaled(image.shape[1], ratio)
        if (height, width) != self._filled:
            self._canvas[:] = self._pad
            self._filled = (height, width)
        corner = self._canvas[:height, :width]
        if image.shape[:2] == (height, width):
            corner[:] = image
        else:
            cv2.resize(image, (width, height), dst=corner, interpolation=cv2.INTER_LINEAR)

    def _convert(self, planes: FloatArray) -> None:
        channels = self._canvas[..., self._order].transpose(2, 0, 1)
        if self._raw:
            np.copyto(planes, channels)
            return
        for plane, values, table in zip(planes, channels, self._tables, strict=True):
            np.take(table, values, out=plane)


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
    rows: FloatArray, where: FloatArray, person_class: int, score_threshold: float, decoded: bool = False
) -> tuple[FloatArray, FloatArray]:
    """Boxes N×4 (xyxy, input pixels) and scores N of one picture, before non-maximum suppression.

    rows: A×(5 + classes) of a network, `where` their cells. The score is objectness × probability of a person; only
    rows that reach score_threshold are decoded.
    """
    scores = rows[:, 4] * rows[:, 5 + person_class]
    chosen = np.flatnonzero(scores >= score_threshold)
    picked = rows[chosen]
    box = picked[:, :4] if decoded else to_pixels(picked, where[chosen])
    half = box[:, 2:] / 2
    corners = np.concatenate([box[:, :2] - half, box[:, :2] + half], axis=1)
    finite = np.isfinite(corners).all(axis=1)
    return corners[finite], scores[chosen][finite]
