"""`gait serve`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.groups import app
from pipeline.cli.options import Checkpoints, Db, Device, Profile, Settings, Verbose, settings_of


@app.command(epilog="Example: gait serve --db people")
def serve(
    db: Db = Path("people"),
    host: Annotated[str, typer.Option("--host", help="Address to serve at.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0: one that is free.")] = 7860,
    allow_network: Annotated[
        bool, typer.Option("--allow-network", help="Other machines may reach it; needs --host and --password.")
    ] = False,
    password: Annotated[
        str | None,
        typer.Option("--password", help="Asked for by the browser; any user name.", envvar="GAIT_SERVE_PASSWORD"),
    ] = None,
    max_upload_mb: Annotated[
        int, typer.Option("--max-upload-mb", min=1, max=100_000, help="Largest video that is taken.")
    ] = 500,
    hours: Annotated[
        float, typer.Option("--hours", min=0.01, max=8760, help="A visitor's files are removed after so long.")
    ] = 12.0,
    config: Profile = None,
    set_: Settings = None,
    device: Device = None,
    checkpoints: Checkpoints = None,
    verbose: Verbose = False,
) -> None:
    """Open the web app on this machine: upload videos, watch the work, see who is who. Ends with Ctrl-C.

    Needs Gradio, the extra `ui`. Nothing is fetched from the network, and nothing is sent.
    """
    from pipeline.web import serve_command

    settings = settings_of(set_, None, device)
    serve_command(db, host, port, allow_network, password, max_upload_mb, hours, config, settings, checkpoints)
