"""Poses as the authors of pose datasets publish them: GaitGraph's CSV for CASIA-B, OUMVLP-Pose's JSON folders."""

from __future__ import annotations

import csv
import re
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from pipeline.errors import InputError
from pipeline.files import UNREADABLE, parse_json, reason_of
from pipeline.skeletons import COCO17, COCO18
from pipeline.types import FloatArray

COCO_JOINTS, OPENPOSE_JOINTS = len(COCO17.joints), len(COCO18.joints)
_CASIA_B = re.compile(r"(\d+)-([a-z]+-\d+)-(\d+)")  # 001-bg-01-090
_OUMVLP = re.compile(r"(\d{3})_(\d{2})")  # view_sequence: 090_01


@dataclass(frozen=True, slots=True)
class PoseSample:
    """Poses of one sample, T×V×3 float32: x, y in pixels and confidence; missing joints are 0."""

    identity: str
    type: str
    view: str
    poses: FloatArray


def read_casia_b_csv(path: Path) -> Iterator[PoseSample]:
    """GaitGraph's casia-b_pose_coco.csv: a line a frame, …/001-bg-01-090/000012.jpg and 17 × (x, y, confidence).

    The frames of a sample are in order, wherever its lines are; a first line of names is passed over.
    Raises InputError, naming the line, for anything else, before the first sample.
    """
    samples: dict[str, array[float]] = {}  # all of CASIA-B are 250 MB
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            for number, row in enumerate(csv.reader(file), start=1):
                if not row or (number == 1 and not _numbers(row[1:])):
                    continue
                sample = PurePosixPath(row[0]).parent.name
                values = _numbers(row[1:])
                if len(values) != COCO_JOINTS * 3 or not _CASIA_B.fullmatch(sample):
                    raise InputError(
                        f"{path}, line {number}: expected …/001-bg-01-090/000012.jpg and {COCO_JOINTS * 3} numbers."
                    )
                samples.setdefault(sample, array("f")).extend(values)
    except UNREADABLE as error:
        raise InputError(f"{path}: cannot be read ({reason_of(error)}).") from None
    if not samples:
        raise InputError(f"{path}: no poses in it.")
    for name, frames in samples.items():
        identity, kind, view = _CASIA_B.fullmatch(name).groups()  # type: ignore[union-attr]  # checked line by line
        yield PoseSample(identity, kind, view, np.array(frames, np.float32).reshape(-1, COCO_JOINTS, 3))


def _numbers(row: list[str]) -> list[float]:
    try:
        values = [float(value) for value in row]
    except ValueError:
        return []
    return values if np.isfinite(values).all() else []


def read_oumvlp_folder(root: Path) -> Iterator[PoseSample]:
    """OUMVLP-Pose: root/00001/090_01/*.json, a file a frame, 18 joints in OpenPose's order.

    type is the sequence (00, 01), as in OpenGait's layout. Of several people in a frame the first is taken; frames
    without anybody are left out, and samples without any frame. Raises InputError, naming the file, for anything else.
    """
    folders = sorted(path for path in root.glob("*/*") if path.is_dir() and _OUMVLP.fullmatch(path.name))
    if not folders:
        raise InputError(f"{root}: no folders like 00001/090_01. Give the folder of one pose estimator.")
    for folder in folders:
        found = _OUMVLP.fullmatch(folder.name)
        assert found is not None  # they were chosen by it
        frames = [_openpose(path) for path in sorted(folder.glob("[!.]*.json"))]
        poses = [frame for frame in frames if frame is not None]
        if poses:
            yield PoseSample(folder.parent.name, found[2], found[1], np.stack(poses))


def _openpose(path: Path) -> FloatArray | None:
    try:
        people = parse_json(path.read_text(encoding="utf-8"))["people"]
        if not people:
            return None
        pose = np.array(people[0]["pose_keypoints_2d"], np.float32)
        if pose.shape != (OPENPOSE_JOINTS * 3,) or not np.isfinite(pose).all():
            raise ValueError(f"{pose.shape} values")
    except (*UNREADABLE, LookupError, TypeError) as error:
        raise InputError(
            f'{path}: no pose ({reason_of(error)}). Expected {{"people": [{{"pose_keypoints_2d": [54 numbers]}}]}}.'
        ) from None
    return pose.reshape(OPENPOSE_JOINTS, 3)
