"""`gait evaluate`: on labelled clips of one's own, and by the protocols of the public datasets."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.groups import app
from pipeline.cli.options import Checkpoints, Device, Output, Settings, Verbose, Workers, settings_of

evaluate_app = typer.Typer(help="Measure how often people are recognised.")
app.add_typer(evaluate_app, name="evaluate")

Json = Annotated[Path | None, typer.Option("--json", help="Write the figures here.", metavar="FILE")]
Profiles = Annotated[
    list[str] | None,
    typer.Option(
        "--config",
        help="Profile name or YAML file; repeat to compare several on the silhouettes of the first.",
        metavar="NAME|FILE",
    ),
]


@evaluate_app.callback(invoke_without_command=True)
def _help_without_command(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        print(context.get_help())
        raise typer.Exit


@evaluate_app.command(epilog="Example: gait evaluate clips --manifest clips.csv --config light --baselines")
def clips(
    manifest: Annotated[
        Path,
        typer.Option(
            "--manifest",
            help="CSV with the columns video, first, last, person, condition, role (gallery or probe); "
            "paths relative to it, frames counted from 1.",
            metavar="FILE",
        ),
    ],
    config: Profiles = None,
    set_: Settings = None,
    baselines: Annotated[
        bool, typer.Option("--baselines", help="Compare with GEI, HOG of the GEI and untrained networks, too.")
    ] = False,
    seeds: Annotated[
        int, typer.Option("--untrained-seeds", help="Untrained networks among the baselines.", min=1, max=100)
    ] = 5,
    sequences: Annotated[
        Path | None,
        typer.Option(
            "--sequences",
            help="Keep the silhouettes of every clip here; where they already are, no video is looked at again.",
            metavar="DIR",
        ),
    ] = None,
    json_: Json = None,
    output: Output = None,
    device: Device = None,
    workers: Workers = None,
    checkpoints: Checkpoints = None,
    verbose: Verbose = False,
) -> None:
    """Recognise labelled clips: rank-1, rank-5, mAP and CMC by condition, with 95 % intervals over people.

    A clip's walk is the track with the most silhouettes in it. A person is as far away as the nearest of the
    person's gallery clips. Clips without a usable walk count as wrong.
    """
    from pipeline.commands.evaluate import evaluate_clips_command

    settings = settings_of(set_, output, device, workers)
    evaluate_clips_command(manifest, config or [], settings, baselines, seeds, sequences, checkpoints, json_)
