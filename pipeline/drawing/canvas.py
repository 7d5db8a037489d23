"""What annotations are painted on: a BGR picture, or one in 4:2:0 as the video holds it."""

from __future__ import annotations

from collections.abc import Hashable
from functools import lru_cache
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.drawing.colours import Colour
from pipeline.types import Image
from pipeline.video.planar import Colours, Planar, subsampled


class Plate(Hashable, Protocol):
    """A small picture that is pasted often. It is hashable, so that it is prepared once."""

    @property
    def image(self) -> Image:
        """h×w×3 uint8 BGR with even sides."""
        ...


class Canvas(Protocol):
    """One picture to paint on, in place."""

    def fill(self, left: int, top: int, right: int, bottom: int, colour: Colour) -> None:
        """Paint the pixels from (left, top) up to but without (right, bottom)."""
        ...

    def paste(self, left: int, top: int, plate: Plate) -> None:
        """Put the plate there, as much of it as fits; left and top are even."""
        ...

    def blur(self, left: int, top: int, right: int, bottom: int) -> None:
        """Make the pixels from (left, top) up to but without (right, bottom) unrecognisable; all are even."""
        ...


class BgrCanvas:
    """An H×W×3 uint8 BGR picture."""

    def __init__(self, image: Image) -> None:
        self._image = image

    def fill(self, left: int, top: int, right: int, bottom: int, colour: Colour) -> None:
        self._image[top:bottom, left:right] = colour

    def paste(self, left: int, top: int, plate: Plate) -> None:
        _paste(self._image, left, top, plate.image)

    def blur(self, left: int, top: int, right: int, bottom: int) -> None:
        _blur(self._image[top:bottom, left:right])


class PlanarCanvas:
    """A picture in 4:2:0. The colour of an edge at an odd pixel reaches one pixel further than its brightness."""

    def __init__(self, picture: Planar, colours: Colours) -> None:
        self._planes, self._colours, self._height = picture.planes, colours, picture.size[1]

    def fill(self, left: int, top: int, right: int, bottom: int, colour: Colour) -> None:
        luma, blue, red = self._planes
        y, u, v = _coded(colour, self._colours, self._height)
        luma[top:bottom, left:right] = y
        half = slice(top // 2, (bottom + 1) // 2), slice(left // 2, (right + 1) // 2)
        blue[half], red[half] = u, v

    def paste(self, left: int, top: int, plate: Plate) -> None:
        for plane, part, step in zip(self._planes, _planes(plate, self._colours, self._height), (1, 2, 2), strict=True):
            _paste(plane, left // step, top // step, part)

    def blur(self, left: int, top: int, right: int, bottom: int) -> None:
        for plane, step in zip(self._planes, (1, 2, 2), strict=True):
            _blur(plane[top // step : bottom // step, left // step : right // step])


def _paste(picture: NDArray[np.uint8], left: int, top: int, part: NDArray[np.uint8]) -> None:
    place = picture[top : top + part.shape[0], left : left + part.shape[1]]
    place[:] = part[: place.shape[0], : place.shape[1]]


def _blur(place: NDArray[np.uint8]) -> None:
    """Two rows of square cells, each its mean, with soft borders: too coarse for a face, and nothing to undo."""
    height, width = place.shape[:2]
    if height and width:
        cells = max(1, round(2 * width / height)), 2
        coarse = cv2.resize(place, cells, interpolation=cv2.INTER_AREA)
        place[:] = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR)


@lru_cache(maxsize=512)
def _coded(colour: Colour, colours: Colours, height: int) -> tuple[int, int, int]:
    y, u, v = colours.of_bgr(np.array(colour, np.uint8), height).tolist()
    return y, u, v


@lru_cache(maxsize=512)
def _planes(plate: Plate, colours: Colours, height: int) -> list[NDArray[np.uint8]]:
    return subsampled(plate.image, colours, height)


def even(picture: Image) -> Image:
    """With even sides: the last row or column is repeated where need be."""
    height, width = picture.shape[:2]
    return np.asarray(cv2.copyMakeBorder(picture, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE), np.uint8)
