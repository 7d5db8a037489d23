"""Bodies in three dimensions: SMPL values as ROMP writes them (Gait3D), clouds of points and what a picture of their
depth looks like (SUSTech1K).
"""

from __future__ import annotations

import re
import zipfile
from io import BytesIO
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.files import DAMAGED_NPZ, reason_of
from pipeline.research.training.data.arrays import read_objects
from pipeline.research.training.data.pictures import read_colours
from pipeline.types import FloatArray

SMPL = ("cam", 3), ("poses", 72), ("betas", 10)
LARGEST_FILE = 2**28  # bytes of one frame; ROMP's with all vertices take 200 kB
DEGREES = 0.19188, 0.2  # that LidarGait's sensor turns, and rises, from one point to the next
LOWEST, HIGHEST = -25.0, 15.0  # degrees above the horizon that it sees
SCALE = 0.77  # pixels from one point to the next: what is left of a figure beside its margins
DOT = 100 / 72  # pixels across: one typographic point at 100 dots an inch
FEWEST_ROWS = 4  # of a walker
JET = ((0, 0.35, 0.66, 0.89, 1), (0, 0, 1, 1, 0.5)), ((0, 0.125, 0.375, 0.64, 0.91, 1), (0, 0, 1, 1, 0, 0)), \
    ((0, 0.11, 0.34, 0.65, 1), (0.5, 1, 1, 0, 0))  # red, green, blue: where, and how much  # fmt: skip
_POINT_TYPES = {"F": "f", "U": "u", "I": "i"}


def read_smpl(path: Path) -> tuple[FloatArray, list[str]]:
    """SMPL values of the first person in a frame, 85: camera, pose, shape, from results in an .npz.

    Objects in it are read by a reader that can build arrays and containers, and nothing else.
    Raises ValueError for any other file.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            one = archive.getinfo("results.npy")
            if one.file_size > LARGEST_FILE:
                raise ValueError("far too large")
            person: Any = read_objects(archive.read(one))[0]
        values = [np.asarray(person[name], np.float32).reshape(length) for name, length in SMPL]
    except DAMAGED_NPZ as error:
        raise ValueError(f"no SMPL values ({reason_of(error)}); expected ROMP's results") from None
    found = np.concatenate(values)
    if not np.isfinite(found).all():
        raise ValueError("SMPL values that are not finite")
    return found, []


def read_points(path: Path) -> tuple[FloatArray, list[str]]:
    """The points of a .pcd file, N×3 float32: x, y, z in metres; those that are not finite are left out.

    Raises ValueError for a file that is none, or is packed.
    """
    try:
        data = path.read_bytes() if path.stat().st_size <= LARGEST_FILE else b""
        head = re.match(rb"(?s)(.*?\nDATA +(\w+)[^\n]*\n)", data[:4096])
        if head is None:
            raise ValueError("no header")
        lines = [line.split() for line in head[1].decode("ascii", "replace").splitlines()]
        says = {line[0]: line[1:] for line in lines if line}
        names, counts = says["FIELDS"], says.get("COUNT", ["1"] * len(says["FIELDS"]))
        types = [f"<{_POINT_TYPES[kind]}{int(size)}" for kind, size in zip(says["TYPE"], says["SIZE"], strict=True)]
        fields = [(f"{at}", kind, (int(n),)) for at, (kind, n) in enumerate(zip(types, counts, strict=True))]
        body = data[head.end() :]
        if head[2] == b"ascii":
            table = np.loadtxt(BytesIO(body), ndmin=2)[:, [names.index(axis) for axis in "xyz"]]
        elif head[2] == b"binary":
            dtype = np.dtype(fields)
            rows = np.frombuffer(body, dtype, int(says["POINTS"][0]))
            table = np.concatenate([rows[f"{names.index(axis)}"].reshape(len(rows), 1) for axis in "xyz"], axis=1)
        else:
            raise ValueError(f"packed ({head[2].decode()}); save it as binary")
    except (OSError, ValueError, LookupError, TypeError, OverflowError) as error:
        raise ValueError(f"no cloud of points ({reason_of(error)})") from None
    found = table.astype(np.float32)
    return found[np.isfinite(found).all(axis=1)], []


def read_depth(path: Path) -> tuple[NDArray[Any], list[str]]:
    """A picture of depth H×W×3 as it is published, or the cloud N×3 that one is drawn from. Raises ValueError."""
    return read_points(path) if path.suffix.lower() == ".pcd" else read_colours(path)


def depth_picture(frame: NDArray[Any], size: int = 64) -> NDArray[np.uint8] | None:
    """A picture H×W×3 as 3×H×W; a cloud N×3 drawn first. None where there is nobody to see."""
    picture = _aligned(_front_view(frame), size) if frame.ndim == 2 and len(frame) else frame
    return None if picture is None or picture.ndim != 3 else picture.transpose(2, 0, 1)


def _front_view(points: FloatArray) -> NDArray[np.uint8]:
    """What LidarGait's sensor sees around it, 154×1444×3: a dot a point, in colours from the farthest to the nearest.

    Reference: OpenGait datasets/SUSTech1K/point2depth.py, whose dots Matplotlib draws.
    """
    x, y, z = -points[:, 0], -points[:, 1], points[:, 2]
    far = np.hypot(x, y)
    near = (far.max() - far) / max(float(np.ptp(far)), 1e-9)
    colours = np.stack([255 * np.interp(near, *channel) for channel in JET], axis=1)
    columns = (np.degrees(np.arctan2(-y, x)) + 180) / DEGREES[0]
    rows = (HIGHEST - np.degrees(np.arctan2(z, far))) / DEGREES[1]
    size = round((HIGHEST - LOWEST) / DEGREES[1] * SCALE), int(360 / DEGREES[0] * SCALE)
    places = np.stack([rows, columns], axis=1) * SCALE
    corners = np.floor(places).astype(int) - 1
    # How much of the 3×3 pixels around it a dot covers, by 4×4 places in each.
    steps = (np.arange(12) + 0.5) / 4
    away = corners[:, None] + steps[:, None] - places[:, None]
    inside = away[:, :, None, 0] ** 2 + away[:, None, :, 1] ** 2 <= (DOT / 2) ** 2
    covered = inside.reshape(-1, 3, 4, 3, 4).mean(axis=(2, 4))[..., None]
    picture = np.zeros((size[0] + 2, size[1] + 2, 3))
    seen = ((corners >= -1) & (corners < np.array(size) - 1)).all(axis=1)
    for (row, column), part, colour in zip(corners[seen] + 1, covered[seen], colours[seen], strict=True):
        dot = picture[row : row + 3, column : column + 3]  # one by one: later ones lie above earlier ones
        dot += (colour - dot) * part
    return np.round(picture[1:-1, 1:-1]).astype(np.uint8)


def _aligned(picture: NDArray[np.uint8], size: int) -> NDArray[np.uint8] | None:
    """The walker size×size×3, head at the top and feet at the bottom, half of the light to each side of the middle."""
    lit = np.flatnonzero(picture.any(axis=(1, 2)))
    if not len(lit) or lit[-1] - lit[0] < FEWEST_ROWS:
        return None
    body = picture[lit[0] : lit[-1]]
    scaled = cv2.resize(body, (int(size * body.shape[1] / len(body)), size), interpolation=cv2.INTER_CUBIC)
    light = scaled.sum(axis=(0, 2), dtype=np.int64).cumsum()
    middle = int((light > light[-1] / 2).argmax())
    padded = np.pad(scaled, ((0, 0), (size // 2, size // 2), (0, 0)))
    return padded[:, middle : middle + size]
