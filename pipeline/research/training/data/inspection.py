"""What is wrong with a dataset: `gait dataset check`."""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import InputError
from pipeline.files import link_or_copy, write_json
from pipeline.research.arranging.faults import Faults, find_faults, put_right
from pipeline.research.training.data.dataset import (
    Frames,
    Partition,
    Sample,
    as_silhouettes,
    read_sample,
    sample_path,
    subfolders,
    write_sample,
)

LEAST_SIDE = 16  # of a picture; keypoints have two to four values
MOST_PARTS = 31  # labels of human parsing: 11 in Gait3D, 19 in LIP


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is wrong: what kind ("missing", "too short" …), where, and in words."""

    kind: str
    where: str
    what: str


@dataclass(frozen=True, slots=True)
class Inspected:
    """Of one sample: its frames, the shape of a frame of each modality, and what is wrong with it.

    seen, mirrored: what its first file holds, and what it would hold in a mirror, as digests. copied: how it is in a
    corrected copy: "as it was", "put right" or "left out".
    """

    sample: Sample
    frames: int
    shapes: tuple[tuple[int, ...], ...]
    findings: tuple[Finding, ...]
    seen: str = ""
    mirrored: str = ""
    copied: str = ""


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


def inspect(sample: Sample, least: int, copy: Path | None = None) -> Inspected:
    """Read all of a sample. least: one with fewer frames is too short; copy: a data set that gets it, put right."""
    try:
        modalities = read_sample(sample)
    except InputError as error:
        kind = "uneven" if "different lengths" in str(error) else "unreadable"
        return Inspected(sample, 0, (), (Finding(kind, sample.name, str(error)),), copied="left out")
    count = len(modalities[0])
    findings, usable, right = [], np.ones(count, np.bool_), dict[int, tuple[NDArray[np.uint8], Faults]]()
    for place, (path, frames) in enumerate(zip(sample.files, modalities, strict=True)):
        try:
            if _can_only_be_silhouettes(frames, alone=len(modalities) == 1):
                masks = as_silhouettes(frames, path)
                if (faults := find_faults(masks)) is not None:
                    findings += [Finding(kind, sample.name, said) for kind, said in faults.said()]
                    usable &= ~faults.empty
                    right[place] = masks, faults
        except InputError as error:
            findings.append(Finding("no silhouettes", sample.name, str(error)))
    if count < least:
        findings.append(Finding("too short", sample.name, f"{count} frames, fewer than {least}"))
    first = modalities[0]
    digests = ("", "") if isinstance(first, list) else (_digest(first), _digest(first[..., ::-1]))
    copied = ""
    if copy is not None and not any(one.kind in ("no silhouettes", "too short") for one in findings):
        copied = _write_copy(sample, modalities, right, usable, copy)
    return Inspected(sample, count, tuple(map(_shape, modalities)), tuple(findings), *digests, copied or "left out")


def _write_copy(
    sample: Sample,
    modalities: Sequence[Frames],
    right: Mapping[int, tuple[NDArray[np.uint8], Faults]],
    usable: NDArray[np.bool_],
    copy: Path,
) -> str:
    """Write a sample to a data set: faults are put right, frames without anybody are left out of all its files."""
    folder = sample_path(copy, sample.identity, sample.type, sample.view).parent
    faulty = not usable.all() or any(list(faults.said()) for _, faults in right.values())
    for place, (path, frames) in enumerate(zip(sample.files, modalities, strict=True)):
        target = folder / path.name
        if not faulty:
            link_or_copy(path, target)
            continue
        if place in right:
            masks, faults = right[place]
            write_sample(target, put_right(masks, dataclasses.replace(faults, empty=~usable)))
        elif isinstance(frames, list):
            write_sample(target, list(itertools.compress(frames, usable)))
        else:
            write_sample(target, frames[usable])
    return "put right" if faulty else "as it was"


def _digest(frames: NDArray[Any]) -> str:
    return hashlib.blake2b(frames.tobytes(), digest_size=16).hexdigest()


def repeated(inspected: Sequence[Inspected]) -> list[Finding]:
    """Samples whose first file is another's, or another's in a mirror, above all under another identity."""
    first = dict[str, Inspected]()
    findings = []
    for one in inspected:
        if not one.seen or one.frames < 2:
            continue
        twin = first.setdefault(one.seen, one)
        if twin is not one:
            who = "of one identity under two" if twin.sample.identity != one.sample.identity else "twice"
            findings.append(Finding("repeated", one.sample.name, f"the same frames as {twin.sample.name}, {who}"))
        elif min(one.shapes[0][-2:], default=0) >= LEAST_SIDE and (other := first.get(one.mirrored)) not in (None, one):
            findings.append(Finding("mirrored", one.sample.name, f"{other.sample.name} in a mirror"))
    return findings


def partition_of_copy(copy: Path, partition: Partition) -> None:
    """Write the partition of a corrected copy: who is there, and all names of samples."""
    here = {folder.name for folder in subfolders(copy)}
    tree = {"TRAIN_SET": partition.train, "TEST_SET": partition.test}
    tree = {name: tuple(who for who in people if who in here) for name, people in tree.items()}
    listed = {"PROBE_SET": partition.probes, "GALLERY_SET": partition.gallery}
    write_json(copy / "partition.json", tree | {name: samples for name, samples in listed.items() if samples})


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
