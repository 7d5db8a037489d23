"""`gait poses export`: the poses of a run as OpenGait's data sets hold them."""

from __future__ import annotations

from pathlib import Path

from pipeline.errors import InputError
from pipeline.files import private
from pipeline.pose.skeleton_maps import SkeletonMaps
from pipeline.pose.storage import read_poses, write_opengait
from pipeline.runs.reader import pose_settings

VIEW = "undefined"  # nobody has labelled it


@private()
def export_poses(run: Path, output: Path, maps: bool) -> None:
    """Write <output>/<video>/<track>/undefined/<track>.pkl for every track of a run, and say how many.

    Keypoints T×17×3 float32, or with `maps` skeleton maps T×2×64×64 uint8; of the frames that the run calls usable.
    Raises InputError for a folder that is no run, or one without poses.
    """
    settings = pose_settings(run)
    paths = sorted((run / "poses").glob("*/[!.]*.npz"))
    walks = frames = 0
    for path in paths:
        poses = read_poses(path, path.parent.name, int(path.stem)).usable(settings.min_score)
        if not len(poses):
            continue
        array = SkeletonMaps.of(poses.keypoints, use_score=settings.use_score)[:] if maps else poses.keypoints
        write_opengait(output / poses.video / path.stem / VIEW / f"{path.stem}.pkl", array)
        walks, frames = walks + 1, frames + len(poses)
    if not walks:
        raise InputError(f"{run}: no poses in this run. Run again with --set pose.always=true.")
    print(f"{output}: {walks} walks, {frames} {'skeleton maps' if maps else 'poses'}")
