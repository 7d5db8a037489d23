"""`gait identify`: show progress, print who was found, and who keeps coming without a name."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pipeline.commands.gallery.enrol import keeping
from pipeline.commands.gallery.review import decide_again
from pipeline.errors import ConfigError
from pipeline.files import read_json
from pipeline.gallery.store import Gallery
from pipeline.profiles import Options
from pipeline.runs.folder import RunFolder


def identify_command(
    videos: Sequence[str], db: Path | None, again: bool, unknown_as: Literal["unknown", "new"], options: Options
) -> None:
    """Identify the people of some videos; print one line a track, then the run folder. Or decide runs again."""
    if again:
        decide_again(videos, db, unknown_as, options)
        return
    if db is None:
        raise ConfigError("--db DIR is missing: the folder of the gallery. Make one with gait enrol.")
    config = options.config()
    Gallery.open(db)  # a wrong folder is refused at once
    from pipeline.jobs.identify import identify

    folder = keeping(lambda bars: identify(videos, db, config, unknown_as, options.checkpoints, bars))
    results = read_json(RunFolder(folder).results)
    for video, tracks in results["probes"].items():
        for track, row in tracks.items():
            sure = "" if row["confidence"] is None or row["status"] != "known" else f" {row['confidence']:.0%}"
            print(f"{video} {track}: {row['name'] or row['status']}{sure} ({row['reason']})")
    for person in results["people"].values():
        if not person["named"] and len(person["videos"]) > 1:
            print(f"{person['name']}: seen in {' and '.join(person['videos'])}")
    print(folder)
