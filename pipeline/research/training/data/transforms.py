"""OpenGait's transforms by their names and settings: what is done to the frames of a walk before a network sees them.

The transforms themselves are in silhouette_transforms.py and pose_transforms.py.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import ConfigError
from pipeline.profiles import nearest
from pipeline.research.training.data import pose_transforms as poses
from pipeline.research.training.data import silhouette_transforms as silhouettes
from pipeline.research.training.data.draws import Draws


class Transform(Protocol):
    """T×… frames of one walk in, as many out. Never alters what it is given: walks may be kept in memory."""

    def __call__(self, frames: NDArray[Any], draws: Draws) -> NDArray[Any]: ...


class Compose:
    """One transform after another."""

    def __init__(self, transforms: Sequence[Transform]) -> None:
        self._transforms = transforms

    def __call__(self, frames: NDArray[Any], draws: Draws) -> NDArray[Any]:
        for transform in self._transforms:
            frames = transform(frames, draws)
        return frames


class TwoView:
    """The same walk twice, altered differently, one after the other along the second axis.

    GaitGraph's contrast is between the two. Its GaitGraph1Input comes last, C×T×V×1, so that axis is time.
    """

    def __init__(self, transform: Transform) -> None:
        self._transform = transform

    def __call__(self, frames: NDArray[Any], draws: Draws) -> NDArray[Any]:
        return np.concatenate([self._transform(frames, draws), self._transform(frames, draws)], axis=1)


TRANSFORMS: Mapping[str, Callable[..., Transform]] = {
    kind.__name__: kind for kind in (*silhouettes.TRANSFORMS, *poses.TRANSFORMS)
}
_NESTED: Mapping[str, Callable[[Transform], Transform]] = {"Compose": lambda inside: inside, "TwoView": TwoView}


def transforms_of(
    entries: Sequence[Mapping[str, Any]], where: str = "transform", unsupported: list[str] | None = None
) -> list[Transform]:
    """One transform for each modality from OpenGait's list of {type, its settings} entries.

    Raises ConfigError, naming `where`, for an unknown name or setting. unsupported: collects unknown settings instead,
    which are passed over as in OpenGait.
    """
    return [_transform(entry, f"{where}[{index}]", unsupported) for index, entry in enumerate(entries)]


def _transform(entry: Mapping[str, Any], where: str, unsupported: list[str] | None) -> Transform:
    settings = dict(entry)
    name = str(settings.pop("type", None))
    if name in _NESTED:
        inside = Compose(transforms_of(settings.pop("trf_cfg", []), f"{where}.trf_cfg", unsupported))
        if settings:
            raise ConfigError(f"{where}: {name} has no setting {next(iter(settings))!r}. Known: trf_cfg.")
        return _NESTED[name](inside)
    if name not in TRANSFORMS:
        raise ConfigError(f"{where}: no transform {name!r}{nearest(name, sorted([*TRANSFORMS, *_NESTED]))}")
    known = list(inspect.signature(TRANSFORMS[name]).parameters)
    for key in [key for key in settings if key not in known]:
        if unsupported is None:
            raise ConfigError(f"{where}: {name} has no setting {key!r}{nearest(key, known)}")
        unsupported.append(f"{where}.{key}")
        del settings[key]
    return TRANSFORMS[name](**settings)
