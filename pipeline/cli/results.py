"""What is done with the results of a run: explain, convert, poses export."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from typer import Argument, Option

from pipeline.cli.app import app, command, group

RUN: Any = Argument(help="Folder of a run.", metavar="RUN_DIR")


@command(app, "commands.explain:explain_command", "gait explain output/2026_01_31_18_05_09 probe1/2 gallery/3")
def explain(
    run: Path = RUN,
    one: str = Argument(help="A track, such as probe1/2.", metavar="TRACK"),
    other: str = Argument(help="Another, such as gallery/3.", metavar="TRACK"),
    out: Path | None = Option(None, help="Picture (default: in the run's explanations/).", metavar="FILE.png"),
    as_json: bool = Option(False, "--json", help="Print JSON instead of a table."),
) -> None:
    """Which parts of the body make two tracks alike: a table, and a picture of both silhouettes.

    Each part is measured against the usual: the first track's median distance to the others in the second one's video.
    """


@command(app, "commands.convert:convert_command", "gait convert output/2026_01_31_18_05_09 supervision parquet")
def convert(
    run: Path = RUN,
    formats: list[str] = Argument(help="supervision, parquet, opengait.", metavar="FORMAT…"),
    output: Path | None = Option(None, help="Folder (default: exports/ in the run folder).", metavar="DIR"),
) -> None:
    """Write what a run found for other tools: arrays of supervision.Detections, Parquet, an OpenGait dataset.

    Tracks as MOTChallenge (tracks/*.txt) and features as .npz (features/) are in every run folder already.
    """


@command(
    group("poses", "The joints that a run has found."),
    "commands.poses:export_poses",
    "gait poses export output/2026_01_31_18_05_09 data/poses",
)
def export(
    run: Path = Argument(help="Folder of a run that wrote poses.", metavar="RUN_DIR"),
    output: Path = Argument(help="Folder to write to.", metavar="DIR"),
    maps: bool = Option(False, "--maps", help="Skeleton maps in place of keypoints."),
) -> None:
    """Write a run's poses as OpenGait's data sets hold them: video/track/undefined/*.pkl."""
