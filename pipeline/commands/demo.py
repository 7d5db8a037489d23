"""`gait demo`: fetch what the light profile and the five demo videos need, and run the whole job on them."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from pipeline.commands.checkpoints import fetch_checkpoints
from pipeline.commands.demo_videos import fetch_demo_videos
from pipeline.commands.run import show_run
from pipeline.config import DEFAULT_PROFILE, Config, load_config
from pipeline.engine.job import INPUTS, Job, plan
from pipeline.errors import GaitError, InputError
from pipeline.networks.checkpoints import cards, locate, search_folders

FOLDER = INPUTS / "demo"


def demo_command(profile: str | None, overrides: Sequence[str], checkpoints: Path | None) -> None:
    """Run the demo. Without a network it says so in one line and uses what is here: weights and videos."""
    config = load_config(profile or DEFAULT_PROFILE, overrides)
    _fetch_weights(config, checkpoints)
    show_run(_videos(), config, checkpoints)


def _fetch_weights(config: Config, checkpoints: Path | None) -> None:
    """Fetch what is missing. Where that fails the run itself says which file is missing and how to get it."""
    folders = search_folders(checkpoints)
    table = cards(folders)
    for section in (config.tracking, config.segmentation, config.recognition):
        name = section.checkpoint
        if name is not None and name in table and not locate(table[name], folders):
            fetch_checkpoints([name])


def _videos() -> Job:
    try:
        fetch_demo_videos(FOLDER)
    except GaitError as error:
        here = FOLDER if (FOLDER / "gallery.mp4").is_file() else INPUTS
        print(f"gait: {error} Using the videos in {here}/.", file=sys.stderr)
    if (FOLDER / "gallery.mp4").is_file():
        return plan(str(FOLDER / "gallery.mp4"), [str(path) for path in sorted(FOLDER.glob("probe*.mp4"))])
    try:
        return plan(None, [])
    except InputError as error:
        raise InputError(f"no demo videos: {error}") from None
