"""Bodies in three dimensions: SMPL values as ROMP writes them (Gait3D), clouds of points (SUSTech1K)."""

from __future__ import annotations

import re
import zipfile
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.files import DAMAGED_NPZ, reason_of
from pipeline.research.training.data.arrays import read_objects
from pipeline.types import FloatArray

SMPL = ("cam", 3), ("poses", 72), ("betas", 10)
LARGEST_FILE = 2**28  # bytes of one frame; ROMP's with all vertices take 200 kB
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
    except (OSError, ValueError, LookupError, OverflowError) as error:
        raise ValueError(f"no cloud of points ({reason_of(error)})") from None
    found = table.astype(np.float32)
    return found[np.isfinite(found).all(axis=1)], []
