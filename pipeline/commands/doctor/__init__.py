"""`gait doctor`: what this machine has and lacks, and what a video is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from pipeline.commands.doctor.check import Check, State

_MARKS: Mapping[State, str] = {"ok": "✓", "broken": "✗", "absent": "–"}


def doctor(videos: Sequence[str] = (), checkpoints: Path | None = None) -> int:
    """Examine this machine, or some videos, and print the report. 0, or 1 when something that is needed is broken."""
    if videos:
        from pipeline.commands.doctor.video import examine_video  # imports every stage

        found = {video: list(examine_video(video, checkpoints)) for video in videos}
    else:
        from pipeline.commands.doctor.machine import examine

        found = examine(checkpoints)
    print("\n".join(_lines(found)))
    return int(any(check.state == "broken" for checks in found.values() for check in checks))


def _lines(found: Mapping[str, Sequence[Check]]) -> Iterator[str]:
    for section, checks in found.items():
        yield section
        for check in checks:
            remedy = f"  → {check.remedy}" if check.remedy else ""
            yield f"  {_MARKS[check.state]} {check.name:<22} {check.detail}{remedy}".rstrip()
    broken = sum(check.state == "broken" for checks in found.values() for check in checks)
    yield "Nothing is broken." if not broken else f"{broken} broken: see the lines with {_MARKS['broken']}."
