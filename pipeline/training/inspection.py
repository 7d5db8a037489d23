"""What is wrong with a dataset: `gait dataset check`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pipeline.errors import InputError
from pipeline.training.dataset import Modality, Partition, Walk, read_walk

Kind = Literal["missing", "empty", "unreadable", "uneven", "too short", "not in the partition"]


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


def _shape(modality: Modality) -> tuple[int, ...]:
    """Of a frame; −1 where every frame has its own."""
    return (-1, *modality[0].shape[1:]) if isinstance(modality, list) else modality.shape[1:]


def _text(shapes: tuple[tuple[int, ...], ...]) -> str:
    return " + ".join("×".join("N" if side < 0 else str(side) for side in shape) or "scalars" for shape in shapes)
