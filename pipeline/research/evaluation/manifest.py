"""The labelled clips of an evaluation: a CSV of video, first, last, person, condition, role."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pipeline.errors import InputError
from pipeline.files import from_home, read_table

COLUMNS = ("video", "first", "last", "person", "condition", "role")
POOLED = "pooled"  # what the reports call all conditions together


@dataclass(frozen=True, slots=True)
class Clip:
    """One walk of a known person: frames first to last of a video, both counted from 1 and part of the clip.

    row: its line in the CSV; condition: what the reports tell apart (clothes, camera, …).
    """

    row: int
    video: Path
    first: int
    last: int
    person: str
    condition: str
    role: Literal["gallery", "probe"]

    def __len__(self) -> int:
        return self.last - self.first + 1


def read_manifest(path: Path) -> list[Clip]:
    """The clips of a CSV, in its order; paths of videos are relative to it.

    Raises InputError, with the line, for a column, a value or a video that is missing or makes no sense, and for a
    manifest without a gallery clip or without a probe clip.
    """
    clips = [_clip(path, line, values) for line, values in read_table(path, COLUMNS)]
    for role in ("gallery", "probe"):
        if not any(clip.role == role for clip in clips):
            raise InputError(
                f"{path}: no clip with the role {role!r}. Somebody must be known, and somebody looked for."
            )
    return clips


def strangers(clips: Sequence[Clip]) -> list[Clip]:
    """The probe clips of people who have no gallery clip: nobody could name them rightly."""
    known = {clip.person for clip in clips if clip.role == "gallery"}
    return [clip for clip in clips if clip.role == "probe" and clip.person not in known]


def _clip(path: Path, line: int, values: Mapping[str, str]) -> Clip:
    def refuse(problem: str) -> InputError:
        return InputError(f"{path}, line {line}: {problem}")

    empty = [column for column in COLUMNS if not values[column]]
    if empty:
        raise refuse(f"{empty[0]} is empty.")
    try:
        first, last = int(values["first"]), int(values["last"])
    except ValueError:
        raise refuse(f"first and last must be frame numbers, not {values['first']!r} and {values['last']!r}.") from None
    if not 1 <= first <= last:
        raise refuse(f"frames {first}–{last} are no clip; frames are counted from 1, and last is part of the clip.")
    role = values["role"]
    if role not in ("gallery", "probe"):
        raise refuse(f"role must be gallery or probe, not {role!r}.")
    if values["condition"] == POOLED:
        raise refuse(f"{POOLED!r} is what the report calls all conditions together. Give the condition another name.")
    video = path.parent / from_home(values["video"])
    if not os.path.exists(video):  # noqa: PTH110 - never raises
        raise refuse(f"{video} does not exist. Paths are relative to the manifest.")
    return Clip(line, video, first, last, values["person"], values["condition"], role)  # type: ignore[arg-type]  # one of the two, see above
