"""What is wrong with a dataset: `gait dataset check`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pipeline.errors import InputError
from pipeline.research.training.data.dataset import Modality, Partition, Walk, read_walk
from pipeline.research.training.data.silhouettes import silhouettes

Kind = Literal["missing", "empty", "unreadable", "uneven", "too short", "no silhouettes", "not in the partition"]
LEAST_SIDE = 16  # of a picture; keypoints have two to four values
MOST_PARTS = 31  # labels of human parsing: 11 in Gait3D, 19 in LIP


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is wrong: what kind, where, and in words."""

    kind: Kind
    where: str
    what: str


@dataclass(frozen=True, slots=True)
class Inspected:
    """Of one walk: its frames, the shape of a frame of each modality, and what is wrong with it."""

    walk: Walk
    frames: int
    shapes: tuple[tuple[int, ...], ...]
    findings: tuple[Finding, ...]


def missing(root: Path, partition: Partition | None) -> list[Finding]:
    """Identities of the partition without a folder or without walks, folders that it does not name, empty folders."""
    here = {path.name: path for path in sorted(root.iterdir()) if path.is_dir() and not path.name.startswith(".")}
    findings = [
        Finding("empty", str(folder.relative_to(root)), "no .pkl in it")
        for folder in sorted(path for path in root.glob("*/*/*") if path.is_dir())
        if not any(path.suffix == ".pkl" for path in folder.iterdir())
    ]
    findings += [
        Finding("empty", name, "no type/view folder in it")
        for name, folder in here.items()
        if not any(path.is_dir() for path in folder.glob("*/*"))
    ]
    if partition is None:
        return findings
    for name, identities in (("TRAIN_SET", partition.train), ("TEST_SET", partition.test)):
        findings += [Finding("missing", who, f"in {name}, without a folder") for who in identities if who not in here]
    named = {*partition.train, *partition.test}
    findings += [
        Finding("not in the partition", name, "a folder that is used for nothing") for name in here.keys() - named
    ]
    return findings


def inspect(walk: Walk, least: int) -> Inspected:
    """Read all of a walk. least: a walk with fewer frames is too short."""
    try:
        modalities = read_walk(walk)
    except InputError as error:
        kind: Kind = "uneven" if "different lengths" in str(error) else "unreadable"
        return Inspected(walk, 0, (), (Finding(kind, walk.name, str(error)),))
    frames = len(modalities[0])
    findings = []
    for path, modality in zip(walk.files, modalities, strict=True):
        try:
            if _can_only_be_silhouettes(modality, alone=len(modalities) == 1):
                silhouettes(modality, path)
        except InputError as error:
            findings.append(Finding("no silhouettes", walk.name, str(error)))
    if frames < least:
        findings.append(Finding("too short", walk.name, f"{frames} frames, fewer than {least}"))
    return Inspected(walk, frames, tuple(map(_shape, modalities)), tuple(findings))


def uneven(inspected: Sequence[Inspected]) -> list[Finding]:
    """Walks whose modalities have other shapes than most walks'."""
    shapes = [walk.shapes for walk in inspected if walk.shapes]
    if not shapes:
        return []
    usual = max(set(shapes), key=shapes.count)
    return [
        Finding("uneven", walk.walk.name, f"frames of {_text(walk.shapes)} where most are {_text(usual)}")
        for walk in inspected
        if walk.shapes and walk.shapes != usual
    ]


def _can_only_be_silhouettes(modality: Modality, alone: bool) -> bool:
    """Whether these are pictures of grey values, or the walk's only file and pictures of colours.

    Two channels are skeleton maps (or silhouettes and labels), the numbers of three parts and more human parsing.
    """
    if isinstance(modality, list) or modality.ndim not in (3, 4):
        return False
    if modality.ndim == 4:
        return alone and modality.shape[1] != 2
    if min(modality.shape[1:]) < LEAST_SIDE:
        return False  # keypoints
    return not (modality.dtype.kind in "ui" and modality.size and 3 <= modality.max() <= MOST_PARTS)


def _shape(modality: Modality) -> tuple[int, ...]:
    """Of a frame; −1 where every frame has its own."""
    return (-1, *modality[0].shape[1:]) if isinstance(modality, list) else modality.shape[1:]


def _text(shapes: tuple[tuple[int, ...], ...]) -> str:
    return " + ".join("×".join("N" if side < 0 else str(side) for side in shape) or "scalars" for shape in shapes)
