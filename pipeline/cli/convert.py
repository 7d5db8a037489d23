"""`gait convert`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.groups import app
from pipeline.cli.options import Verbose


@app.command(epilog="Example: gait convert output/2026_01_31_18_05_09 supervision parquet")
def convert(
    run: Annotated[Path, typer.Argument(help="Folder of a run.", metavar="RUN_DIR")],
    formats: Annotated[list[str], typer.Argument(help="supervision, parquet, opengait.", metavar="FORMAT…")],
    output: Annotated[
        Path | None, typer.Option("--output", help="Folder (default: exports/ in the run folder).", metavar="DIR")
    ] = None,
    verbose: Verbose = False,
) -> None:
    """Write what a run found for other tools: arrays of supervision.Detections, Parquet, an OpenGait dataset.

    Tracks as MOTChallenge (tracks/*.txt) and features as .npz (features/) are in every run folder already.
    """
    from pipeline.commands.convert import convert_command

    convert_command(run, formats, output)
