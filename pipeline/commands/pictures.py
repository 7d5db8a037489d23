"""`gait models picture`: what a network for skeletons uses, drawn from the poses of a run."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from pipeline import registry
from pipeline.errors import ConfigError, InputError
from pipeline.files import private
from pipeline.pose.storage import read_poses
from pipeline.recognition import ENCODERS, weights_for
from pipeline.research.skeleton_pictures import PICTURES
from pipeline.runs.folder import RunFolder
from pipeline.runs.reader import pose_settings
from pipeline.types import PoseSequence
from pipeline.weights.checkpoints import resolve, search_folders


@private()
def picture(
    model: str,
    run: Path,
    tracks: Sequence[str],
    checkpoint: str,
    card: str | None,
    output: Path | None,
    checkpoints: Path | None,
) -> list[Path]:
    """Draw what `model` has pictures of, for tracks of a run (`gallery/1`), and print where they are.

    Raises ConfigError for an encoder without pictures, InputError for a run or track without poses.
    """
    if model not in PICTURES:
        raise ConfigError(f"{model!r}: no pictures of it. There are some of {', '.join(PICTURES)}.")
    poses = [_poses(run, track) for track in tracks]
    found = resolve(checkpoint, card, search_folders(checkpoints), stage="encoder")
    weights_for(registry.load(ENCODERS, model, "MODEL"), found)
    files = PICTURES[model](model, poses, found, output)
    for file in files:
        print(file)
    return files


def _poses(run: Path, track: str) -> PoseSequence:
    """The usable poses of `gallery/1`. Raises InputError where there are none."""
    video, slash, number = track.rpartition("/")
    if not slash or not re.fullmatch(r"[0-9]{1,9}", number):
        raise ConfigError(f"{track!r}: a track is VIDEO/NUMBER, such as gallery/1.")
    least = pose_settings(run).min_score
    path = RunFolder(run).poses(video, int(number))
    if not path.is_file():
        raise InputError(f"{path}: no such poses. Run with --set pose.always=true, and give a track of that run.")
    poses = read_poses(path, video, int(number)).usable(least)
    if not len(poses):
        raise InputError(f"{path}: nobody's joints were found in this track. Choose another.")
    return poses
