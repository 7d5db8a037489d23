"""Pictures of a data set: silhouettes in whatever way they are stored, labels of body parts, colours.

Silhouettes are read as masks H×W uint8 from 0 (background) to 255 (body). White on black is taken as it is, to the bit.
What is unmistakably a mask in another way is converted, and the way is named; of anything else it is said what is wrong
with it. Reference: OpenGait datasets/pretreatment.py, Gait3D-Parsing/pretreatment_gps.py, pretreatment_rgb.py,
CCGR-MINI/organize_ccgr.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.errors import InputError
from pipeline.research.training.data.dataset import BODY, mask_levels
from pipeline.video import open_video
from pipeline.video.container import MAX_PIXELS

SUFFIXES = frozenset((".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff"))
SAME_GREY = 24  # of channels that differ by no more, as they do after JPEG: a grey picture
MOST_LABELS = 32  # of body parts
RGB_SIZE = 256, 128  # rows and columns that networks for colours are trained on
STRETCHED_SIZE = 128, 128  # of people without anything around them
BLACK = 15  # no brighter value is around a person in CCGR-MINI's videos

ONES = "values of 0 and 1, read as 0 and 255"
DEEP = "16 bits a pixel, read as 8"
ALPHA = "the mask is in the alpha channel"
INVERTED = "black on white, inverted"
COLOURED = "a black background and one colour, read as the body"
JPEG = "JPEG, what is darker than half white is background"

_JPEG = b"\xff\xd8"
_PNG, _PNG_END = b"\x89PNG\r\n\x1a\n", b"IEND\xaeB`\x82"
_PLAIN = b"\x08\0\0\0\0"  # of its header: 8 bits, grey, not interlaced


def read_mask(path: Path) -> tuple[NDArray[np.uint8], list[str]]:
    """A picture of a silhouette as a mask, and in which ways it was converted (ONES, ALPHA …).

    Raises ValueError, saying what is wrong with it.
    """
    data = _read(path)
    grey, conversions = _to_grey(_decode(data) if (plain := _decode_plain(data)) is None else plain)
    if _is_inverted(grey):
        grey = 255 - grey
        conversions.append(INVERTED)
    if data.startswith(_JPEG) and ((grey > 0) & (grey < BODY)).any():
        grey = np.where(grey < BODY, 0, grey).astype(np.uint8)
        conversions.append(JPEG)
    return grey, conversions


def read_labels(path: Path) -> tuple[NDArray[np.uint8], list[str]]:
    """A picture of labels of body parts, H×W uint8, 0 for the background. Raises ValueError for any other picture."""
    labels = _decode(_read(path))
    if labels.ndim == 3 and (labels[..., :1] == labels[..., :3]).all():
        labels = labels[..., 0]
    if labels.ndim != 2 or labels.dtype != np.uint8 or len(np.unique(labels)) > MOST_LABELS:
        raise ValueError("no labels of body parts, which are grey, and few")
    return labels, []


def read_colours(path: Path) -> tuple[NDArray[np.uint8], list[str]]:
    """A picture in colours, H×W×3 uint8: red, green, blue. Raises ValueError for what is no picture."""
    picture = _decode(_read(path), cv2.IMREAD_COLOR)
    return cv2.cvtColor(picture, cv2.COLOR_BGR2RGB).astype(np.uint8), []


def fit_colours(picture: NDArray[np.uint8], size: int = 0) -> NDArray[np.uint8] | None:
    """A picture H×W×3 scaled to 256 rows, with black beside it or cut to 128 columns: 3×256×128."""
    rows, columns = RGB_SIZE
    width = int(picture.shape[1] * rows / picture.shape[0])
    if not 0 < width <= rows * MOST_LABELS:
        return None
    scaled = cv2.resize(picture, (width, rows))
    before = (columns - width) // 2
    cut = scaled[:, abs(before) : abs(before) + columns] if before < 0 else scaled
    padded = np.zeros((rows, columns, 3), np.uint8)
    padded[:, max(before, 0) : max(before, 0) + cut.shape[1]] = cut
    return padded.transpose(2, 0, 1)


def read_video(path: Path) -> Iterator[tuple[NDArray[np.uint8], list[str]]]:
    """The frames of a video in colours, H×W×3 uint8, cut to what is not black. Raises ValueError for no whole video."""
    try:
        with open_video(path) as video:
            for frame in video:
                seen = cv2.cvtColor(frame.image, cv2.COLOR_BGR2GRAY) > BLACK
                sides = [np.flatnonzero(seen.any(axis=axis)) for axis in (1, 0)]
                rows, columns = (slice(side[0], side[-1] + 1) if len(side) else slice(1) for side in sides)
                yield cv2.cvtColor(frame.image[rows, columns], cv2.COLOR_BGR2RGB).astype(np.uint8), []
        if video.skipped or video.truncated_after is not None:
            raise ValueError(f"damaged, {video.frames_read} of its frames decode")
    except InputError as error:
        raise ValueError(str(error).removeprefix(f"{path}: ")) from None


def stretch_colours(picture: NDArray[np.uint8], size: int = 0) -> NDArray[np.uint8]:
    """A picture H×W×3 stretched to 3×128×128."""
    return np.asarray(cv2.resize(picture, STRETCHED_SIZE, interpolation=cv2.INTER_AREA), np.uint8).transpose(2, 0, 1)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ValueError(f"cannot be read ({error.strerror})") from None


def _decode(data: bytes, how: int = cv2.IMREAD_UNCHANGED) -> NDArray[Any]:
    """H×W or H×W×channels (blue, green, red, alpha) of 8 or 16 bits or floats."""
    short = data.startswith(_JPEG) and data.rfind(b"\xff\xd9") < data.rfind(b"\xff\xda")  # libjpeg fills up with grey
    picture = None
    with _opencv_silent(), suppress(cv2.error):  # which refuses pictures that are far too large
        if data and not short:
            picture = cv2.imdecode(np.frombuffer(data, np.uint8), how)
    if picture is None:
        raise ValueError(f"not a picture, or not a whole one ({', '.join(sorted(SUFFIXES))})")
    return np.asarray(picture)


def _decode_plain(data: bytes) -> NDArray[np.uint8] | None:
    """A whole PNG of 8 grey bits, as silhouettes are, by FFmpeg, which takes half of OpenCV's time; None: not that."""
    if not (data.startswith(_PNG) and data[24:29] == _PLAIN and data.endswith(_PNG_END)):
        return None
    codec = av.CodecContext.create("png", "r")
    codec.options = {"err_detect": "crccheck+explode", "max_pixels": str(MAX_PIXELS)}
    try:
        frames = codec.decode(av.Packet(data))
    except av.FFmpegError:
        return None
    frame = frames[0] if frames else None
    if not isinstance(frame, av.VideoFrame) or frame.format.name != "gray":
        return None
    return np.asarray(frame.to_ndarray(), np.uint8)


@contextmanager
def _opencv_silent() -> Iterator[None]:
    """Without OpenCV's own lines on standard error: files that cannot be read are named by us."""
    before = cv2.utils.logging.getLogLevel()
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        yield
    finally:
        cv2.utils.logging.setLogLevel(before)


def _to_grey(picture: NDArray[Any]) -> tuple[NDArray[np.uint8], list[str]]:
    """H×W uint8 from 0 to 255, and how it was made."""
    conversions = list[str]()
    if picture.dtype == np.uint16:
        picture = _to_8_bits(picture)
        conversions.append(DEEP)
    if picture.ndim == 3 and picture.shape[2] == 4:
        alpha, colours = picture[..., 3], picture[..., :3]
        if alpha.min() < alpha.max():
            if _is_black_and_white(colours[alpha > 0]):
                raise ValueError("silhouettes in the grey values and in the alpha channel. Keep one of them")
            return mask_levels(alpha), [*conversions, ALPHA]
        picture = colours
    if picture.ndim == 3:
        colours = picture.reshape(-1, picture.shape[2])
        if int(np.ptp(colours, axis=1).max()) > SAME_GREY:
            body = colours.any(axis=1)
            if body.all() or not (colours[body] == colours[body][0]).all():
                raise ValueError("a picture in colours, no silhouette")
            return mask_levels(np.asarray(body).reshape(picture.shape[:2])), [*conversions, COLOURED]
        picture = cv2.cvtColor(np.ascontiguousarray(picture), cv2.COLOR_BGR2GRAY)
    mask = mask_levels(picture)
    if mask is not picture and mask.any() and picture.max() <= 1:
        conversions.append(ONES)
    return mask, conversions


def _to_8_bits(picture: NDArray[Any]) -> NDArray[Any]:
    """Of 16 bits; files of this kind may hold no more than 8 of them, or a mask of 0 and 1."""
    return picture.astype(np.uint8) if picture.max() <= 255 else (picture >> 8).astype(np.uint8)


def _is_black_and_white(colours: NDArray[Any]) -> bool:
    """Whether these pixels are a mask themselves: some black, some white, hardly anything else."""
    black, white = (colours < 32).all(axis=1).mean(), (colours >= 224).all(axis=1).mean()
    return bool(min(black, white) > 0.02 and black + white > 0.95)


def _is_inverted(grey: NDArray[np.uint8]) -> bool:
    """Whether the body is what is dark: all corners are white, most of the edge is, and something is not."""
    corners = grey[[0, 0, -1, -1], [0, -1, 0, -1]] >= BODY
    if not corners.all():
        return False
    edge = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]]) >= BODY
    return bool(edge.mean() > 0.5 and grey.min() < BODY)
