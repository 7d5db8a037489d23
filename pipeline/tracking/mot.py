"""Tracks as MOTChallenge text: frame (1-based), id, x, y, width, height, score, -1, -1, -1."""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from pipeline.errors import InputError
from pipeline.files import write_bytes
from pipeline.types import Tracklet

MOST = 2**31 - 1  # of frames and ids

Row = tuple[int, int, float, float, float, float, float]  # frame, id, x, y, width, height, score


@dataclass(slots=True)
class _Rows:
    """The rows of one track, packed: frame and line of the file, and x, y, width, height, score, one after another."""

    frames: array[int] = field(default_factory=lambda: array("q"))
    lines: array[int] = field(default_factory=lambda: array("q"))
    values: array[float] = field(default_factory=lambda: array("d"))


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
    tracks: dict[int, _Rows] = {}
    try:
        with path.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, start=1):
                if not line.strip():
                    continue
                frame, track_id, *values = _parse(line, f"{path}, line {number}")
                rows = tracks.setdefault(track_id, _Rows())
                rows.frames.append(frame)
                rows.lines.append(number)
                rows.values.extend(values)
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot read the tracks ({error}). Track the video again.") from None
    return [_tracklet(video, track_id, tracks[track_id], fps, path) for track_id in sorted(tracks)]


def _parse(line: str, where: str) -> Row:
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


def _tracklet(video: str, track_id: int, rows: _Rows, fps: float, path: Path) -> Tracklet:
    order = np.argsort(np.array(rows.frames), kind="stable")
    indices = np.array(rows.frames, np.int64)[order] - 1
    twice = np.flatnonzero(np.diff(indices) == 0)
    if len(twice):
        frame, line = indices[twice[0]] + 1, rows.lines[order[twice[0] + 1]]
        raise InputError(f"{path}, line {line}: track {track_id} is in frame {frame} twice. Keep one of the lines.")
    values = np.array(rows.values).reshape(-1, 5)[order]
    corners = np.column_stack([values[:, :2], values[:, :2] + values[:, 2:4]])
    return Tracklet(video, track_id, indices, corners.astype(np.float32), values[:, 4].astype(np.float32), fps)
