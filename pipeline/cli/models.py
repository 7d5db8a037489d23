"""`gait models`: which gait networks there are, and exporting one."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.groups import app, help_without_command
from pipeline.cli.options import Checkpoints, Verbose


class Format(StrEnum):
    """What `gait export` writes."""

    onnx = "onnx"
    openvino = "openvino"


models_app = typer.Typer(help="The gait networks that turn a walk into an embedding.")
models_app.callback(invoke_without_command=True)(help_without_command)
app.add_typer(models_app, name="models")


@models_app.command("list", epilog="Example: gait models list")
def list_(
    markdown: Annotated[bool, typer.Option("--markdown", help="As the table of docs/models.md.")] = False,
    verbose: Verbose = False,
) -> None:
    """Every network: paper, what it looks at, size, published accuracy, checkpoints, parity test."""
    from pipeline.commands.models import list_models

    raise typer.Exit(list_models(markdown))


@app.command(epilog="Example: gait export swingait_gait3d --to onnx --check")
def export(
    name: Annotated[str, typer.Argument(help="Checkpoint, or encoder (then with --checkpoint).", metavar="MODEL")],
    to: Annotated[Format, typer.Option("--to", help="onnx or openvino.")] = Format.onnx,
    checkpoint: Annotated[
        str | None, typer.Option("--checkpoint", help="Card or file of the weights.", metavar="NAME|FILE")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", help="File to write (default: NAME_onnx.onnx or NAME_openvino.xml).", metavar="FILE"),
    ] = None,
    features: Annotated[
        str, typer.Option("--features", help="auto, embeddings, neck or logits.", metavar="NAME")
    ] = "auto",
    check: Annotated[bool, typer.Option("--check", help="Print by how much the file differs from torch.")] = False,
    checkpoints: Checkpoints = None,
    verbose: Verbose = False,
) -> None:
    """Write a network for other engines, with a card: it then runs in torch's place."""
    from pipeline.commands.export import export as run

    raise typer.Exit(run(name, to.value, checkpoint, output, features, check, checkpoints))
