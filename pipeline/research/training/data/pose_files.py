"""Poses as the authors of pose datasets publish them: GaitGraph's CSV for CASIA-B, OUMVLP-Pose's JSON folders."""

from __future__ import annotations

import csv
import re
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import cv2
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
        poses = []
        for path in sorted(folder.glob("[!.]*.json")):
            try:
                poses += list(read_people(path)[0][:1])
            except ValueError as error:
                raise InputError(f"{path}: {error}") from None
        if poses:
            yield PoseSample(folder.parent.name, found[2], found[1], np.stack(poses))


def read_people(path: Path) -> tuple[FloatArray, list[str]]:
    """Everybody in a frame, P×J×3: OpenPose's JSON, 18 joints, or a line of numbers after two of the picture's, 17.

    Raises ValueError for a file that is neither.
    """
    joints, expected = OPENPOSE_JOINTS, '{"people": [{"pose_keypoints_2d": [54 numbers]}]}'
    if path.suffix.lower() != ".json":
        joints, expected = COCO_JOINTS, "two numbers of the picture, then 51: x, y and score"
    try:
        text = path.read_text(encoding="utf-8")
        if joints == COCO_JOINTS:
            people = [text.replace(",", " ").split()[2:]]
        else:
            people = [person["pose_keypoints_2d"] for person in parse_json(text)["people"]]
        poses = np.array(people, np.float32).reshape(len(people), joints, 3)
        if not np.isfinite(poses).all():
            raise ValueError("no finite numbers")
    except (*UNREADABLE, LookupError, TypeError) as error:
        raise ValueError(f"no pose ({reason_of(error)}). Expected {expected}.") from None
    return poses, []


ON_SILHOUETTE = "several people, the one on the silhouette"
FIRST = "several people and no silhouette to tell by, the first"


def choose_person(people: FloatArray, path: Path, silhouettes: Path | None) -> tuple[FloatArray, list[str]]:
    """One person's joints J×3 of a frame, or an empty array; and how they were chosen among several.

    By the silhouette of the same frame, silhouettes/identity/type/view/0012.png: whose joints lie on most of it, all of
    them within the picture, as OpenGait chooses (datasets/OUMVLP/pose_index_extractor.py). Without one: the first.
    """
    if len(people) < 2:
        return (people[0], []) if len(people) else (people.reshape(0, 3), [])
    number = re.search(r"(\d+)\.json", path.name) or re.search(r"(\d{4})", path.name)
    mask = None
    if silhouettes is not None and number is not None:
        mask = cv2.imread(str(silhouettes.joinpath(*path.parts[-4:-1], f"{number[1]}.png")), cv2.IMREAD_GRAYSCALE)
    if mask is None:
        return people[0], [FIRST]
    columns, rows = people[..., :2].astype(np.int64).transpose(2, 0, 1)
    inside = (rows >= 0) & (rows < mask.shape[0]) & (columns >= 0) & (columns < mask.shape[1])
    covered = mask[np.clip(rows, 0, mask.shape[0] - 1), np.clip(columns, 0, mask.shape[1] - 1)].sum(axis=1, dtype=int)
    return people[int(np.where(inside.all(axis=1), covered, -1).argmax())], [ON_SILHOUETTE]
