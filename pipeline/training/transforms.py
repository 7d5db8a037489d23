"""What is done to the frames of a walk before a network sees them: OpenGait's transforms by their names.

Reference: golden/transforms_sampling (OpenGait data/transform.py), equal under the same seeds. Chance is drawn once a
walk, so that a walk stays in step with itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from pipeline.config import nearest
from pipeline.errors import ConfigError
from pipeline.training.draws import Draws


class Transform(Protocol):
    """T×… frames of one walk in, as many out."""

    def __call__(self, frames: NDArray[Any], draws: Draws) -> NDArray[Any]: ...


class BaseSilCuttingTransform:
    """Silhouettes …×H×W to 0–1, with columns cut off each side (default: 10 of every 64)."""

    def __init__(self, divsor: float = 255.0, cutting: int | None = None, img_w: int = 64) -> None:
        """The names are OpenGait's; img_w stands in old files and is ignored there too."""
        self._divisor, self._cutting = np.float32(divsor), cutting

    def __call__(self, frames: NDArray[Any], draws: Draws) -> NDArray[Any]:
        width = frames.shape[-1]
        cut = width // 64 * 10 if self._cutting is None else self._cutting
        return np.asarray(frames[..., cut : width - cut] / self._divisor)


class BaseSilTransform:
    """Silhouettes to 0–1, uncut."""

    def __init__(self, divsor: float = 255.0, img_shape: Sequence[int] | None = None) -> None:
        self._divisor, self._shape = np.float32(divsor), img_shape

    def __call__(self, frames: NDArray[Any], draws: Draws) -> NDArray[Any]:
        if self._shape is not None:
            frames = frames.reshape(len(frames), *self._shape)
        return np.asarray(frames / self._divisor)


class RandomHorizontalFlip:
    """Mirror a walk."""

    def __init__(self, prob: float = 0.5) -> None:
        self._prob = prob

    def __call__(self, frames: NDArray[Any], draws: Draws) -> NDArray[Any]:
        return frames if draws.python.uniform(0, 1) >= self._prob else frames[..., ::-1]


class Compose:
    """One transform after another."""

    def __init__(self, transforms: Sequence[Transform]) -> None:
        self._transforms = transforms

    def __call__(self, frames: NDArray[Any], draws: Draws) -> NDArray[Any]:
        for transform in self._transforms:
            frames = transform(frames, draws)
        return frames


TRANSFORMS: Mapping[str, Callable[..., Transform]] = {
    "BaseSilTransform": BaseSilTransform,
    "BaseSilCuttingTransform": BaseSilCuttingTransform,
    "RandomHorizontalFlip": RandomHorizontalFlip,
}


def transforms_of(entries: Sequence[Mapping[str, Any]], where: str = "trainer_cfg.transform") -> list[Transform]:
    """One transform for each modality from OpenGait's list of {type, its settings} entries.

    Raises ConfigError for an unknown name or setting.
    """
    return [_transform(entry, f"{where}[{index}]") for index, entry in enumerate(entries)]


def _transform(entry: Mapping[str, Any], where: str) -> Transform:
    settings = dict(entry)
    name = settings.pop("type", None)
    if name == "Compose":
        return Compose(transforms_of(settings.pop("trf_cfg", []), f"{where}.trf_cfg"))
    if name not in TRANSFORMS:
        raise ConfigError(f"{where}: no transform {name!r}{nearest(str(name), sorted(TRANSFORMS))}")
    try:
        return TRANSFORMS[name](**settings)
    except TypeError as error:
        raise ConfigError(f"{where}: {name} {str(error).rpartition('__init__() ')[2]}.") from None
