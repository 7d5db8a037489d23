"""Gait datasets as OpenGait lays them out: root/identity/type/view/*.pkl and a partition in JSON.

A folder of the last level is one walk; its files are modalities (silhouettes, heat maps, poses …), sorted by name. The
partition names the identities of training and test: {"TRAIN_SET": […], "TEST_SET": […]}; Gait3D's also has the probes.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import ConfigError, InputError
from pipeline.files import UNREADABLE, parse_json, reason_of
from pipeline.research.training.data.arrays import read_arrays
from pipeline.research.training.data.silhouettes import silhouettes
from pipeline.research.training.data.telling import tell_once
from pipeline.segmentation.normalise import cut_width
from pipeline.types import Modality as Kind

Modality = NDArray[Any] | list[NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Walk:
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
    """Identities of training and of test. probes: names of walks (identity-type-view) where a protocol lists them."""

    train: tuple[str, ...]
    test: tuple[str, ...]
    probes: tuple[str, ...] = ()


def read_partition(path: Path) -> Partition:
    """Read {"TRAIN_SET": […], "TEST_SET": […], optionally "PROBE_SET": […]}. Raises InputError for anything else."""
    try:
        tree = parse_json(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(
            f"{path}: no such partition file. Give one with the identities to train on and to test with."
        ) from None
    except UNREADABLE as error:
        raise InputError(f"{path}: not a readable partition ({reason_of(error)}).") from None
    sets = {}
    for name in ("TRAIN_SET", "TEST_SET", "PROBE_SET"):
        listed = tree.get(name, [] if name == "PROBE_SET" else None) if isinstance(tree, dict) else None
        if not isinstance(listed, list) or not all(isinstance(item, str) for item in listed):
            raise InputError(
                f'{path}: no list of names under "{name}". Expected {{"TRAIN_SET": […], "TEST_SET": […]}}.'
            )
        sets[name] = tuple(listed)
    return Partition(sets["TRAIN_SET"], sets["TEST_SET"], sets["PROBE_SET"])


def partition_of(root: Path, path: Path | None = None, name: str = "") -> Partition:
    """The partition in `path`, or else in root/partition.json, or the one that dataset `name`'s authors gave as a rule.

    CASIA-B: 001 to 074 are trained on; OUMVLP: the odd numbers. Raises InputError when there is none of these.
    """
    rule = _RULES.get(name)
    if path is not None or rule is None or (root / "partition.json").is_file() or not root.is_dir():
        return read_partition(path or root / "partition.json")
    here = sorted(folder.name for folder in _folders(root) if folder.name.isascii() and folder.name.isdigit())
    return Partition(tuple(who for who in here if rule(int(who))), tuple(who for who in here if not rule(int(who))))


_RULES: Mapping[str, Callable[[int], bool]] = {"CASIA-B": lambda who: who <= 74, "OUMVLP": lambda who: who % 2 == 1}


def list_walks(
    root: Path, identities: Sequence[str] | None = None, data_in_use: Sequence[bool] | Sequence[int] | None = None
) -> list[Walk]:
    """Every walk of these identities (None: of all folders, sorted), in their order, types and views sorted.

    Identities without walks are passed over, as OpenGait does, which is said on standard error. data_in_use:
    which of a folder's files, sorted by name: a list of booleans is a mask, one of integers an order.
    Raises InputError when there is no dataset, nobody to look for, or nobody of them there.
    """
    if not root.is_dir():
        raise InputError(f"{root}: no such dataset folder. Expected {root.name or 'ROOT'}/identity/type/view/*.pkl.")
    if identities is not None and not identities:
        raise InputError(
            f"{root}: nobody to look for. By the authors' rule CASIA-B's folders 001 to 074 are trained on and 075 to "
            "124 tested, of OUMVLP the odd and the even numbers. For others give a partition that lists them: "
            "--partition FILE, or data_cfg.dataset_partition for gait train."
        )
    here = {path.name for path in _folders(root)}
    walks = [
        Walk(identity, kind.name, view.name, _selected(view, data_in_use))
        for identity in (sorted(here) if identities is None else identities)
        if identity in here
        for kind in _folders(root / identity)
        for view in _folders(kind)
    ]
    walks = [walk for walk in walks if walk.files]
    if not walks:
        wanted = "identity/type/view/*.pkl" if identities is None else f"any of {_some(identities)}"
        raise InputError(f"{root}: no walks of {wanted}. See `gait dataset check`.")
    found = {walk.identity for walk in walks}
    if absent := [who for who in identities or () if who not in found]:
        tell_once(f"{root}: without walks there, so left out: {_some(absent)}.")
    return walks


def _some(identities: Sequence[str]) -> str:
    """How many they are, and the first few by name."""
    return f"{len(identities)} identities ({', '.join(identities[:5])}{' …' if len(identities) > 5 else ''})"


def _folders(path: Path) -> list[Path]:
    return sorted(entry for entry in path.iterdir() if entry.is_dir() and not entry.name.startswith("."))


def _selected(folder: Path, data_in_use: Sequence[bool] | Sequence[int] | None) -> tuple[Path, ...]:
    files = sorted(path for path in folder.iterdir() if path.suffix == ".pkl" and not path.name.startswith("."))
    if not data_in_use or not files:
        return tuple(files)
    if all(isinstance(use, bool) for use in data_in_use):
        return tuple(path for path, use in zip(files, data_in_use, strict=False) if use)
    if max(data_in_use) >= len(files):
        raise ConfigError(f"data_in_use {list(data_in_use)}: {folder} has only {len(files)} files.")
    return tuple(files[int(index)] for index in data_in_use)


def read_walk(walk: Walk) -> list[Modality]:
    """All modalities of a walk, in the order of its files, as they are on disk.

    Raises InputError for a file that is no pickle of arrays, for values that are not finite, and when the modalities
    have different lengths.
    """
    modalities = [read_arrays(path) for path in walk.files]
    for path, modality in zip(walk.files, modalities, strict=True):
        if not all(np.isfinite(array).all() for array in (modality if isinstance(modality, list) else [modality])):
            raise InputError(f"{path}: NaN or infinite values. Make the file again.")
    lengths = [len(modality) if isinstance(modality, list) or modality.ndim else 0 for modality in modalities]
    if len(set(lengths)) > 1:
        raise InputError(f"{walk.files[0].parent}: modalities of different lengths {lengths}. Make the folder again.")
    return modalities


def with_silhouettes(walk: Walk, modalities: Sequence[Modality], needs: Sequence[Kind]) -> list[Modality]:
    """What `read_walk` gave, with what are silhouettes in it as T×H×W uint8 (see silhouettes.py).

    needs: what the first files are, where that is known. Raises InputError for values that are no silhouette's.
    """
    whole = len(needs) <= len(modalities)
    kinds = itertools.zip_longest(needs if whole else (), walk.files, modalities)
    return [silhouettes(found, path) if kind is Kind.SILHOUETTES else found for kind, path, found in kinds]


def read_silhouettes(walk: Walk, cut: bool = True) -> NDArray[np.uint8]:
    """The first modality as silhouettes T×H×W uint8; cut: ten columns of every 64 taken off each side (64×64 → 64×44).

    Raises InputError when it is something else.
    """
    path = walk.files[0]
    masks = silhouettes(read_arrays(path), path)
    return cut_width(masks) if cut else masks
