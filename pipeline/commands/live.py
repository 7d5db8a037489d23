"""`gait live`: check the options, print what happens, end cleanly on Ctrl-C."""

from __future__ import annotations

import sys
from pathlib import Path

from loguru import logger

from pipeline.errors import ConfigError, Interrupted
from pipeline.profiles import Options
from pipeline.runs.folder import RunFolder

PORT = 8008


def live_command(
    source: str,
    db: Path | None,
    gallery: Path | None,
    serve: bool,
    port: int | None,
    window: bool,
    record: Path | None,
    events: Path | None,
    options: Options,
) -> None:
    """Watch a camera, a stream or a file; lines on standard error say who comes, is recognised and leaves."""
    if (db is None) == (gallery is None):
        raise ConfigError("give either --db DIR (people who were enrolled) or --gallery RUN_DIR (those of a run).")
    if record is not None and record.suffix.lower() != ".mp4":
        raise ConfigError(f"--record {record}: recordings are mp4. Give a name that ends in .mp4.")
    for path, option in ((record, "--record"), (events, "--events")):
        if path is not None and not path.resolve().parent.is_dir():
            raise ConfigError(f"{option} {path}: there is no folder {path.resolve().parent}. Make it first.")
    config = options.config()
    if db is not None:
        from pipeline.gallery.store import Gallery

        Gallery.open(db)  # a wrong folder is refused at once
        people = db
    else:
        assert gallery is not None
        people = RunFolder.open(gallery).path
    logger.remove()
    logger.add(sys.stderr, level="INFO", format="{message}")
    try:
        from pipeline.live.session import Outputs, live  # imports every stage: not before the settings are right

        wanted = Outputs(port if port is not None else PORT if serve else None, window, record, events)
        live(source, people, gallery is not None, config, wanted, options.checkpoints)
    except KeyboardInterrupt:
        raise Interrupted("stopped; what was recorded is whole.") from None
