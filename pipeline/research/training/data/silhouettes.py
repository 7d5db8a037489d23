"""What a silhouette is to all that reads datasets: its shape, and its values from 0 (background) to 255 (body)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import InputError
from pipeline.research.training.data.telling import tell_once

ROWS = 64  # all networks for silhouettes take this height or a multiple of it
BODY = 128  # no brightest value of a silhouette lies below this one


def silhouettes(frames: NDArray[Any] | list[NDArray[Any]], path: Path) -> NDArray[np.uint8]:
    """The content of `path`, root/identity/type/view/*.pkl, as silhouettes T×H×W uint8 of 0–255.

    Masks of 0 and 1 are scaled (see `levels`), which is said once a dataset on standard error.
    Raises InputError for other shapes and for values that are none of a silhouette's.
    """
    problem = ""
    try:
        if isinstance(frames, list) or frames.ndim != 3 or not frames.shape[1] or frames.shape[1] % ROWS:
            raise ValueError
        masks = levels(frames)
    except ValueError as error:
        problem = f" with {error}" if str(error) else ""
        shape = f"{len(frames)} arrays" if isinstance(frames, list) else f"{frames.shape} {frames.dtype}"
        raise InputError(
            f"{path}: {shape}{problem}; silhouettes are T×H×W uint8 from 0 to 255, H {ROWS} or a multiple of it. "
            "Make them with `gait dataset pretreat`."
        ) from None
    if masks.any() and frames.max() <= 1:
        root = path.parents[3] if len(path.parents) > 3 else path.parent
        tell_once(f"{root}: silhouettes of 0 to 1 are read as 0 to 255.")
    return masks


def levels(values: NDArray[Any]) -> NDArray[np.uint8]:
    """Values of a mask as uint8 from 0 to 255: booleans, 0 and 1, and fractions between them are scaled.

    Raises ValueError, naming the values, where they are no mask's: NaN, negative, above 255, too dark to be a body
    (labels are), or three with a middle one that covers a part of the body.
    """
    if not values.size:
        return values.astype(np.uint8)
    low, high = values.min(), values.max()
    if not np.isfinite(low) or not np.isfinite(high):
        raise ValueError("NaN or infinite values")
    scale = 255 if high <= 1 else 1
    if low < 0 or high > 255 or 0 < high * scale < BODY:
        raise ValueError(f"values from {low:g} to {high:g}")
    if values.dtype != np.uint8 or scale > 1:
        values = np.rint(values * np.float32(scale)).astype(np.uint8)
    counts = np.bincount(values.ravel(), minlength=256)
    used = np.flatnonzero(counts)
    if len(used) == 3 and 64 <= used[1] < 192 and counts[used[1]] > counts[used[2]] / 10:
        raise ValueError(f"the three values {', '.join(map(str, used))}")
    return values
