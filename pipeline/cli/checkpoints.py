"""`gait checkpoints`: list, fetch, verify."""

from __future__ import annotations

from typing import Annotated

import typer

from pipeline.cli.groups import checkpoints_app
from pipeline.cli.options import Checkpoints, Names, Verbose


@checkpoints_app.command("list", epilog="Example: gait checkpoints list")
def list_(checkpoints: Checkpoints = None, verbose: Verbose = False) -> None:
    """Every known checkpoint: stage, size, licence, and whether it is here."""
    from pipeline.commands.checkpoints import list_checkpoints

    raise typer.Exit(list_checkpoints(checkpoints))


@checkpoints_app.command(epilog="Example: gait checkpoints fetch light")
def fetch(
    names: Annotated[list[str], typer.Argument(help="Checkpoint or profile names.")],
    checkpoints: Checkpoints = None,
    verbose: Verbose = False,
) -> None:
    """Download checkpoints, verified and resumed where a download broke off."""
    from pipeline.commands.checkpoints import fetch_checkpoints

    raise typer.Exit(fetch_checkpoints(names, checkpoints))


@checkpoints_app.command(epilog="Example: gait checkpoints verify light")
def verify(names: Names = None, checkpoints: Checkpoints = None, verbose: Verbose = False) -> None:
    """Compare the checkpoints that are here with their published sha256."""
    from pipeline.commands.checkpoints import verify_checkpoints

    raise typer.Exit(verify_checkpoints(names or [], checkpoints))
