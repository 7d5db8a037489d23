"""SkeletonGait's steps: poses of a data set become skeleton maps, and maps stand beside silhouettes.

Reference: golden/skeleton_maps (OpenGait datasets/pretreatment_heatmap.py, ln_sil_heatmap.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.errors import ConfigError, InputError
from pipeline.files import UNREADABLE, link_or_copy, parse_yaml, reason_of
from pipeline.pose.skeleton_maps import CANVAS, SIZE, SkeletonMaps
from pipeline.research.training.data.arrays import read_arrays
from pipeline.research.training.data.dataset import Sample, list_samples, read_sample, sample_path, write_sample
from pipeline.research.training.data.processes import in_processes
from pipeline.skeletons import BY_JOINTS, COCO17
from pipeline.types import FloatArray

OF_SUSTECH1K = "03"  # begins the names of its pose files, which lie among those of other modalities
FLAT = 2 + 3 * len(COCO17.joints)  # values of a frame in GREW's poses: two of the picture come first
THERE = -1  # frames of what was there already

FIXED = {  # what no network here takes in another way
    "padkeypoints_args.pad_method": "knn",
    "norm_args.pose_format": "coco",
    "norm_args.heatmap_image_height": CANVAS,
    "heatmap_generator_args.img_h": CANVAS,
    "heatmap_generator_args.img_w": CANVAS,
    "align_args.final_img_size": SIZE,
    "align_args.heatmap_image_size": CANVAS,
    "align_args.offset": 0,
}


@dataclass(frozen=True, slots=True)
class Done:
    """What became of a sample: its frames (THERE: it was there already), or why it was left out."""

    name: str
    frames: int = 0
    why: str = ""


@dataclass(frozen=True, slots=True)
class MapSettings:
    """sigma: of the lines, pixels. use_score: joints are as bright as they are certain. align: cut to what is drawn."""

    sigma: float = 8.0
    use_score: bool = True
    align: bool = True


def read_map_settings(path: Path) -> MapSettings:
    """The settings in OpenGait's configs/skeletongait/pretreatment_heatmap.yaml, or one like it.

    Whether 18 joints become 17 is seen from the poses. Raises InputError for a file that cannot be read, ConfigError,
    naming the key, for a setting that no network here follows.
    """
    try:
        tree = parse_yaml(path.read_text(encoding="utf-8"))
    except UNREADABLE as error:
        raise InputError(f"{path}: not readable ({reason_of(error)}). Give a pretreatment_heatmap.yaml.") from None

    def value(key: str, default: Any) -> Any:
        found = tree
        for part in key.split("."):
            found = found.get(part, default) if isinstance(found, Mapping) else default
        reference = re.fullmatch(r"\$\{([\w.]+)\}", found) if isinstance(found, str) else None
        if reference and reference[1] != key:
            return value(reference[1], default)
        return found

    for key, only in FIXED.items():
        if value(key, only) != only:
            raise ConfigError(f"{path}: {key} is {value(key, only)!r}; maps are made with {only!r} only.")
    sigma = value("heatmap_generator_args.sigma", 8.0)
    if not isinstance(sigma, (int, float)) or not 0 < sigma <= CANVAS:
        raise ConfigError(f"{path}: heatmap_generator_args.sigma is {sigma!r}; give pixels, such as 8.0.")
    use_score, align = value("heatmap_generator_args.use_score", True), value("align_args.align", True)
    return MapSettings(float(sigma), bool(use_score), bool(align))


def find_poses(poses: Path, dataset: str = "") -> list[Path]:
    """poses/identity/type/view/*.pkl, sorted; of SUSTech1K those of poses. Raises InputError where there is none."""
    prefix = OF_SUSTECH1K if dataset.lower() == "sustech1k" else ""
    found = [path for sample in list_samples(poses) for path in sample.files if path.name.startswith(prefix)]
    if not found:
        raise InputError(f"{poses}: no pose files {prefix}*.pkl in identity/type/view.")
    return found


def draw_maps(files: Sequence[Path], target: Path, settings: MapSettings, workers: int = 1) -> Iterator[Done]:
    """Write target/identity/type/view/NAME.pkl, T×2×64×64 uint8 (limbs, joints), for every pose file; yields each.

    Files that are there already stay, so that a second run goes on where the first was stopped.
    """
    yield from in_processes(partial(_draw_map, target=target, settings=settings), files, workers)


def _draw_map(path: Path, target: Path, settings: MapSettings) -> Done:
    name = "/".join(path.parts[-4:])
    try:
        identity, kind, view = path.parts[-4:-1]
        written = sample_path(target, identity, kind, view, path.stem)
        if written.is_file():
            return Done(name, THERE)
        keypoints = read_keypoints(path)
    except InputError as error:
        return Done(name, why=str(error))
    maps = SkeletonMaps.of(keypoints, settings.sigma, settings.use_score, settings.align)
    write_sample(written, maps[:])
    return Done(name, len(maps))


def read_keypoints(path: Path) -> FloatArray:
    """Keypoints T×J×3 of a pickle, GREW's T×53 among them. Raises InputError for anything else."""
    found = read_arrays(path)
    if not isinstance(found, list):
        if found.ndim == 2 and found.shape[1] == FLAT:
            found = found[:, 2:].reshape(len(found), -1, 3)
        if found.ndim == 3 and found.shape[1] in BY_JOINTS and found.shape[2] == 3 and np.isfinite(found).all():
            return found
    shape = f"{len(found)} arrays" if isinstance(found, list) else f"{found.shape} {found.dtype}"
    joints = " or ".join(map(str, BY_JOINTS))
    raise InputError(f"{path}: {shape}; keypoints are T×J×3 of {joints} joints: x, y, score. Give a folder of poses.")


ORDER = {"maps": "heatmap", "silhouettes": "sil", "parsing": "par", "smpl": "smpl"}
"""Modalities in the order that networks of two take them in, and what their files are called."""


def join(roots: Mapping[str, Path], target: Path, workers: int = 1, ending: str = ".pkl") -> tuple[int, Iterator[Done]]:
    """Write target/identity/type/view/0_heatmap.pkl, 1_sil.pkl …: the samples that all of these data sets have.

    Returns how many samples there are, and what became of each.

    roots: modality (see ORDER) → data set; of a folder with several files the first counts, of silhouettes the first
    with this ending. Files are linked (a second name of the same bytes) where the disk can, and else copied. Samples of
    unequal length are left out. Raises InputError where a data set is missing or has no samples.
    """
    given = [each for each in ORDER if each in roots]
    samples = [
        {
            one.name: replace(one, files=files[:1])
            for one in list_samples(roots[each])
            if (files := tuple(path for path in one.files if each != "silhouettes" or path.name.endswith(ending)))
        }
        for each in given
    ]
    names = [f"{place}_{ORDER[each]}" for place, each in enumerate(given)]
    together = [
        (name, tuple(each.get(name) for each in samples)) for name in dict.fromkeys(n for each in samples for n in each)
    ]
    return len(together), in_processes(partial(_join, target=target, names=names), together, workers)


def _join(found: tuple[str, tuple[Sample | None, ...]], target: Path, names: Sequence[str]) -> Done:
    name, samples = found
    try:
        here = [sample for sample in samples if sample is not None]
        if len(here) < len(names):
            missing = names[samples.index(None)].partition("_")[2]
            return Done(name, why=f"{here[0].files[0]}: has no {missing} beside it")
        paths = [sample_path(target, one.identity, one.type, one.view, to) for one, to in zip(here, names, strict=True)]
        if all(path.is_file() for path in paths):
            return Done(name, THERE)
        frames = len(read_sample(replace(here[0], files=tuple(one.files[0] for one in here)))[0])
    except InputError as error:
        return Done(name, why=str(error))
    for one, path in zip(here, paths, strict=True):
        link_or_copy(one.files[0], path)
    return Done(name, frames)
