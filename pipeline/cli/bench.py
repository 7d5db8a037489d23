"""`gait bench`: how fast a run is, and how fast large galleries are searched."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.groups import app
from pipeline.cli.options import Checkpoints, Device, Gallery, Probes, Profile, Settings, Verbose, settings_of

bench_app = typer.Typer(help="Time a run stage by stage; bench gallery: time searching large galleries.")
app.add_typer(bench_app, name="bench")

Json = Annotated[Path | None, typer.Option("--json", help="Write the figures here.", metavar="FILE")]


@bench_app.callback(
    invoke_without_command=True, epilog="Example: gait bench --gallery g.mp4 --probe p.mp4 --json figures.json"
)
def bench(
    context: typer.Context,
    gallery: Gallery = None,
    probe: Probes = None,
    config: Profile = None,
    set_: Settings = None,
    device: Device = None,
    checkpoints: Checkpoints = None,
    json_: Json = None,
    verbose: Verbose = False,
) -> None:
    """Time a run stage by stage, and compare it with its bare networks on the same data.

    Without --gallery and --probe: two short videos of made-up walkers.
    """
    if context.invoked_subcommand is not None:
        return
    from pipeline.research.bench.run import bench_command

    bench_command(config, settings_of(set_, None, device), gallery, probe or [], checkpoints, json_)


@bench_app.command("gallery", epilog="Example: gait bench gallery --sizes 10000,100000 --json figures.json")
def gallery_(
    sizes: Annotated[
        str, typer.Option("--sizes", help="Numbers of templates.", metavar="N,N,…")
    ] = "10000,100000,1000000",
    parts: Annotated[str, typer.Option("--parts", help="Values of an embedding, C×P.", metavar="CxP")] = "256x16",
    metric: Annotated[str, typer.Option("--metric", help="euclidean or cosine.", metavar="NAME")] = "euclidean",
    folder: Annotated[
        Path | None,
        typer.Option("--folder", help="Where the galleries are made; a million takes 10 GB.", metavar="DIR"),
    ] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the galleries there.")] = False,
    json_: Json = None,
    verbose: Verbose = False,
) -> None:
    """Enrol, index and search galleries of made-up templates: seconds, memory, disk, how often the nearest is found."""
    from pipeline.research.bench.gallery import bench_gallery_command

    bench_gallery_command(sizes, parts, metric, folder, json_, keep)
