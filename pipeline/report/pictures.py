"""Pictures inside of a page: as data addresses, small, with the words that stand in for them."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.drawing.silhouettes import energy, filmstrip, moments
from pipeline.types import SilhouetteSequence

GREYS = 17  # of silhouettes: as good to look at, and half the bytes
USUAL_FPS = 25.0


@dataclass(frozen=True, slots=True)
class Picture:
    """uri: a data address; alt: what it shows; width, height: in pixels."""

    uri: str
    alt: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Thrift:
    """How small pictures have to be, for a page of so many people."""

    portrait_height: int
    silhouettes: int
    scale: int  # of coloured silhouettes

    @classmethod
    def of(cls, people: int) -> Thrift:
        return cls(240, 8, 3) if people <= 60 else cls(96, 5, 1)


def png(image: NDArray[np.uint8], alt: str) -> Picture:
    """An image H×W or H×W×3."""
    data = cv2.imencode(".png", image, [cv2.IMWRITE_PNG_COMPRESSION, 7])[1].tobytes()
    return Picture(_uri("png", data), alt, image.shape[1], image.shape[0])


def portrait(jpeg: bytes, alt: str, thrift: Thrift) -> Picture | None:
    """A stored portrait, smaller where need be; None where it is damaged."""
    try:
        image = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR) if jpeg else None
    except cv2.error:
        image = None
    if image is None:
        return None
    height, width = image.shape[:2]
    if height > thrift.portrait_height:
        width, height = max(1, round(width * thrift.portrait_height / height)), thrift.portrait_height
        small = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
        jpeg = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, 75])[1].tobytes()
    return Picture(_uri("jpeg", jpeg), alt, width, height)


def energy_picture(sequence: SilhouetteSequence, name: str) -> Picture:
    """The gait energy image."""
    return png(energy(sequence.masks), f"Gait energy image of {name}: the mean of {len(sequence)} silhouettes")


def strip_picture(sequence: SilhouetteSequence, fps: float | None, name: str, thrift: Thrift) -> tuple[Picture, str]:
    """Silhouettes in a row, and when they were: "4.1 s to 5.2 s"; in frames without fps."""
    shown = moments(sequence.frame_indices, fps or USUAL_FPS, thrift.silhouettes)
    first, last = (int(sequence.frame_indices[shown[place]]) for place in (0, -1))
    when = f"{first / fps:.1f} s to {last / fps:.1f} s" if fps else f"frames {first} to {last}"
    return png(_few_greys(filmstrip(sequence.masks[shown])), f"{len(shown)} silhouettes of {name}, {when}"), when


def _few_greys(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    step = 255 / (GREYS - 1)
    return np.asarray(((image / step).round() * step).round(), np.uint8)


def _uri(kind: str, data: Any) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
