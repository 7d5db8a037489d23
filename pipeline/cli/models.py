"""`gait models`: which gait networks there are, and exporting one."""

from __future__ import annotations

from typing import Annotated

import typer

from pipeline.cli.groups import app
from pipeline.cli.options import Verbose

models_app = typer.Typer(help="The gait networks that turn a walk into an embedding.")
app.add_typer(models_app, name="models")


@models_app.callback(invoke_without_command=True)
def _help_without_command(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        print(context.get_help())
        raise typer.Exit


@models_app.command("list")
def list_(
    markdown: Annotated[bool, typer.Option("--markdown", help="As the table of docs/models.md.")] = False,
    verbose: Verbose = False,
) -> None:
    """Every network: paper, what it looks at, size, published accuracy, checkpoints, parity test."""
    from pipeline.commands.models import list_models

    raise typer.Exit(list_models(markdown))
