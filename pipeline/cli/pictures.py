"""`gait models picture`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.models import models_app
from pipeline.cli.options import Checkpoints, Verbose


@models_app.command(
    epilog="Example: gait models picture gaitgraph1 output/2026_01_31_18_05_09 gallery/1 --checkpoint gaitgraph_casiab"
)
def picture(
    model: Annotated[str, typer.Argument(help="gaitgraph1, gaitgraph2 or disentanglement.", metavar="MODEL")],
    run: Annotated[Path, typer.Argument(help="Folder of a run that wrote poses.", metavar="RUN_DIR")],
    tracks: Annotated[
        list[str], typer.Argument(help="Tracks, such as gallery/1; disentanglement: two to exchange.", metavar="TRACK…")
    ],
    checkpoint: Annotated[str, typer.Option("--checkpoint", help="Card or file of the weights.", metavar="NAME|FILE")],
    card: Annotated[
        str | None, typer.Option("--card", help="Card whose conventions a file follows.", metavar="NAME")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", help="File: .gif or .mp4 (joints), .png (codes).", metavar="FILE")
    ] = None,
    checkpoints: Checkpoints = None,
    verbose: Verbose = False,
) -> None:
    """Draw what a network for skeletons looks at.

    gaitgraph1, gaitgraph2: a film of the walker, with the joints that make the embedding lit up. disentanglement: the
    codes of motion, body and view as heat maps; and, of two tracks, each body with the other's motion.
    """
    from pipeline.commands.pictures import picture as draw

    draw(model, run, tracks, checkpoint, card, output, checkpoints)
