"""`gait poses`: what to do with the poses of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.groups import app, help_without_command
from pipeline.cli.options import Verbose

poses_app = typer.Typer(help="The joints that a run has found.")
poses_app.callback(invoke_without_command=True)(help_without_command)
app.add_typer(poses_app, name="poses")


@poses_app.command(epilog="Example: gait poses export output/2026_01_31_18_05_09 data/poses")
def export(
    run: Annotated[Path, typer.Argument(help="Folder of a run that wrote poses.", metavar="RUN_DIR")],
    output: Annotated[Path, typer.Argument(help="Folder to write to.", metavar="DIR")],
    maps: Annotated[bool, typer.Option("--maps", help="Skeleton maps in place of keypoints.")] = False,
    verbose: Verbose = False,
) -> None:
    """Write a run's poses as OpenGait's data sets hold them: video/track/undefined/*.pkl."""
    from pipeline.commands.poses import export_poses

    export_poses(run, output, maps)
