"""`gait live`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.groups import app
from pipeline.cli.options import Checkpoints, Device, MaybeDb, Profile, Rotate, Settings, Verbose, settings_of


@app.command(epilog="Example: gait live rtsp://camera.local/door --db people --serve")
def live(
    source: Annotated[
        str,
        typer.Argument(
            help="Camera number, address (rtsp, http, …), or a video file.", metavar="SOURCE", show_default=False
        ),
    ],
    db: MaybeDb = None,
    gallery: Annotated[
        Path | None,
        typer.Option("--gallery", help="Instead: the gallery of this finished run.", metavar="RUN_DIR"),
    ] = None,
    serve: Annotated[
        bool, typer.Option("--serve", help="Show it on a page that only this computer can open.")
    ] = False,
    port: Annotated[
        int | None, typer.Option("--port", help="Of the page (default 8008; 0: any free one); implies --serve.",
                                 min=0, max=65535, metavar="PORT"),
    ] = None,
    window: Annotated[bool, typer.Option("--window", help="Show it in a window.")] = False,
    record: Annotated[
        Path | None, typer.Option("--record", help="Write the annotated video here.", metavar="FILE.mp4")
    ] = None,
    events: Annotated[
        Path | None,
        typer.Option("--events", help="Append who came, was recognised and left, as JSON.", metavar="FILE.jsonl"),
    ] = None,
    config: Profile = None,
    set_: Settings = None,
    device: Device = None,
    rotate: Rotate = None,
    checkpoints: Checkpoints = None,
    verbose: Verbose = False,
) -> None:  # fmt: skip
    """Name people while they walk before a camera. Frames are dropped rather than shown late; Ctrl-C ends it."""
    from pipeline.commands.live import live_command

    settings = settings_of(set_, None, device, rotate=rotate)
    live_command(source, db, gallery, serve, port, window, record, events, config, settings, checkpoints)
