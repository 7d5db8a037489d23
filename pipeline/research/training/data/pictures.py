"""Pictures of silhouettes as people keep them, read as masks H×W uint8 from 0 (background) to 255 (body).

White on black is taken as it is, to the bit. What is unmistakably a mask in another way is converted, and the way is
named; of anything else it is said what is wrong with it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.research.training.data.silhouettes import BODY, levels

SUFFIXES = frozenset((".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff"))
SAME_GREY = 24  # of channels that differ by no more, as they do after JPEG: a grey picture

ONES = "values of 0 and 1, read as 0 and 255"
DEEP = "16 bits a pixel, read as 8"
ALPHA = "the mask is in the alpha channel"
INVERTED = "black on white, inverted"
COLOURED = "a black background and one colour, read as the body"
JPEG = "JPEG, what is darker than half white is background"

_JPEG = b"\xff\xd8"


@dataclass(frozen=True, slots=True)
class Mask:
    """A picture as a mask, and in which ways it was converted (ONES, ALPHA …); none for white on black."""

    mask: NDArray[np.uint8]
    conversions: tuple[str, ...]


def read_mask(path: Path) -> Mask:
    """Read a picture of a silhouette. Raises ValueError, saying what is wrong with it."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ValueError(f"cannot be read ({error.strerror})") from None
    picture = _decoded(data)
    grey, conversions = _grey(picture)
    if _is_inverted(grey):
        grey = 255 - grey
        conversions.append(INVERTED)
    if data.startswith(_JPEG) and ((grey > 0) & (grey < BODY)).any():
        grey = np.where(grey < BODY, 0, grey).astype(np.uint8)
        conversions.append(JPEG)
    return Mask(grey, tuple(conversions))


def _decoded(data: bytes) -> NDArray[Any]:
    """H×W or H×W×channels (blue, green, red, alpha) of 8 or 16 bits or floats."""
    short = data.startswith(_JPEG) and data.rfind(b"\xff\xd9") < data.rfind(b"\xff\xda")  # libjpeg fills up with grey
    picture = None
    with _silent(), suppress(cv2.error):  # which refuses pictures that are far too large
        if data and not short:
            picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if picture is None:
        raise ValueError(f"not a picture, or not a whole one ({', '.join(sorted(SUFFIXES))})")
    return np.asarray(picture)


@contextmanager
def _silent() -> Iterator[None]:
    """Without OpenCV's own lines on standard error: files that cannot be read are named by us."""
    before = cv2.utils.logging.getLogLevel()
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        yield
    finally:
        cv2.utils.logging.setLogLevel(before)


def _grey(picture: NDArray[Any]) -> tuple[NDArray[np.uint8], list[str]]:
    """H×W uint8 from 0 to 255, and how it was made."""
    conversions = list[str]()
    if picture.dtype == np.uint16:
        picture = _of_8_bits(picture)
        conversions.append(DEEP)
    if picture.ndim == 3 and picture.shape[2] == 4:
        alpha, colours = picture[..., 3], picture[..., :3]
        if alpha.min() < alpha.max():
            if _is_black_and_white(colours[alpha > 0]):
                raise ValueError("silhouettes in the grey values and in the alpha channel. Keep one of them")
            return levels(alpha), [*conversions, ALPHA]
        picture = colours
    if picture.ndim == 3:
        colours = picture.reshape(-1, picture.shape[2])
        if int(np.ptp(colours, axis=1).max()) > SAME_GREY:
            body = colours.any(axis=1)
            if body.all() or not (colours[body] == colours[body][0]).all():
                raise ValueError("a picture in colours, no silhouette")
            return levels(np.asarray(body).reshape(picture.shape[:2])), [*conversions, COLOURED]
        picture = cv2.cvtColor(np.ascontiguousarray(picture), cv2.COLOR_BGR2GRAY)
    if 0 < picture.max() <= 1:
        conversions.append(ONES)
    return levels(picture), conversions


def _of_8_bits(picture: NDArray[Any]) -> NDArray[Any]:
    """Of 16 bits; files of this kind may hold no more than 8 of them, or a mask of 0 and 1."""
    return picture.astype(np.uint8) if picture.max() <= 255 else (picture >> 8).astype(np.uint8)


def _is_black_and_white(colours: NDArray[Any]) -> bool:
    """Whether these pixels are a mask themselves: some black, some white, hardly anything else."""
    black, white = (colours < 32).all(axis=1).mean(), (colours >= 224).all(axis=1).mean()
    return bool(min(black, white) > 0.02 and black + white > 0.95)


def _is_inverted(grey: NDArray[np.uint8]) -> bool:
    """Whether the body is what is dark: all corners are white, most of the edge is, and something is not."""
    edge = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]]) >= BODY
    corners = grey[[0, 0, -1, -1], [0, -1, 0, -1]] >= BODY
    return bool(corners.all() and edge.mean() > 0.5 and grey.min() < BODY)
