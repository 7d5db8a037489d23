"""`gait train`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.groups import app
from pipeline.cli.options import Device, Verbose


@app.command(epilog="Example: gait train --config gaitbase_casiab --set data_cfg.dataset_root=CASIA-B-pkl")
def train(
    config: Annotated[
        str,
        typer.Option(
            "--config", help="A configuration in configs/train, or a YAML file (OpenGait's too).", metavar="FILE"
        ),
    ],
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="Change one setting, such as trainer_cfg.seed=1; repeatable.", metavar="KEY=VALUE"),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the furthest checkpoint of this name.")] = False,
    output: Annotated[
        Path | None,
        typer.Option("--output", help="Where trainings are kept (default: output/training).", metavar="DIR"),
    ] = None,
    device: Device = None,
    processes: Annotated[
        int, typer.Option("--processes", min=1, help="Processes that share each batch: one a GPU.", metavar="N")
    ] = 1,
    verbose: Verbose = False,
) -> None:
    """Train a gait network on a dataset in OpenGait's layout."""
    from pipeline.commands.train import train_command

    train_command(config, set_ or [], resume, output, device, processes)
