"""What is done to silhouettes, parsings, heat maps, pictures and clouds of points before a network sees them.

Reference: golden/transforms_sampling (OpenGait data/transform.py), equal under the same seeds. Chance is drawn once a
walk, so that a walk stays in step with itself. The settings' names are OpenGait's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.research.training.data.draws import Draws
from pipeline.research.training.data.warp import warped


class NoOperation:
    """Frames as they are."""

    def __call__(self, frames: NDArray[Any], draws: Draws) -> NDArray[Any]:
        return frames


class BaseSilTransform:
    """Silhouettes to 0–1, uncut; img_shape: the shape of a frame, for files that hold flat ones."""

    def __init__(self, divsor: float = 255.0, img_shape: Sequence[int] | None = None) -> None:
        self._divisor, self._shape = divsor, img_shape

    def __call__(self, frames: NDArray[Any], draws: Draws) -> NDArray[Any]:
        if self._shape is not None:
            frames = frames.reshape(len(frames), *self._shape)
        return np.asarray(frames / self._divisor)


class BaseSilCuttingTransform:
    """Silhouettes or heat maps …×H×W to 0–1, with columns cut off each side (default: 10 of every 64).

    The names are OpenGait's; img_w stands in old files and is ignored there too.
    """

    def __init__(self, divsor: float = 255.0, cutting: int | None = None, img_w: int = 64) -> None:
        self._divisor, self._cutting = divsor, cutting

    def __call__(self, frames: NDArray[Any], draws: Draws) -> NDArray[Any]:
        return np.asarray(_cut(frames, self._cutting) / self._divisor)


class BaseParsingCuttingTransform:
    """Body-part labels …×H×W, cut; divided by 255 only if the brightest is exactly that (they are silhouettes then)."""

    def __init__(self, divsor: float = 255.0, cutting: int | None = None) -> None:
        self._divisor, self._cutting = divsor, cutting

    def __call__(self, frames: NDArray[Any], draws: Draws) -> NDArray[Any]:
        labels = _cut(frames, self._cutting)
        divisor = self._divisor if labels.size and labels.max() == 255 else 1.0
        return np.asarray(labels / divisor)


class BaseRgbTransform:
    """Pictures T×3×H×W of 0–255, normalised by ImageNet's mean and deviation."""

    def __init__(self, mean: Sequence[float] | None = None, std: Sequence[float] | None = None) -> None:
        self._mean = _channels(mean, (0.485, 0.456, 0.406))
        self._std = _channels(std, (0.229, 0.224, 0.225))

    def __call__(self, frames: NDArray[Any], draws: Draws) -> NDArray[Any]:
        return np.asarray((frames - self._mean) / self._std)


class RandomHorizontalFlip:
    """Mirror a walk."""

    def __init__(self, prob: float = 0.5) -> None:
        self._prob = prob

    def __call__(self, frames: NDArray[Any], draws: Draws) -> NDArray[Any]:
        return frames if draws.python.uniform(0, 1) >= self._prob else frames[..., ::-1]


class RandomErasing:
    """Blank a rectangle of `sl` to `sh` of the area with an aspect of r1 to 1/r1, in all frames or anew in each."""

    def __init__(
        self, prob: float = 0.5, sl: float = 0.05, sh: float = 0.2, r1: float = 0.3, per_frame: bool = False
    ) -> None:
        self._prob, self._areas, self._aspects, self._per_frame = prob, (sl, sh), (r1, 1 / r1), per_frame

    def __call__(self, frames: NDArray[Any], draws: Draws) -> NDArray[Any]:
        erased = frames.copy()
        for some in erased[:, None] if self._per_frame else [erased]:  # views: they are blanked in place
            self._erase(some, draws)
        return erased

    def _erase(self, frames: NDArray[Any], draws: Draws) -> None:
        if draws.python.uniform(0, 1) >= self._prob:
            return
        rows, columns = frames.shape[1:3]
        for _ in range(100):
            area = draws.python.uniform(*self._areas) * rows * columns
            aspect = draws.python.uniform(*self._aspects)
            height, width = round((area * aspect) ** 0.5), round((area / aspect) ** 0.5)
            if width < columns and height < rows:
                top, left = draws.python.randint(0, rows - height), draws.python.randint(0, columns - width)
                frames[:, top : top + height, left : left + width] = 0
                return


class RandomRotate:
    """Turn a walk by at most `degree`."""

    def __init__(self, prob: float = 0.5, degree: float = 10) -> None:
        self._prob, self._degree = prob, degree

    def __call__(self, frames: NDArray[Any], draws: Draws) -> NDArray[Any]:
        if draws.python.uniform(0, 1) >= self._prob:
            return frames
        height, width = frames.shape[-2:]
        degree = draws.python.uniform(-self._degree, self._degree)
        return warped(frames, cv2.getRotationMatrix2D((height // 2, width // 2), degree, 1))  # the reference's centre


class RandomPerspective:
    """Lean a walk towards a side: corners move by at most the columns that are cut."""

    def __init__(self, prob: float = 0.5) -> None:
        self._prob = prob

    def __call__(self, frames: NDArray[Any], draws: Draws) -> NDArray[Any]:
        if draws.python.uniform(0, 1) >= self._prob:
            return frames
        height, width = frames.shape[-2:]
        cut = width // 44 * 10
        left, right = range(cut), range(width - cut, width)
        choose = draws.python.choice
        top_left, top_right, low_left, low_right = choose(left), choose(right), choose(left), choose(right)
        corners = [(top_left, 0), (top_right, 0), (low_right, height), (low_left, height)]
        frame = [(0, 0), (width, 0), (width, height), (0, height)]
        return warped(frames, cv2.getPerspectiveTransform(np.array(corners, np.float32), np.array(frame, np.float32)))


class RandomAffine:
    """Shear, scale and shift a walk: three corners move by less than 10 of 64 pixels, twice."""

    def __init__(self, prob: float = 0.5) -> None:
        self._prob = prob

    def __call__(self, frames: NDArray[Any], draws: Draws) -> NDArray[Any]:
        if draws.python.uniform(0, 1) >= self._prob:
            return frames
        height, width = frames.shape[-2:]
        shifts = range(height // 64 * 10)

        def corners() -> NDArray[np.float32]:
            a, b, c, d, e, f = (draws.python.choice(shifts) for _ in range(6))
            return np.array([(a, b), (height - c, d), (e, width - f)], np.float32)

        return warped(frames, cv2.getAffineTransform(corners(), corners()))


_SHAPES = {"RECT": cv2.MORPH_RECT, "CROSS": cv2.MORPH_CROSS, "ELLIPSE": cv2.MORPH_ELLIPSE}
_KERNELS = {"RECT": ((5, 3), (5, 5), (3, 5)), "CROSS": ((3, 3), (3, 5), (5, 3)), "ELLIPSE": ((3, 3), (3, 5), (5, 3))}


class RandomPartDilate:
    """Thicken a band of the body, as a bag or a coat does."""

    def __init__(
        self, prob: float = 0.5, top_range: Sequence[int] = (12, 16), bot_range: Sequence[int] = (36, 40)
    ) -> None:
        self._prob, self._top, self._bottom = prob, top_range, bot_range

    def __call__(self, frames: NDArray[Any], draws: Draws) -> NDArray[Any]:
        if draws.python.uniform(0, 1) >= self._prob:
            return frames
        shape = draws.python.choice(list(_KERNELS))
        kernel = cv2.getStructuringElement(_SHAPES[shape], draws.python.choice(_KERNELS[shape]))
        top, bottom = draws.python.randint(*self._top), draws.python.randint(*self._bottom)
        dilated = frames.copy()
        dilated[:, top:bottom] = _each(frames[:, top:bottom], lambda band: cv2.dilate(band, kernel))
        return dilated


class RandomPartBlur:
    """Soften a band of the body: blurred, then cut at 0.2 (of silhouettes in 0–1).

    The reference's own stops with an error on current NumPy, so there is nothing to be equal to.
    """

    def __init__(
        self, prob: float = 0.5, top_range: Sequence[int] = (9, 20), bot_range: Sequence[int] = (29, 40)
    ) -> None:
        self._prob, self._top, self._bottom = prob, top_range, bot_range

    def __call__(self, frames: NDArray[Any], draws: Draws) -> NDArray[Any]:
        if draws.python.uniform(0, 1) >= self._prob:
            return frames
        top, bottom = draws.python.randint(*self._top), draws.python.randint(*self._bottom)
        softened = frames.astype(np.float32)
        band = _each(softened[:, top:bottom], lambda picture: cv2.GaussianBlur(picture, (3, 3), 0))
        softened[:, top:bottom] = band > 0.2
        return softened


class DA4GaitSSB:
    """The augmentation of GaitSSB's pre-training."""

    def __init__(
        self,
        cutting: int | None = None,
        ra_prob: float = 0.2,
        rp_prob: float = 0.2,
        rhf_prob: float = 0.5,
        rpd_prob: float = 0.2,
        rpb_prob: float = 0.2,
        top_range: Sequence[int] = (9, 20),
        bot_range: Sequence[int] = (39, 50),
    ) -> None:
        """Chances of: affine, perspective, mirroring, dilation and blur of a band between these rows."""
        self._all = (
            RandomAffine(ra_prob),
            RandomPerspective(rp_prob),
            BaseSilCuttingTransform(cutting=cutting),
            RandomHorizontalFlip(rhf_prob),
            RandomPartDilate(rpd_prob, top_range, bot_range),
            RandomPartBlur(rpb_prob, top_range, bot_range),
        )

    def __call__(self, frames: NDArray[Any], draws: Draws) -> NDArray[Any]:
        for transform in self._all:
            frames = transform(frames, draws)
        return frames


class PointCloudsTransform:
    """Clouds T×N×4 (x, y, z, intensity): every frame centred and scaled into the unit ball.

    xyz_only: without the intensity; scale_aware: with the height above the lowest point, in metres, as last value;
    flip_prob: chance of mirroring a walk from left to right.
    """

    def __init__(self, xyz_only: bool = True, scale_aware: bool = False, flip_prob: float = 0.0) -> None:
        self._xyz_only, self._scale_aware, self._flip = xyz_only, scale_aware, flip_prob

    def __call__(self, frames: NDArray[Any], draws: Draws) -> NDArray[Any]:
        places = frames[..., :3]
        if self._flip and draws.python.uniform(0, 1) < self._flip:
            places = places * np.array([1, -1, 1], places.dtype)
        height = places[..., 2:] - places[..., 2:].min(axis=1, keepdims=True)
        centred = places - places.mean(axis=1, keepdims=True)
        radius = np.linalg.norm(centred, axis=2).max(axis=1)[:, None, None]
        values = [centred / np.maximum(radius, 1e-9)]
        values += [] if self._xyz_only else [frames[..., 3:]]
        values += [height] if self._scale_aware else []
        return np.concatenate(values, axis=2)


TRANSFORMS = (
    NoOperation,
    BaseSilTransform,
    BaseSilCuttingTransform,
    BaseParsingCuttingTransform,
    BaseRgbTransform,
    RandomHorizontalFlip,
    RandomErasing,
    RandomRotate,
    RandomPerspective,
    RandomAffine,
    RandomPartDilate,
    RandomPartBlur,
    DA4GaitSSB,
    PointCloudsTransform,
)


def _cut(frames: NDArray[Any], cutting: int | None) -> NDArray[Any]:
    width = frames.shape[-1]
    cut = width // 64 * 10 if cutting is None else cutting
    return frames[..., cut : width - cut]


def _channels(values: Sequence[float] | None, default: Sequence[float]) -> NDArray[np.float32]:
    scaled = [value * 255 for value in default] if values is None else values
    return np.array(scaled, np.float32).reshape(1, 3, 1, 1)


def _each(frames: NDArray[Any], alter: Callable[[NDArray[Any]], Any]) -> NDArray[Any]:
    """OpenCV knows single pictures only: `alter` each H×W of T×…×H×W."""
    pictures = frames.reshape(-1, *frames.shape[-2:])
    altered = np.stack([alter(np.ascontiguousarray(picture)) for picture in pictures]) if len(pictures) else pictures
    return np.asarray(altered.reshape(*frames.shape[:-2], *altered.shape[-2:]))
