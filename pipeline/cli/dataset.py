"""`gait dataset`: pretreat, from-run, check."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.groups import dataset_app
from pipeline.cli.options import Verbose

Target = Annotated[Path, typer.Argument(help="Folder of the dataset to make.", metavar="DATASET")]


@dataset_app.command(epilog="Example: gait dataset pretreat CASIA-B CASIA-B-pkl --workers 4")
def pretreat(
    source: Annotated[
        Path,
        typer.Argument(
            help="Silhouettes in identity/type/view/*.png, GaitGraph's pose CSV, or OUMVLP-Pose's folder.",
            metavar="SOURCE",
        ),
    ],
    target: Target,
    size: Annotated[int, typer.Option("--size", min=64, help="Height and width, a multiple of 64.")] = 64,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Make walks anew that are there already.")] = False,
    workers: Annotated[int, typer.Option("--workers", min=1, help="Processes.", metavar="N")] = 1,
    verbose: Verbose = False,
) -> None:
    """Align silhouettes as OpenGait does, one .pkl a walk; or turn published poses into the same layout."""
    from pipeline.commands.dataset import pretreat_command

    raise typer.Exit(pretreat_command(source, target, size, overwrite, workers))


@dataset_app.command(
    "from-run", epilog="Example: gait dataset from-run output/2026_01_31_18_05_09 mine --labels who.csv"
)
def from_run(
    run: Annotated[Path, typer.Argument(help="Folder of a run.", metavar="RUN_DIR")],
    target: Target,
    labels: Annotated[
        Path | None,
        typer.Option("--labels", help="CSV: video,track,identity[,type,view]; none: a person a track.", metavar="FILE"),
    ] = None,
    held_out: Annotated[
        float, typer.Option("--held-out", min=0, max=1, help="Share of the people that become the test set.")
    ] = 0.5,
    verbose: Verbose = False,
) -> None:
    """The silhouettes of a run as a dataset, with its partition.json."""
    from pipeline.commands.dataset import from_run_command

    raise typer.Exit(from_run_command(run, target, labels, held_out))


@dataset_app.command(epilog="Example: gait dataset check CASIA-B-pkl --name CASIA-B")
def check(
    root: Annotated[Path, typer.Argument(help="Folder of the dataset.", metavar="DATASET")],
    partition: Annotated[
        Path | None, typer.Option("--partition", help="Its partition JSON (default: the one in it).", metavar="FILE")
    ] = None,
    name: Annotated[str, typer.Option("--name", help="CASIA-B or OUMVLP: the authors' partition.")] = "",
    min_frames: Annotated[int, typer.Option("--min-frames", min=0, help="Shorter walks are named.")] = 15,
    json_: Annotated[Path | None, typer.Option("--json", help="Write all findings here.", metavar="FILE")] = None,
    verbose: Verbose = False,
) -> None:
    """Read a whole dataset; say what is missing, unreadable, too short or no silhouettes: the exit status is 2 then."""
    from pipeline.commands.dataset import check_command

    raise typer.Exit(check_command(root, partition, name, min_frames, json_))
