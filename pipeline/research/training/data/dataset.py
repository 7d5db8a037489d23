"""Gait datasets as OpenGait lays them out: root/identity/type/view/*.pkl and a partition in JSON.

A folder of the last level is one sample; its files are modalities (silhouettes, heat maps, poses …), sorted by name.
The partition names the identities of training and test: {"TRAIN_SET": […], "TEST_SET": […]}; Gait3D's also has the
probes.
"""

from __future__ import annotations

import itertools
import pickle
import sys
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.errors import ConfigError, InputError
from pipeline.files import UNREADABLE, parse_json, reason_of, safe_name, write_bytes, write_json
from pipeline.research.arranging.partitions import probes_of, rule_of
from pipeline.research.training.data.arrays import read_arrays
from pipeline.segmentation.normalise import cut_width
from pipeline.types import Modality

Frames = NDArray[Any] | list[NDArray[Any]]  # a list where every frame has its own shape

ROWS = 64  # all networks for silhouettes take this height or a multiple of it, but for DenoisingGait
HEIGHTS = (ROWS, 96)
BODY = 128  # no brightest value of a silhouette lies below this one


@dataclass(frozen=True, slots=True)
class Sample:
    """One recorded walk: whose (identity), how (type: nm-01, bg-02 …), from where (view: 090 …), and its files."""

    identity: str
    type: str
    view: str
    files: tuple[Path, ...]

    @property
    def name(self) -> str:
        """identity/type/view, as messages show it."""
        return f"{self.identity}/{self.type}/{self.view}"


@dataclass(frozen=True, slots=True)
class Partition:
    """Identities of training and of test. probes, gallery: names of samples (identity-type-view), where listed."""

    train: tuple[str, ...]
    test: tuple[str, ...]
    probes: tuple[str, ...] = ()
    gallery: tuple[str, ...] = ()


SETS = ("TRAIN_SET", "TEST_SET", "PROBE_SET", "GALLERY_SET")


def read_partition(path: Path) -> Partition:
    """Read {"TRAIN_SET": […], "TEST_SET": […]}, also "PROBE_SET" (Gait3D, FreeGait) and "GALLERY_SET" (CCGR-MINI).

    Raises InputError for anything else.
    """
    try:
        tree = parse_json(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(
            f"{path}: no such partition file. Give one with the identities to train on and to test with."
        ) from None
    except UNREADABLE as error:
        raise InputError(f"{path}: not a readable partition ({reason_of(error)}).") from None
    sets = {"PROBE_SET": [], "GALLERY_SET": [], **tree} if isinstance(tree, dict) else {}
    for name in SETS:
        listed = sets.get(name)
        if not isinstance(listed, list) or not all(isinstance(item, str) for item in listed):
            raise InputError(
                f'{path}: no list of names under "{name}". Expected {{"TRAIN_SET": […], "TEST_SET": […]}}.'
            )
    return Partition(*(tuple(sets[name]) for name in SETS))


def write_partition(path: Path, train: Sequence[str], test: Sequence[str]) -> None:
    """Write {"TRAIN_SET": […], "TEST_SET": […]}."""
    write_json(path, {"TRAIN_SET": list(train), "TEST_SET": list(test)})


def partition_of(root: Path, path: Path | None = None, name: str = "") -> Partition:
    """The partition in `path`, or else in root/partition.json, or the one that dataset `name`'s authors gave as a rule.

    Raises InputError when there is none of these.
    """
    rule = rule_of(name)
    if path is not None or rule is None or (root / "partition.json").is_file() or not root.is_dir():
        return read_partition(path or root / "partition.json")
    here = [folder.name for folder in subfolders(root)]
    train, test = (tuple(who for who in here if rule(who) is trained) for trained in (True, False))
    return Partition(train, test, probes_of(name))


def list_samples(
    root: Path, identities: Sequence[str] | None = None, data_in_use: Sequence[bool] | Sequence[int] | None = None
) -> list[Sample]:
    """Every sample of these identities, in their order, types and views sorted.

    Args:
        root: The dataset.
        identities: Those without samples are passed over, as OpenGait does, which is said on standard error. None: all
            folders, sorted.
        data_in_use: Which of a folder's files, sorted by name: a list of booleans is a mask, one of integers an order.

    Raises:
        InputError: When there is no dataset, no identity is given, or nobody of them is there.
    """
    if not root.is_dir():
        raise InputError(f"{root}: no such dataset folder. Expected {root.name or 'ROOT'}/identity/type/view/*.pkl.")
    if identities is not None and not identities:
        raise InputError(
            f"{root}: nobody to look for. By the authors' rule CASIA-B's folders 001 to 074 are trained on and 075 to "
            "124 tested, of OUMVLP the odd and the even numbers. For others give a partition that lists them: "
            "--partition FILE, or data_cfg.dataset_partition for gait train."
        )
    here = [path.name for path in subfolders(root)]
    samples = [
        Sample(identity, kind.name, view.name, _files(view, data_in_use))
        for identity in (here if identities is None else identities)
        if identity in here
        for kind in subfolders(root / identity)
        for view in subfolders(kind)
    ]
    samples = [sample for sample in samples if sample.files]
    if not samples:
        missing = "identity/type/view/*.pkl" if identities is None else f"any of {_count_and_first(identities)}"
        raise InputError(f"{root}: no walks of {missing}. See `gait dataset check`.")
    found = {sample.identity for sample in samples}
    if absent := [who for who in identities or () if who not in found]:
        warn_once(f"{root}: without walks there, so left out: {_count_and_first(absent)}.")
    return samples


def _count_and_first(identities: Sequence[str]) -> str:
    return f"{len(identities)} identities ({', '.join(identities[:5])}{' …' if len(identities) > 5 else ''})"


warned: set[str] = set()
"""What `warn_once` has said; a process that helps this one takes it over."""


def warn_once(line: str) -> None:
    """Print this line on standard error, once in this process."""
    if line not in warned:
        warned.add(line)
        print(f"gait: {line}", file=sys.stderr, flush=True)


def subfolders(path: Path) -> list[Path]:
    """Folders in a folder, sorted, without hidden ones."""
    return sorted(entry for entry in path.iterdir() if entry.is_dir() and not entry.name.startswith("."))


def _files(folder: Path, data_in_use: Sequence[bool] | Sequence[int] | None) -> tuple[Path, ...]:
    files = sorted(path for path in folder.iterdir() if path.suffix == ".pkl" and not path.name.startswith("."))
    if not data_in_use or not files:
        return tuple(files)
    if all(isinstance(use, bool) for use in data_in_use):
        return tuple(itertools.compress(files, data_in_use))
    if max(data_in_use) >= len(files):
        raise ConfigError(f"data_in_use {list(data_in_use)}: {folder} has only {len(files)} files.")
    return tuple(files[int(index)] for index in data_in_use)


def read_sample(sample: Sample) -> list[Frames]:
    """All modalities of a sample, in the order of its files, as they are on disk.

    Raises InputError for a file that is no pickle of arrays, for values that are not finite, and when the modalities
    have different lengths.
    """
    modalities = [read_arrays(path) for path in sample.files]
    for path, frames in zip(sample.files, modalities, strict=True):
        if not all(np.isfinite(array).all() for array in (frames if isinstance(frames, list) else [frames])):
            raise InputError(f"{path}: NaN or infinite values. Make the file again.")
    lengths = [len(frames) if isinstance(frames, list) or frames.ndim else 0 for frames in modalities]
    if len(set(lengths)) > 1:
        raise InputError(f"{sample.files[0].parent}: modalities of different lengths {lengths}. Make the folder again.")
    return modalities


def with_silhouettes(sample: Sample, modalities: Sequence[Frames], needs: Sequence[Modality]) -> list[Frames]:
    """What `read_sample` gave, with what are silhouettes in it as T×H×W uint8.

    needs: what the first files are, where that is known. Raises InputError for values that are no silhouette's.
    """
    kinds = itertools.zip_longest(needs if len(needs) <= len(modalities) else (), sample.files, modalities)
    return [as_silhouettes(found, path) if kind is Modality.SILHOUETTES else found for kind, path, found in kinds]


def read_silhouettes(sample: Sample, columns: int | None = None) -> NDArray[np.uint8]:
    """The first modality as silhouettes T×H×W uint8, with columns cut off each side; None: ten of every 64.

    Raises InputError when it is something else.
    """
    return cut_width(as_silhouettes(read_arrays(sample.files[0]), sample.files[0]), columns)


def as_silhouettes(frames: Frames, path: Path) -> NDArray[np.uint8]:
    """The content of `path`, root/identity/type/view/*.pkl, as silhouettes T×H×W uint8 of 0–255.

    Masks of 0 and 1 are scaled (see `mask_levels`), which is said once a dataset on standard error.
    Raises InputError for other shapes and for values that are none of a silhouette's.
    """
    problem = ""
    try:
        if isinstance(frames, list) or frames.ndim != 3 or not frames.shape[1]:
            raise ValueError
        if all(frames.shape[1] % rows for rows in HEIGHTS):
            raise ValueError
        masks = mask_levels(frames)
    except ValueError as error:
        problem = f" with {error}" if str(error) else ""
        shape = f"{len(frames)} arrays" if isinstance(frames, list) else f"{frames.shape} {frames.dtype}"
        raise InputError(
            f"{path}: {shape}{problem}; silhouettes are T×H×W uint8 from 0 to 255, "
            f"H a multiple of {HEIGHTS[0]} or {HEIGHTS[1]}. Make them with `gait dataset pretreat`."
        ) from None
    if masks.any() and frames.max() <= 1:
        root = path.parents[3] if len(path.parents) > 3 else path.parent
        warn_once(f"{root}: silhouettes of 0 to 1 are read as 0 to 255.")
    return masks


def mask_levels(values: NDArray[Any]) -> NDArray[np.uint8]:
    """Values of a mask as uint8 from 0 to 255: booleans, 0 and 1, and fractions between them are scaled.

    Raises ValueError, naming the values, where they are no mask's: NaN, negative, above 255, too dark to be a body
    (labels are), or three with a middle one that covers a part of the body.
    """
    if not values.size:
        return values.astype(np.uint8)
    if values.dtype == np.uint8:
        flat = np.ascontiguousarray(values).reshape(len(values), -1)
        if cv2.sumElems(flat)[0] == 255 * cv2.countNonZero(flat):  # 0 and 255 alone, as most are
            return values
    low, high = values.min(), values.max()
    if not np.isfinite(low) or not np.isfinite(high):
        raise ValueError("NaN or infinite values")
    factor = 255 if high <= 1 else 1
    if low < 0 or high > 255 or 0 < high * factor < BODY:
        raise ValueError(f"values from {low:g} to {high:g}")
    if values.dtype != np.uint8 or factor > 1:
        values = np.rint(values * np.float32(factor)).astype(np.uint8)
    counts = np.bincount(values.ravel(), minlength=256)
    used = np.flatnonzero(counts)
    if len(used) == 3 and 64 <= used[1] < 192 and counts[used[1]] > counts[used[2]] / 10:
        raise ValueError(f"the three values {', '.join(map(str, used))}")
    return values


def sample_path(root: Path, identity: str, kind: str, view: str, name: str | None = None) -> Path:
    """root/identity/type/view/name.pkl; name: default the view, as OpenGait's pretreatment has it.

    Raises InputError for a name that is no plain folder name.
    """
    for part in (identity, kind, view, name or view):
        if not part or unicodedata.normalize("NFC", part) != safe_name(part):
            raise InputError(f"{part!r} cannot name a folder of a dataset; use letters, digits, -, _, + and dots.")
    return root / identity / kind / view / f"{name or view}.pkl"


def write_sample(path: Path, frames: Frames) -> None:
    """Pickle an array, or a list of arrays, as OpenGait reads it."""
    whole = frames if isinstance(frames, list) else np.ascontiguousarray(frames)
    write_bytes(path, pickle.dumps(whole, protocol=4))
