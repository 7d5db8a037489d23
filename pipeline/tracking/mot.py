"""Tracks as MOTChallenge text: frame (1-based), id, x, y, width, height, score, -1, -1, -1."""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from pipeline.errors import InputError
from pipeline.files import write_bytes
from pipeline.types import Tracklet

MOST = 2**31 - 1  # of frames and ids


def write_mot(path: Path, tracklets: Iterable[Tracklet]) -> None:
    """Write the tracks sorted by frame, then id; the file appears whole or not at all.

    Boxes have two decimals, scores four. Raises OutputError when the file cannot be written.
    """
    rows: list[tuple[int, int, str]] = []
    for track in tracklets:
        sides = track.boxes[:, 2:] - track.boxes[:, :2]
        for frame, (x, y, _, _), (width, height), score in zip(
            track.frame_indices.tolist(), track.boxes.tolist(), sides.tolist(), track.scores.tolist(), strict=True
        ):
            box = f"{x:.2f},{y:.2f},{width:.2f},{height:.2f}"
            rows.append((frame, track.track_id, f"{frame + 1},{track.track_id},{box},{score:.4f},-1,-1,-1\n"))
    write_bytes(path, "".join(line for *_, line in sorted(rows)).encode())


def read_mot(path: Path, video: str, fps: float) -> list[Tracklet]:
    """Read the tracks of `video`, by id; frame_indices count from 0 again.

    Raises InputError, with the line's number, for a line that is no track, and for a frame that has an id twice.
    """
    numbers, measures = array("q"), array("d")  # packed: line of the file, frame, id; x, y, width, height, score
    try:
        with path.open(encoding="utf-8") as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    frame, track_id, *values = _parse(line, f"{path}, line {number}")
                    numbers.extend((number, frame, track_id))
                    measures.extend(values)
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot read the tracks ({error}). Track the video again.") from None
    rows, boxes = np.array(numbers, np.int64).reshape(-1, 3), np.array(measures).reshape(-1, 5)
    order = np.lexsort((rows[:, 1], rows[:, 2]))
    (lines, frames, ids), boxes = rows[order].T, boxes[order]
    twice = np.flatnonzero((np.diff(ids) == 0) & (np.diff(frames) == 0)) + 1
    if len(twice):
        raise InputError(
            f"{path}, line {lines[twice[0]]}: track {ids[twice[0]]} is in frame {frames[twice[0]]} twice. "
            "Keep one of the lines."
        )
    boxes[:, 2:4] += boxes[:, :2]
    packed = boxes.astype(np.float32)
    tracks = np.split(np.arange(len(ids)), np.flatnonzero(np.diff(ids)) + 1) if len(ids) else []
    return [Tracklet(video, int(ids[one[0]]), frames[one] - 1, packed[one, :4], packed[one, 4], fps) for one in tracks]


def _parse(line: str, where: str) -> tuple[int, int, float, float, float, float, float]:
    """Frame, id, x, y, width, height, score."""
    fields = line.split(",")
    try:
        frame, track_id = int(fields[0]), int(fields[1])
        x, y, width, height, score = (float(field) for field in fields[2:7])
    except (ValueError, IndexError):
        raise InputError(
            f"{where}: {line[:60]!r} is not `frame,id,x,y,width,height,score,…`. Correct it, or track the video again."
        ) from None
    if not 1 <= min(frame, track_id) <= max(frame, track_id) <= MOST:
        raise InputError(f"{where}: {line[:60]!r}: frame and id must lie between 1 and {MOST}. Correct it.")
    if not np.isfinite([x, y, width, height, score]).all() or width <= 0 or height <= 0:
        raise InputError(f"{where}: {line[:60]!r} is no box of finite numbers with an area. Correct it.")
    return frame, track_id, x, y, width, height, score
