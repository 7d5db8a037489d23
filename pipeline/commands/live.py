"""`gait live`: check the options, print what happens, end cleanly on Ctrl-C."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from loguru import logger

from pipeline.errors import ConfigError, Interrupted
from pipeline.profiles import Options
from pipeline.runs.folder import RunFolder

if TYPE_CHECKING:
    from pipeline.live.deliver import Receiver

PORT = 8008


def live_command(
    sources: list[str],
    db: Path | None,
    gallery: Path | None,
    serve: bool,
    port: int | None,
    window: bool,
    record: Path | None,
    events: Path | None,
    webhook: str | None,
    mqtt: str | None,
    watch: list[str],
    options: Options,
) -> None:
    """Watch cameras, streams or files; lines on standard error say who comes, is recognised and leaves."""
    if (db is None) == (gallery is None):
        raise ConfigError("give either --db DIR (people who were enrolled) or --gallery RUN_DIR (those of a run).")
    if record is not None and record.suffix.lower() != ".mp4":
        raise ConfigError(f"--record {record}: recordings are mp4. Give a name that ends in .mp4.")
    for path, option in ((record, "--record"), (events, "--events")):
        if path is not None and not path.resolve().parent.is_dir():
            raise ConfigError(f"{option} {path}: there is no folder {path.resolve().parent}. Make it first.")
    config = options.config()
    receivers = _receivers(webhook, mqtt)
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

        port = port if port is not None else PORT if serve else None
        wanted = Outputs(port, window, record, events, receivers, watch)
        live(sources, people, gallery is not None, config, wanted, options.checkpoints)
    except KeyboardInterrupt:
        raise Interrupted("stopped; what was recorded is whole.") from None


def _receivers(webhook: str | None, mqtt: str | None) -> Sequence[Receiver]:
    if not webhook and not mqtt:
        return ()
    from pipeline.live.deliver import Mqtt, Webhook

    return [made(address) for made, address in ((Webhook, webhook), (Mqtt, mqtt)) if address]
