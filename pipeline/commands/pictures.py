"""`gait models picture`: what a network uses of a run's skeletons; `gait dataset picture`: those of a data set."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pipeline import registry
from pipeline.commands.printing import OK
from pipeline.drawing.colours import Colour, identity_colour
from pipeline.drawing.skeletons import walkers_in_rows
from pipeline.errors import ConfigError, InputError
from pipeline.files import private, write_bytes
from pipeline.pose.storage import read_poses
from pipeline.recognition import ENCODERS, weights_for
from pipeline.research.charts import as_png
from pipeline.research.skeleton_pictures import PICTURES
from pipeline.research.training.data.dataset import list_samples, read_sample
from pipeline.runs.folder import RunFolder
from pipeline.runs.reader import pose_settings
from pipeline.skeletons import BY_JOINTS
from pipeline.types import FloatArray, PoseSequence
from pipeline.weights.checkpoints import resolve, search_folders

_SKELETONS = [{(joints, values)} for joints in BY_JOINTS for values in (2, 3)]


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


def dataset_picture_command(root: Path, file: Path, identity: str | None, kind: str | None) -> int:
    """Draw the skeletons of one person of a data set, a row a walk; by default its first person's first type.

    Raises ConfigError for another file than .png, InputError for a data set without such poses.
    """
    if file.suffix != ".png":
        raise ConfigError(f"{file}: this picture is .png.")
    samples = list_samples(root, None if identity is None else [identity])
    first = next((one for one in samples if kind in (None, one.type)), samples[0])
    rows: list[tuple[str, FloatArray, Colour]] = []
    for sample in samples:
        if (sample.identity, sample.type) == (first.identity, kind or first.type):
            for frames in read_sample(sample):
                if {frame.shape for frame in frames} in _SKELETONS:
                    name = f"{sample.identity} {sample.type}\n{sample.view}"
                    rows.append((name, np.asarray(frames, np.float32)[..., :2], identity_colour(len(rows))))
    skeletons = {points.shape[1] for _, points, _ in rows}
    if len(skeletons) != 1:
        said = f"{first.identity}/{kind or first.type}"
        raise InputError(f"{root}: {said} has {'several' if skeletons else 'no'} skeletons (T×17×3). Choose another.")
    write_bytes(file, as_png(walkers_in_rows(rows, BY_JOINTS[skeletons.pop()])))
    print(file)
    return OK


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
