"""How well people were tracked and named where the truth is known: IDF1, and names.

IDF1 (Ristani et al., ECCV Workshops 2016): with the one-to-one assignment of tracks to people that agrees in the most
boxes, 2 × boxes in agreement / (true boxes + boxes given). Boxes agree from an IoU of 0.5 on, one to one in a frame.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lap
import numpy as np
from numpy.typing import NDArray

from pipeline.errors import InputError
from pipeline.files import UNREADABLE, reason_of
from pipeline.runs.folder import RunFolder
from pipeline.runs.reader import Run
from pipeline.tracking.mot import read_mot
from pipeline.tracking.overlap import iou
from pipeline.types import Tracklet

ENOUGH = 0.5  # IoU of boxes that agree

Boxes = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Agreement:
    """idf1; person_of: the person that each track shows in most frames; frames: how many those are."""

    idf1: float
    person_of: Mapping[int, int]
    frames: Mapping[int, int]


def read_truth(path: Path) -> dict[int, tuple[list[int], Boxes]]:
    """frame (from 0) → people and boxes N×4 xyxy, from lines of frame (from 1), person, x, y, w, h, …

    Raises InputError for a file that is no such list.
    """
    frames: dict[int, tuple[list[int], list[list[float]]]] = {}
    try:
        for line in path.read_text(encoding="utf-8").split():
            frame, person, x, y, width, height = (float(value) for value in line.split(",")[:6])
            people, boxes = frames.setdefault(int(frame) - 1, ([], []))
            people.append(int(person))
            boxes.append([x, y, x + width, y + height])
    except UNREADABLE as error:
        raise InputError(f"{path}: no ground truth of frame,person,x,y,w,h a line ({reason_of(error)}).") from None
    return {frame: (people, np.array(boxes)) for frame, (people, boxes) in frames.items()}


def compare(truth: Mapping[int, tuple[list[int], Boxes]], tracks: Sequence[Tracklet]) -> Agreement:
    """Tracks of a video against the truth about it."""
    given: dict[int, tuple[list[int], list[Any]]] = {}
    for track in tracks:
        for frame, box in zip(track.frame_indices.tolist(), track.boxes, strict=True):
            ids, boxes = given.setdefault(frame, ([], []))
            ids.append(track.track_id)
            boxes.append(box)
    together: Counter[tuple[int, int]] = Counter()
    for frame in truth.keys() & given.keys():
        (people, real), (ids, boxes) = truth[frame], given[frame]
        overlap = iou(real.astype(np.float32), np.array(boxes, np.float32)).astype(np.float64)
        for row, column in _assign(overlap):
            if overlap[row, column] >= ENOUGH:
                together[people[row], ids[column]] += 1
    people, ids = sorted({person for person, _ in together}), sorted({track for _, track in together})
    counts = np.array([[together[person, track] for track in ids] for person in people], np.float64)
    agreed = sum(counts[row, column] for row, column in _assign(counts)) if together else 0.0
    total = sum(len(people) for people, _ in truth.values()) + sum(map(len, tracks))
    most = {track: max(people, key=lambda person: together[person, track]) for track in ids}
    frames = {track: together[most[track], track] for track in ids}
    return Agreement(2 * float(agreed) / max(total, 1), most, frames)


def count_right_names(
    identities: Mapping[int, str | None], gallery: Agreement, following: Agreement, people: Sequence[int]
) -> int:
    """How many of the people in a probe got their own name, by the track that shows them longest.

    identities: of the probe's tracks, by their numbers; they end with the gallery track's number.
    """
    right = 0
    for person in people:
        mine = [track for track, who in following.person_of.items() if who == person]
        if not mine:
            continue
        longest = max(mine, key=lambda track: following.frames[track])
        number = (identities.get(longest) or "").rpartition("-")[2]
        right += number.isdigit() and gallery.person_of.get(int(number)) == person
    return right


def _assign(gain: Boxes) -> list[tuple[int, int]]:
    """Rows and columns of the one-to-one assignment with the largest sum."""
    _, columns, _ = lap.lapjv(-gain, extend_cost=True)
    return [(row, int(column)) for row, column in enumerate(columns) if column >= 0]


def score_run(folder: RunFolder, gallery: Path, probes: Sequence[Path]) -> dict[str, Any]:
    """A run on videos with the truth beside them, by the track that shows each person of a probe longest.

    {"idf1": {video: …}, "people", "named_right", "named_wrong", "likeliest_right"}: the last counts whom an unknown is
    most like, too.
    """
    run = Run.open(folder.path)
    truths = {video.stem: read_truth(video.with_suffix(".gt.txt")) for video in (gallery, *probes)}
    found = {name: compare(truth, read_mot(folder.tracks(name), name, 25.0)) for name, truth in truths.items()}
    right = wrong = likeliest = total = 0
    for probe in probes:
        people = sorted({person for ids, _ in truths[probe.stem].values() for person in ids})
        named = {track.id: track.identity for track in run.probes[probe.stem]}
        likely = {
            track.id: max(track.candidates, key=lambda one: one.probability or 0.0).identity
            for track in run.probes[probe.stem]
            if track.candidates
        }
        sides = found[gallery.stem], found[probe.stem]
        own = count_right_names(named, *sides, people)
        total, right, likeliest = (
            total + len(people),
            right + own,
            likeliest + count_right_names(likely, *sides, people),
        )
        wrong += sum(identity is not None for identity in named.values()) - own
    return {
        "idf1": {name: round(following.idf1, 4) for name, following in found.items()},
        "people": total,
        "named_right": right,
        "named_wrong": wrong,
        "likeliest_right": likeliest,
    }
