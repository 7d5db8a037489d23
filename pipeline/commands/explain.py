"""`gait explain`: which parts of two tracks agree, as a table, a picture, or JSON."""

from __future__ import annotations

from pathlib import Path

import cv2

from pipeline.commands.printing import print_json
from pipeline.errors import ConfigError, InputError
from pipeline.files import private, write_bytes
from pipeline.report.explain import as_tree, explain, lines, picture_of
from pipeline.runs.reader import Run


def explain_command(run: Path, one: str, other: str, out: Path | None, as_json: bool) -> None:
    """Compare two tracks of a run (`probe1/2`), write the picture, and print the parts.

    Raises InputError for what is no run, no track of it or a track without features; ConfigError for another --out.
    """
    if out is not None and out.suffix.lower() != ".png":
        raise ConfigError(f"--out {out}: the picture is a .png.")
    finished = Run.open(run)
    tracks = finished.find(one), finished.find(other)
    if tracks[0] == tracks[1]:
        raise InputError(f"{one} and {other} are the same track. Give two.")
    found = explain(finished, *tracks)
    names = [f"{video}-{track_id:03d}" for video, track_id in tracks]
    path = out or run / "explanations" / f"{names[0]}_{names[1]}.png"
    with finished.folder.held() if out is None else private():
        write_bytes(path, cv2.imencode(".png", picture_of(finished, found))[1].tobytes())
    if as_json:
        print_json({**as_tree(found), "picture": str(path)})
    else:
        print("\n".join([*lines(found), str(path)]))
