"""The main job and what belongs to it: run, demo, doctor, and the cache of results."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.groups import app, cache_app
from pipeline.cli.options import (
    Address,
    Checkpoints,
    Device,
    Engine,
    Gallery,
    Output,
    Probes,
    Profile,
    Resume,
    Rotate,
    Settings,
    Verbose,
    Workers,
    settings_of,
)


@app.command(epilog="Example: gait run --gallery known.mp4 --probe street.mp4 --config light")
def run(
    gallery: Gallery = None,
    probe: Probes = None,
    config: Profile = None,
    set_: Settings = None,
    output: Output = None,
    device: Device = None,
    resume: Resume = None,
    workers: Workers = None,
    engine: Engine = None,
    address: Address = None,
    rotate: Rotate = None,
    checkpoints: Checkpoints = None,
    verbose: Verbose = False,
) -> None:
    """Track, cut out, embed and match everybody in a gallery and one or more probe videos.

    Without --gallery and --probe: inputs/gallery.* and every inputs/probe*.*
    """
    from pipeline.commands.run import run_command

    settings = settings_of(set_, output, device, workers, engine, address, rotate)
    run_command(gallery, probe or [], config, settings, resume, checkpoints)


@app.command(epilog="Example: gait demo --offline")
def demo(
    config: Profile = None,
    offline: Annotated[
        bool, typer.Option("--offline", help="Nothing is fetched: made-up walkers, found without weights.")
    ] = False,
    seconds: Annotated[float, typer.Option("--seconds", min=4, max=60, help="Of the made-up videos.")] = 10.0,
    set_: Settings = None,
    output: Output = None,
    device: Device = None,
    checkpoints: Checkpoints = None,
    verbose: Verbose = False,
) -> None:
    """Fetch the light weights and the five demo videos, and run the whole job on them.

    Where they cannot be fetched, or with --offline: people who do not exist, with the truth to score against.
    """
    from pipeline.commands.demo.demo import demo_command

    demo_command(config, settings_of(set_, output, device), checkpoints, offline, seconds)


@app.command(epilog="Example: gait doctor --checkpoints weights")
def doctor(
    video: Annotated[
        list[str] | None,
        typer.Argument(help="Instead of the machine, look at these: format, which way up.", metavar="[VIDEO...]"),
    ] = None,
    checkpoints: Checkpoints = None,
    verbose: Verbose = False,
) -> None:
    """Check versions, devices, weights, codecs and disk, and say what to do about what is missing."""
    from pipeline.commands.doctor.machine import doctor as examine

    raise typer.Exit(examine(checkpoints, videos=video or []))


@cache_app.command(epilog="Example: gait cache clear --output output")
def clear(output: Output = None) -> None:
    """Remove everything that earlier runs left for later ones; the run folders stay."""
    from pipeline.runs.cache import Cache

    folder = output or Path("output")
    entries, size = Cache(folder, 0).clear()
    print(f"{folder}/.cache: {entries} entries, {size / 1e6:.1f} MB removed")
