"""OpenGait's transforms by their names and settings: what is done to the frames of a sample before a network sees them.

The transforms themselves are in image_transforms.py and pose_transforms.py: functions of the frames T×… and of chance.
They never alter what they are given: samples may be kept in memory.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import ConfigError
from pipeline.profiles import nearest, shorten_value
from pipeline.research.training.data import image_transforms, pose_transforms
from pipeline.research.training.data.sampling import Draws
from pipeline.research.training.settings import known_settings

Transform = Callable[[NDArray[Any], Draws], NDArray[Any]]

TRANSFORMS: Mapping[str, Callable[..., NDArray[Any]]] = {**image_transforms.TRANSFORMS, **pose_transforms.TRANSFORMS}


def compose(frames: NDArray[Any], draws: Draws, transforms: Sequence[Transform]) -> NDArray[Any]:
    """One transform after another."""
    for transform in transforms:
        frames = transform(frames, draws)
    return frames


def two_views(frames: NDArray[Any], draws: Draws, transforms: Sequence[Transform]) -> NDArray[Any]:
    """The same sample twice, altered differently, one after the other along the second axis.

    GaitGraph's contrast is between the two. Its GaitGraph1Input comes last, C×T×V×1, so that axis is time.
    """
    return np.concatenate([compose(frames, draws, transforms), compose(frames, draws, transforms)], axis=1)


_NESTED = {"Compose": compose, "TwoView": two_views}


def transforms_of(
    entries: Sequence[Mapping[str, Any]], where: str = "transform", unsupported: list[str] | None = None
) -> list[Transform]:
    """One transform for each modality from OpenGait's list of {type, its settings} entries.

    Args:
        entries: As a training's settings have them.
        where: Where they stand there, for messages.
        unsupported: Collects the unknown settings, which are passed over as in OpenGait.

    Raises:
        ConfigError: For an unknown name.
    """
    unsupported = [] if unsupported is None else unsupported
    return [_transform(entry, f"{where}[{index}]", unsupported) for index, entry in enumerate(entries)]


def columns_cut(entry: Mapping[str, Any]) -> int | None:
    """How many columns an entry of that list cuts off each side of pictures; None: ten of every 64."""
    if entry.get("type") in _NESTED:
        return next((cut for cut in map(columns_cut, entry.get("trf_cfg", [])) if cut != 0), 0)
    return entry.get("cutting") if "Cutting" in str(entry.get("type")) else 0


def _transform(entry: Mapping[str, Any], where: str, unsupported: list[str]) -> Transform:
    settings = dict(entry)
    name = str(settings.pop("type", None))
    if name in _NESTED:
        entries = settings.pop("trf_cfg", [])
        if not isinstance(entries, list) or not all(isinstance(one, dict) for one in entries):
            raise ConfigError(f"{where}.trf_cfg: expected a list of transforms, got {shorten_value(entries)}.")
        inside = transforms_of(entries, f"{where}.trf_cfg", unsupported)
        unsupported += [f"{where}.{key}" for key in settings]
        return partial(_NESTED[name], transforms=inside)
    if name not in TRANSFORMS:
        raise ConfigError(f"{where}: no transform {name!r}{nearest(name, sorted([*TRANSFORMS, *_NESTED]))}")
    known = dict(list(inspect.signature(TRANSFORMS[name]).parameters.items())[2:])
    settings = known_settings(settings, known, where, unsupported)
    formats = ["coco"] if name in ("MSGGTransform", "HOD_MultiInput") else sorted(pose_transforms.JOINT_FORMATS)
    if (joints := settings.get("joint_format", "coco")) not in formats:
        raise ConfigError(f"{where}.joint_format: {joints!r}{nearest(str(joints), formats)}")
    return partial(TRANSFORMS[name], **settings)
