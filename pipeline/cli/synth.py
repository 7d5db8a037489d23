"""`gait synth`: made-up walkers, with the truth about them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.groups import synth_app
from pipeline.cli.options import Verbose

Out = Annotated[Path, typer.Option("--out", help="Folder to make.", metavar="DIR")]
Seed = Annotated[int, typer.Option("--seed", min=0, help="The same seed gives the same bytes.")]


@synth_app.command(epilog="Example: gait synth dataset --out data/synth --people 2000 --workers 2")
def dataset(
    out: Out,
    people: Annotated[int, typer.Option("--people", min=2, help="Identities.")] = 1000,
    walks: Annotated[int, typer.Option("--walks", min=1, help="Walks of each: clothes, bags, cameras differ.")] = 10,
    frames: Annotated[int, typer.Option("--frames", min=5, help="Silhouettes of a walk.")] = 30,
    seed: Seed = 0,
    workers: Annotated[int, typer.Option("--workers", min=1, help="Processes.")] = 1,
    verbose: Verbose = False,
) -> None:
    """Silhouettes of people who do not exist, as a dataset to train on (OpenGait's layout)."""
    from pipeline.commands.synth import dataset_command

    dataset_command(out, people, walks, frames, seed, workers)
