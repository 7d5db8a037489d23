"""`gait synth`: dataset, videos."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.groups import synth_app
from pipeline.cli.options import Checkpoints, Verbose

Seed = Annotated[int, typer.Option("--seed", help="The same seed gives the same bytes.", metavar="N")]


@synth_app.command(epilog="Example: gait synth dataset --out data/walkers --people 1000 --workers 2")
def dataset(
    out: Annotated[Path, typer.Option("--out", help="New folder for the data set.", metavar="DIR")],
    people: Annotated[int, typer.Option("--people", help="Identities.", metavar="N")] = 100,
    sequences: Annotated[int, typer.Option("--sequences", "--walks", help="Walks of each person.", metavar="K")] = 10,
    frames: Annotated[int, typer.Option("--frames", help="Silhouettes of each walk.", metavar="T")] = 30,
    seed: Seed = 0,
    workers: Annotated[int, typer.Option("--workers", help="Processes.", metavar="N")] = 1,
    segmented: Annotated[
        float,
        typer.Option(
            "--segmented",
            help="Share of the walks that the light profile's segmenter cuts out of pictures.",
            min=0,
            max=1,
            metavar="SHARE",
        ),
    ] = 0.0,
    checkpoints: Checkpoints = None,
    verbose: Verbose = False,
) -> None:
    """Silhouettes of walkers who do not exist, in OpenGait's layout, to train with."""
    from pipeline.commands.synth import synth_dataset

    synth_dataset(out, people, seed, sequences, frames, workers, segmented, checkpoints)


@synth_app.command(epilog="Example: gait synth videos --out data/street --people 4 --probes 4")
def videos(
    out: Annotated[Path, typer.Option("--out", help="Folder for the videos and their truth.", metavar="DIR")],
    people: Annotated[int, typer.Option("--people", help="Walkers, the same in all videos.", metavar="N")] = 4,
    probes: Annotated[int, typer.Option("--probes", help="Videos beside the gallery.", metavar="N")] = 4,
    seconds: Annotated[float, typer.Option("--seconds", help="Length of each video.", metavar="S")] = 10.0,
    handheld: Annotated[bool, typer.Option("--handheld", help="Every second probe is hand-held.")] = False,
    seed: Seed = 0,
    verbose: Verbose = False,
) -> None:
    """Videos of walkers who do not exist, with the truth: boxes, identities, masks, joints, visibility."""
    from pipeline.commands.synth import synth_videos

    synth_videos(out, people, probes, seed, seconds, handheld)
