"""`gait` and its groups of commands, still empty: the modules beside this one fill them."""

from __future__ import annotations

from typing import Annotated

import typer

from pipeline import __version__

app = typer.Typer(
    name="gait",
    help="Identify people by how they walk: videos in, names, silhouettes, features and annotated videos out.",
    epilog="Example: gait demo",
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
checkpoints_app = typer.Typer(help="List, fetch and verify network weights.")
app.add_typer(checkpoints_app, name="checkpoints")
synth_app = typer.Typer(help="Walkers who do not exist: silhouettes to train with, videos to test and to show.")
app.add_typer(synth_app, name="synth")
dataset_app = typer.Typer(help="Make and check datasets to train and evaluate on.")
app.add_typer(dataset_app, name="dataset")
cache_app = typer.Typer(help="Results of earlier runs that later runs reuse.")
app.add_typer(cache_app, name="cache")


@app.callback(invoke_without_command=True)
def _options(
    context: typer.Context, version: Annotated[bool, typer.Option("--version", help="Show the version.")] = False
) -> None:
    if version:
        print(f"gait {__version__}")
        raise typer.Exit
    help_without_command(context)


@cache_app.callback(invoke_without_command=True)
@checkpoints_app.callback(invoke_without_command=True)
@dataset_app.callback(invoke_without_command=True)
@synth_app.callback(invoke_without_command=True)
def help_without_command(context: typer.Context) -> None:
    """The callback of every group: its name alone shows what it has."""
    if context.invoked_subcommand is None:
        print(context.get_help())
        raise typer.Exit
