"""What is wrong with a dataset: `gait dataset check`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pipeline.errors import InputError
from pipeline.research.training.data.dataset import (
    Frames,
    Partition,
    Sample,
    as_silhouettes,
    read_sample,
    subfolders,
)

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
    """Of one sample: its frames, the shape of a frame of each modality, and what is wrong with it."""

    sample: Sample
    frames: int
    shapes: tuple[tuple[int, ...], ...]
    findings: tuple[Finding, ...]


def missing(root: Path, partition: Partition | None) -> list[Finding]:
    """Identities of the partition without a folder or without samples, folders that it does not name, empty folders."""
    here = {path.name: path for path in subfolders(root)}
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
    unnamed = here.keys() - {*partition.train, *partition.test}
    return findings + [Finding("not in the partition", name, "a folder that is used for nothing") for name in unnamed]


def inspect(sample: Sample, least: int) -> Inspected:
    """Read all of a sample. least: one with fewer frames is too short."""
    try:
        modalities = read_sample(sample)
    except InputError as error:
        kind: Kind = "uneven" if "different lengths" in str(error) else "unreadable"
        return Inspected(sample, 0, (), (Finding(kind, sample.name, str(error)),))
    count = len(modalities[0])
    findings = []
    for path, frames in zip(sample.files, modalities, strict=True):
        try:
            if _can_only_be_silhouettes(frames, alone=len(modalities) == 1):
                as_silhouettes(frames, path)
        except InputError as error:
            findings.append(Finding("no silhouettes", sample.name, str(error)))
    if count < least:
        findings.append(Finding("too short", sample.name, f"{count} frames, fewer than {least}"))
    return Inspected(sample, count, tuple(map(_shape, modalities)), tuple(findings))


def uneven(inspected: Sequence[Inspected]) -> list[Finding]:
    """Samples whose modalities have other shapes than most samples'."""
    shapes = [one.shapes for one in inspected if one.shapes]
    if not shapes:
        return []
    usual = max(set(shapes), key=shapes.count)
    return [
        Finding("uneven", one.sample.name, f"frames of {_text(one.shapes)} where most are {_text(usual)}")
        for one in inspected
        if one.shapes and one.shapes != usual
    ]


def _can_only_be_silhouettes(frames: Frames, alone: bool) -> bool:
    """Whether these are pictures of grey values, or the sample's only file and pictures of colours.

    Two channels are skeleton maps (or silhouettes and labels), the numbers of three parts and more human parsing.
    """
    if isinstance(frames, list) or frames.ndim not in (3, 4):
        return False
    if frames.ndim == 4:
        return alone and frames.shape[1] != 2
    if min(frames.shape[1:]) < LEAST_SIDE:
        return False  # keypoints
    return not (frames.dtype.kind in "ui" and frames.size and 3 <= frames.max() <= MOST_PARTS)


def _shape(frames: Frames) -> tuple[int, ...]:
    """Of a frame; −1 where every frame has its own."""
    return (-1, *frames[0].shape[1:]) if isinstance(frames, list) else frames.shape[1:]


def _text(shapes: tuple[tuple[int, ...], ...]) -> str:
    return " + ".join("×".join("N" if side < 0 else str(side) for side in shape) or "scalars" for shape in shapes)
