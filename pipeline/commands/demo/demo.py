"""`gait demo`: fetch what the light profile and the five demo videos need, and run the whole job on them.

Without a network, and on request, it films people who do not exist and finds them without any weights.
"""

from __future__ import annotations

import sys
from pathlib import Path

from pipeline.commands.checkpoints import bar
from pipeline.commands.run import show_run
from pipeline.config import Config
from pipeline.errors import CheckpointError, GaitError, InputError
from pipeline.extraction.choice import chosen_profile
from pipeline.extraction.networks import find_checkpoints, missing_cards, stages_of
from pipeline.files import write_json
from pipeline.jobs.demo_videos import fetch_demo_videos
from pipeline.profiles import Options
from pipeline.research.evaluation.identities import score_run
from pipeline.runs.folder import RunFolder
from pipeline.runs.job import INPUTS, Job, plan
from pipeline.weights.checkpoints import download_folder
from pipeline.weights.download import OutOfReachError
from pipeline.weights.fetch import FetchError, fetch

FOLDER = INPUTS / "demo"
OFFLINE = "offline"  # profile
PEOPLE = 4


def demo_command(offline: bool, seconds: float, options: Options) -> None:
    """Run the demo. Without a network one line says what is missing; then what is here is used, or made-up people.

    offline: fetch nothing. seconds: length of the made-up videos.
    """
    if not offline:
        profile, why = chosen_profile(options)
        config = options.config(profile)
        try:
            _fetch_weights(config, options.checkpoints)
            job = _videos()
        except GaitError as error:
            if options.profile is not None:
                raise
            print(f"gait: {error}", file=sys.stderr)
        else:
            show_run(job, config, options.checkpoints, why=why)
            return
    offline_demo(options.config(OFFLINE), options.checkpoints, seconds)


def offline_demo(config: Config, checkpoints: Path | None, seconds: float) -> None:
    """Film a gallery and four probes of the same made-up people, find and match them, and say how well that went."""
    from pipeline.research.synth.videos import Show, write_videos

    print(
        f"gait: filming {PEOPLE} people who do not exist, with a camera that stands still, to find and name them with "
        "what is shipped (docs/offline.md)",
        file=sys.stderr,
    )
    folder = INPUTS / "made-up"
    gallery, *probes = write_videos(folder, Show(people=PEOPLE, seconds=seconds))
    run_folder = show_run(plan(str(gallery), [str(probe) for probe in probes]), config, checkpoints)
    score = score_run(RunFolder(run_folder), gallery, probes)
    with RunFolder(run_folder).held():
        write_json(run_folder / "score.json", score)
    found = ", ".join(f"{video} {value:.2f}" for video, value in score["idf1"].items())
    report = run_folder / "report.html"
    print(
        f"gait: {score['named_right']} of {score['people']} people got their own name, {score['named_wrong']} "
        f"another's, {score['likeliest_right']} are most like themselves (IDF1 {found}): "
        f"see {report if report.is_file() else run_folder}",
        file=sys.stderr,
    )


def _fetch_weights(config: Config, checkpoints: Path | None) -> None:
    """Fetch every network that a run needs. Raises CheckpointError, in one line, where one cannot be fetched."""
    missing = missing_cards(config, checkpoints)
    for card in missing:
        try:
            with bar(card.name) as progress:
                fetch(card, download_folder(checkpoints), progress)
        except FetchError as error:
            names = [card.name for card in missing]
            raise CheckpointError(
                f"{' and '.join(names)} cannot be fetched: {_brief(error)}. "
                f"With a network: gait checkpoints fetch {' '.join(names)}"
            ) from None
        print(f"gait: {card.name} fetched, licence: {card.licence}", file=sys.stderr)
    find_checkpoints(config, checkpoints, stages_of(config))


def _videos() -> Job:
    """The demo's own videos, or those in inputs/. Raises InputError, in one line, where there are neither."""
    problem = ""
    try:
        fetch_demo_videos(FOLDER)
    except GaitError as error:
        problem = _brief(error)
    fetched = (FOLDER / "gallery.mp4").is_file()
    gallery = str(FOLDER / "gallery.mp4") if fetched else None
    try:
        job = plan(gallery, sorted(map(str, FOLDER.glob("probe*.mp4"))) if fetched else [])
    except InputError as error:
        raise InputError(f"no demo videos: {problem}, and {error}" if problem else f"no demo videos: {error}") from None
    if problem:
        print(f"gait: {problem}. Using the videos in {FOLDER if fetched else INPUTS}/.", file=sys.stderr)
    return job


def _brief(error: GaitError) -> str:
    return error.brief if isinstance(error, OutOfReachError) else str(error).rstrip(".")
