"""`gait synth`: dataset, videos."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.groups import synth_app
from pipeline.cli.options import Verbose

Seed = Annotated[int, typer.Option("--seed", help="The same seed gives the same bytes.", metavar="N")]


@synth_app.command(epilog="Example: gait synth dataset --out data/walkers --people 1000 --workers 2")
def dataset(
    out: Annotated[Path, typer.Option("--out", help="New folder for the data set.", metavar="DIR")],
    people: Annotated[int, typer.Option("--people", help="Identities.", metavar="N")] = 100,
    sequences: Annotated[int, typer.Option("--sequences", "--walks", help="Walks of each person.", metavar="K")] = 10,
    frames: Annotated[int, typer.Option("--frames", help="Silhouettes of each walk.", metavar="T")] = 30,
    seed: Seed = 0,
    workers: Annotated[int, typer.Option("--workers", help="Processes.", metavar="N")] = 1,
    verbose: Verbose = False,
) -> None:
    """Silhouettes of walkers who do not exist, in OpenGait's layout, to train with."""
    from pipeline.commands.synth import synth_dataset

    synth_dataset(out, people, seed, sequences, frames, workers)
