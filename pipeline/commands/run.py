"""`gait run`: settle the settings and the videos, show progress, call the main job."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pipeline.config import Config
from pipeline.engine.progress import with_progress
from pipeline.errors import ConfigError, InputError, Interrupted
from pipeline.files import read_json
from pipeline.profiles import Options
from pipeline.runs.folder import RunFolder
from pipeline.runs.job import Job, Video, plan


def run_command(gallery: str | None, probes: Sequence[str], resume: Path | None, options: Options) -> None:
    """Run a new job, or go on with an earlier one under its own videos and settings (`options` still apply)."""
    if resume is None:
        from pipeline.extraction.choice import chosen_profile  # imports the stages: not for --help

        profile, why = chosen_profile(options)
        config = options.config(profile)
        job = plan(gallery, probes)
    else:
        if gallery or probes:
            raise ConfigError("--resume takes gallery and probes from the run folder. Leave --gallery and --probe out.")
        recorded, job = _recorded(RunFolder.open(resume))
        config, why = options.config(recorded), ""
    show_run(job, config, options.checkpoints, resume, why)


def show_run(job: Job, config: Config, checkpoints: Path | None, resume: Path | None = None, why: str = "") -> Path:
    """Do the job with bars on a terminal and plain lines elsewhere; print the answers and where everything is.

    why: a line about the profile, where nobody named one.
    """
    from pipeline.jobs.run import run  # imports every stage: not before the settings are known to be right

    try:
        folder = with_progress(lambda bars: run(job, config, checkpoints, resume, bars))
    except KeyboardInterrupt as stopped:
        raise Interrupted(
            "interrupted; every finished file is whole. Go on with: gait run --resume {}".format(*stopped.args)
            if stopped.args
            else "interrupted before anything was written."
        ) from None
    if why:
        print(f"gait: {why}", file=sys.stderr)
    print_answers(folder)
    unreadable = read_json(RunFolder(folder).record)["unreadable"]
    if unreadable:
        raise InputError(
            f"{len(unreadable)} of {len(job.probes)} probes could not be read and were left out (see above)."
        )
    return folder


def print_answers(folder: Path) -> None:
    """One line a probe track, then the folder, on standard output."""
    results = read_json(RunFolder(folder).results)
    for probe, tracks in results["probes"].items():
        for track, row in tracks.items():
            sure = "" if row["confidence"] is None or row["status"] != "known" else f" {row['confidence']:.0%}"
            print(f"{probe} {track}: {row['identity'] or row['status']}{sure} ({row['reason']})")
    print(folder)


def clear_cache_command(output: Path) -> None:
    """Empty the cache of the runs in a folder."""
    from pipeline.runs.cache import Cache

    entries, size = Cache(output, 0).clear()
    print(f"{output}/.cache: {entries} entries, {size / 1e6:.1f} MB removed")


def _recorded(folder: RunFolder) -> tuple[dict[str, Any], Job]:
    """The settings and the videos of an earlier run. Raises InputError where they are not kept on this machine."""
    if not folder.resumption.is_file():
        raise InputError(
            f"{folder.path}: where its videos lie is kept beside the folder, in {folder.resumption}, which is missing. "
            "Put the folder back where it was made, or start a new run. Only those of gait run go on."
        )
    kept = read_json(folder.resumption)
    try:
        gallery, *probes = (
            Video(str(one["name"]), str(one["path"]), int(one.get("turn", 0))) for one in kept["videos"]
        )
        if not probes:
            raise ValueError
        return dict(kept["config"]), Job(gallery, tuple(probes))
    except (KeyError, TypeError, ValueError):
        raise InputError(f"{folder.resumption}: not the settings and videos of a run. Start a new run.") from None
