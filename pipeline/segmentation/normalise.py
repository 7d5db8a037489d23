"""Align a mask to a fixed height: OpenGait's pretreatment, and the cut to the width that the encoders take.

Reference: golden/silhouette_normalisation (OpenGait datasets/pretreatment.py, BaseSilCuttingTransform).
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.types import SILHOUETTE_HEIGHT

REFERENCE_MINIMUM_SUM = 10_000
"""The reference drops masks whose pixels (0–255) sum to no more than this: 39 white pixels, whatever the size."""

CUT_OF_64 = 10
"""Columns cut on each side for every 64 of width."""


def normalise(
    mask: NDArray[np.uint8], size: int = SILHOUETTE_HEIGHT, reference: bool = False
) -> NDArray[np.uint8] | None:
    """Scale the body of an H×W mask (0–255) to `size` rows and centre it: size×size, grey edges; None if it is empty.

    The rows of the body are stretched to the full height, the width keeps its proportion, and the columns are centred
    on the median of the mass, which arms and bags move less than they move the bounding box. reference: also drop what
    OpenGait drops: faint masks (REFERENCE_MINIMUM_SUM) and those with half their mass in the first column.
    """
    if mask.ndim != 2 or mask.dtype != np.uint8:
        raise ValueError(f"mask must be H×W uint8, got {mask.shape} {mask.dtype}")
    if reference and cv2.sumElems(mask)[0] <= REFERENCE_MINIMUM_SUM:
        return None
    return _placed(mask, size, reference)


def normalise_labels(labels: NDArray[np.uint8], size: int = SILHOUETTE_HEIGHT) -> NDArray[np.uint8] | None:
    """The same for labels of body parts H×W (0: the background), which stay what they are; None where OpenGait drops
    them. Reference: OpenGait datasets/Gait3D-Parsing/pretreatment_gps.py.
    """
    if 255 * np.count_nonzero(labels) <= REFERENCE_MINIMUM_SUM:
        return None
    return _placed(labels, size, reference=True, labels=True)


def _placed(mask: NDArray[np.uint8], size: int, reference: bool, labels: bool = False) -> NDArray[np.uint8] | None:
    if not mask.size:
        return None
    rows = np.flatnonzero(cv2.reduce(mask, 1, cv2.REDUCE_MAX))  # ten times as fast as NumPy's any
    if not len(rows):
        return None
    body = mask[rows[0] : rows[-1] + 1]
    width = int(size * body.shape[1] / body.shape[0])
    if width == 0:  # a mask more than `size` times as tall as the picture is wide
        return None
    how = cv2.INTER_NEAREST if labels else cv2.INTER_CUBIC
    body = np.asarray(cv2.resize(body, (width, size), interpolation=how), np.uint8)
    centre = _mass_median_column((body > 0).astype(np.uint8) if labels else body)
    if centre is None or (reference and centre == 0):
        return None
    half = size // 2
    padded = np.zeros((size, width + 2 * half), np.uint8)
    padded[:, half : half + width] = body
    return padded[:, centre : centre + 2 * half].copy()


def cut_width(frames: NDArray[Any], columns: int | None = None) -> NDArray[Any]:
    """Cut columns on each side; None: ten of every 64, …×64×64 → …×64×44, …×128×128 → …×128×88, of fewer none."""
    width = frames.shape[-1]
    cut = width // 64 * CUT_OF_64 if columns is None else columns
    return frames[..., cut : width - cut]


def _mass_median_column(body: NDArray[np.uint8]) -> int | None:
    """The first column up to which lies more than half of the mass."""
    mass = cv2.reduce(body, 0, cv2.REDUCE_SUM, dtype=cv2.CV_32S)[0].cumsum()  # three times as fast as NumPy's sum
    past_half = np.flatnonzero(mass > mass[-1] / 2)
    return int(past_half[0]) if len(past_half) else None
