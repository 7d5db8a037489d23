"""From pictures of silhouettes to a dataset: OpenGait's pretreatment, to the digit.

Pictures are read as masks H×W uint8 from 0 (background) to 255 (body). White on black is taken as it is, to the bit.
What is unmistakably a mask in another way is converted, and the way is named; of anything else it is said what is wrong
with it. Reference: golden/silhouette_normalisation (OpenGait datasets/pretreatment.py).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.errors import InputError
from pipeline.files import natural
from pipeline.research.training.data.dataset import BODY, Sample, mask_levels, sample_path, write_sample
from pipeline.research.training.data.processes import in_processes
from pipeline.segmentation.normalise import normalise

SUFFIXES = frozenset((".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff"))
SAME_GREY = 24  # of channels that differ by no more, as they do after JPEG: a grey picture

ONES = "values of 0 and 1, read as 0 and 255"
DEEP = "16 bits a pixel, read as 8"
ALPHA = "the mask is in the alpha channel"
INVERTED = "black on white, inverted"
COLOURED = "a black background and one colour, read as the body"
JPEG = "JPEG, what is darker than half white is background"

_JPEG = b"\xff\xd8"
FEW = 5  # the reference warns of samples with fewer silhouettes than this


@dataclass(frozen=True, slots=True)
class Pictures(Sample):
    """A sample whose files are pictures, in natural order (2.png before 10.png).

    gei: pictures beside them that hold no frame but the mean of all.
    """

    gei: int = 0


@dataclass(frozen=True, slots=True)
class Pretreated:
    """What became of a sample: frames kept and dropped; kept 0: nothing was written.

    refused: files that are no silhouettes, and why; converted: how many pictures were, by the way (see read_mask).
    """

    name: str
    kept: int
    dropped: int
    refused: tuple[tuple[Path, str], ...] = ()
    converted: Mapping[str, int] = field(default_factory=dict)


def find_pictures(source: Path) -> list[Pictures]:
    """The samples in source/identity/type/view/*.png, sorted; also those whose folder holds no picture.

    Hidden files and folders are passed over, and GREW's …_gei.png, as OpenGait does. Raises InputError where there is
    no picture at all.
    """
    if not source.is_dir():
        raise InputError(f"{source}: no such folder. Expected pictures in {source.name}/identity/type/view/*.png.")
    samples = []
    for view in sorted(path for path in source.glob("[!.]*/[!.]*/[!.]*") if path.is_dir()):
        files = [path for path in view.glob("[!.]*") if path.suffix.lower() in SUFFIXES and path.is_file()]
        frames = [path for path in files if not path.stem.lower().endswith("_gei")]
        frames.sort(key=lambda path: natural(path.name))
        identity, kind = view.parts[-3:-1]
        samples.append(Pictures(identity, kind, view.name, tuple(frames), len(files) - len(frames)))
    if not any(sample.files for sample in samples):
        raise InputError(f"{source}: no pictures in identity/type/view/*.png.")
    return samples


def pretreat(
    samples: Sequence[Pictures], target: Path, size: int = 64, overwrite: bool = False, workers: int = 1
) -> Iterator[Pretreated]:
    """Write target/identity/type/view/view.pkl, T×size×size uint8, for every sample; yields each as it is done.

    Silhouettes are aligned as OpenGait aligns them, and those dropped that it drops. Samples that are there already are
    passed over (kept −1) unless `overwrite` says otherwise, so that a second run goes on where the first was stopped.
    """
    yield from in_processes(partial(_pretreat, target=target, size=size, overwrite=overwrite), samples, workers)


def _pretreat(sample: Pictures, target: Path, size: int, overwrite: bool) -> Pretreated:
    path = sample_path(target, sample.identity, sample.type, sample.view)
    if path.is_file() and not overwrite:
        return Pretreated(sample.name, -1, 0)
    masks, refused, converted = list[NDArray[np.uint8]](), list[tuple[Path, str]](), Counter[str]()
    for file in sample.files:
        try:
            mask, conversions = read_mask(file)
        except ValueError as error:
            refused.append((file, str(error)))
            continue
        masks.append(mask)
        converted.update(conversions)
    aligned = [normalise(mask, size, reference=True) for mask in masks]
    kept = [frame for frame in aligned if frame is not None]
    if kept:
        write_sample(path, np.stack(kept))
    return Pretreated(sample.name, len(kept), len(aligned) - len(kept), tuple(refused), dict(converted))


def read_mask(path: Path) -> tuple[NDArray[np.uint8], list[str]]:
    """A picture of a silhouette as a mask, and in which ways it was converted (ONES, ALPHA …).

    Raises ValueError, saying what is wrong with it.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ValueError(f"cannot be read ({error.strerror})") from None
    picture = _decode(data)
    grey, conversions = _to_grey(picture)
    if _is_inverted(grey):
        grey = 255 - grey
        conversions.append(INVERTED)
    if data.startswith(_JPEG) and ((grey > 0) & (grey < BODY)).any():
        grey = np.where(grey < BODY, 0, grey).astype(np.uint8)
        conversions.append(JPEG)
    return grey, conversions


def _decode(data: bytes) -> NDArray[Any]:
    """H×W or H×W×channels (blue, green, red, alpha) of 8 or 16 bits or floats."""
    short = data.startswith(_JPEG) and data.rfind(b"\xff\xd9") < data.rfind(b"\xff\xda")  # libjpeg fills up with grey
    picture = None
    with _opencv_silent(), suppress(cv2.error):  # which refuses pictures that are far too large
        if data and not short:
            picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if picture is None:
        raise ValueError(f"not a picture, or not a whole one ({', '.join(sorted(SUFFIXES))})")
    return np.asarray(picture)


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
    if 0 < picture.max() <= 1:
        conversions.append(ONES)
    return mask_levels(picture), conversions


def _to_8_bits(picture: NDArray[Any]) -> NDArray[Any]:
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
