"""`gait demo`: fetch what the light profile and the five demo videos need, and run the whole job on them.

Without a network, and on request, it films people who do not exist and finds them without any weights.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pipeline.commands.checkpoints import fetch_checkpoints
from pipeline.commands.demo_videos import fetch_demo_videos
from pipeline.commands.run import show_run
from pipeline.config import DEFAULT_PROFILE, Config
from pipeline.engine.job import INPUTS, Job, plan
from pipeline.engine.runfolder import RunFolder
from pipeline.errors import GaitError, InputError
from pipeline.evaluation.identities import compare, named_right, read_truth
from pipeline.files import read_json, write_json
from pipeline.networks.checkpoints import cards, locate, search_folders
from pipeline.prepare import find_checkpoints
from pipeline.profiles import load_config
from pipeline.tracking.mot import read_mot

FOLDER = INPUTS / "demo"
OFFLINE = "offline"  # profile
PEOPLE = 4


def demo_command(
    profile: str | None,
    overrides: Sequence[str],
    checkpoints: Path | None,
    offline: bool = False,
    seconds: float = 10.0,
) -> None:
    """Run the demo. Without a network it says so in one line and uses what is here: weights and videos, or neither.

    offline: ask for no network. seconds: of the videos that are made up then.
    """
    if not offline:
        config = load_config(profile or DEFAULT_PROFILE, overrides)
        try:
            _fetch_weights(config, checkpoints)
            job = _videos()
            find_checkpoints(config, checkpoints)
        except GaitError as error:
            if profile is not None:
                raise
            print(f"gait: {error} Going on without: gait demo --offline.", file=sys.stderr)
        else:
            show_run(job, config, checkpoints)
            return
    offline_demo(load_config(profile or OFFLINE, overrides), checkpoints, seconds)


def offline_demo(config: Config, checkpoints: Path | None, seconds: float) -> None:
    """Film a gallery and four probes of the same made-up people, find and match them, and say how well that went."""
    from pipeline.background import LIMITS
    from pipeline.synth.videos import Show, write_videos

    print(f"gait: {LIMITS}", file=sys.stderr)
    folder = INPUTS / "made-up"
    gallery, *probes = write_videos(folder, Show(people=PEOPLE, seconds=seconds))
    run_folder = show_run(plan(str(gallery), [str(probe) for probe in probes]), config, checkpoints)
    score = score_run(RunFolder(run_folder), gallery, probes)
    with RunFolder(run_folder).held():
        write_json(run_folder / "score.json", score)
    found = ", ".join(f"{video} {value:.2f}" for video, value in score["idf1"].items())
    print(f"IDF1 {found}; {score['named_right']} of {score['people']} people got their own name", file=sys.stderr)


def score_run(folder: RunFolder, gallery: Path, probes: Sequence[Path]) -> dict[str, Any]:
    """A run on videos with the truth beside them: {"idf1": {video: …}, "named_right", "people"}."""
    results = read_json(folder.results)
    truths = {video.stem: read_truth(video.with_suffix(".gt.txt")) for video in (gallery, *probes)}
    found = {name: compare(truth, read_mot(folder.tracks(name), name, 25.0)) for name, truth in truths.items()}
    right = total = 0
    for probe in probes:
        people = sorted({person for ids, _ in truths[probe.stem].values() for person in ids})
        total += len(people)
        right += named_right(results, found[gallery.stem], probe.stem, found[probe.stem], people)
    return {
        "idf1": {name: round(following.idf1, 4) for name, following in found.items()},
        "named_right": right,
        "people": total,
    }


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
