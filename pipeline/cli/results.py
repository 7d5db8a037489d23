"""What is done with the results of a run: explain, convert."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.groups import app
from pipeline.cli.options import Verbose

Run = Annotated[Path, typer.Argument(help="Folder of a run.", metavar="RUN_DIR")]


@app.command(epilog="Example: gait explain output/2026_01_31_18_05_09 probe1/2 gallery/3")
def explain(
    run: Run,
    one: Annotated[str, typer.Argument(help="A track, such as probe1/2.", metavar="TRACK")],
    other: Annotated[str, typer.Argument(help="Another, such as gallery/3.", metavar="TRACK")],
    out: Annotated[
        Path | None, typer.Option("--out", help="Picture (default: in the run's explanations/).", metavar="FILE.png")
    ] = None,
    json_: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
    verbose: Verbose = False,
) -> None:
    """Which parts of the body make two walks alike: a table, and a picture of both silhouettes.

    Each part is measured against the usual: the first walk's median distance to the others of the second one's video.
    """
    from pipeline.commands.explain import explain_command

    explain_command(run, one, other, out, json_)


@app.command(epilog="Example: gait convert output/2026_01_31_18_05_09 supervision parquet")
def convert(
    run: Run,
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
