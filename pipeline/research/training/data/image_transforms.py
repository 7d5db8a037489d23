"""What is done to silhouettes, parsings, heat maps, pictures and clouds of points before a network sees them.

Reference: golden/transforms_sampling (OpenGait data/transform.py), equal under the same seeds. Chance is drawn once a
sample, so that its frames stay in step. The settings' names are OpenGait's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.research.training.data.sampling import Draws
from pipeline.segmentation.normalise import cut_width

Frames = NDArray[Any]

_IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # mean and deviation
_SHAPES = {"RECT": cv2.MORPH_RECT, "CROSS": cv2.MORPH_CROSS, "ELLIPSE": cv2.MORPH_ELLIPSE}
_KERNELS = {"RECT": ((5, 3), (5, 5), (3, 5)), "CROSS": ((3, 3), (3, 5), (5, 3)), "ELLIPSE": ((3, 3), (3, 5), (5, 3))}


def leave(frames: Frames, draws: Draws) -> Frames:
    """Frames as they are."""
    return frames


def scale(frames: Frames, draws: Draws, divsor: float = 255.0, img_shape: Sequence[int] | None = None) -> Frames:
    """Silhouettes to 0–1, uncut; img_shape: the shape of a frame, for files that hold flat ones."""
    return np.asarray((frames if img_shape is None else frames.reshape(len(frames), *img_shape)) / divsor)


def cut_and_scale(
    frames: Frames, draws: Draws, divsor: float = 255.0, cutting: int | None = None, img_w: int = 64
) -> Frames:
    """Silhouettes or heat maps …×H×W to 0–1, with columns cut off each side (default: 10 of every 64).

    img_w stands in OpenGait's old files and is ignored there too.
    """
    return np.asarray(cut_width(frames, cutting) / divsor)


def cut_labels(frames: Frames, draws: Draws, divsor: float = 255.0, cutting: int | None = None) -> Frames:
    """Body-part labels …×H×W, cut; divided by 255 only if the brightest is exactly that (they are silhouettes then)."""
    labels = cut_width(frames, cutting)
    return np.asarray(labels / (divsor if labels.size and labels.max() == 255 else 1.0))


def normalise_colours(
    frames: Frames, draws: Draws, mean: Sequence[float] | None = None, std: Sequence[float] | None = None
) -> Frames:
    """Pictures T×3×H×W of 0–255, normalised by ImageNet's mean and deviation."""
    shift, width = (
        np.array([255 * value for value in usual] if given is None else given, np.float32).reshape(1, 3, 1, 1)
        for given, usual in zip((mean, std), _IMAGENET, strict=True)
    )
    return np.asarray((frames - shift) / width)


def flip(frames: Frames, draws: Draws, prob: float = 0.5) -> Frames:
    """Mirror a sample."""
    return frames[..., ::-1] if _happens(prob, draws) else frames


def erase(
    frames: Frames,
    draws: Draws,
    prob: float = 0.5,
    sl: float = 0.05,
    sh: float = 0.2,
    r1: float = 0.3,
    per_frame: bool = False,
) -> Frames:
    """Blank a rectangle of `sl` to `sh` of the area with an aspect of r1 to 1/r1, in all frames or anew in each."""
    erased = frames.copy()
    rows, columns = frames.shape[1:3]
    for some in erased[:, None] if per_frame else [erased]:  # views: they are blanked in place
        for _ in range(100 if _happens(prob, draws) else 0):
            area = draws.python.uniform(sl, sh) * rows * columns
            aspect = draws.python.uniform(r1, 1 / r1)
            height, width = round((area * aspect) ** 0.5), round((area / aspect) ** 0.5)
            if width < columns and height < rows:
                top, left = draws.python.randint(0, rows - height), draws.python.randint(0, columns - width)
                some[:, top : top + height, left : left + width] = 0
                break
    return erased


def rotate(frames: Frames, draws: Draws, prob: float = 0.5, degree: float = 10) -> Frames:
    """Turn a sample by at most `degree`."""
    if not _happens(prob, draws):
        return frames
    height, width = frames.shape[-2:]
    turn = draws.python.uniform(-degree, degree)
    return warp(frames, cv2.getRotationMatrix2D((height // 2, width // 2), turn, 1))  # the reference's centre


def change_perspective(frames: Frames, draws: Draws, prob: float = 0.5) -> Frames:
    """Lean a sample towards a side: corners move by at most the columns that are cut."""
    if not _happens(prob, draws):
        return frames
    height, width = frames.shape[-2:]
    cut = width // 44 * 10
    left, right = range(cut), range(width - cut, width)
    choose = draws.python.choice
    top_left, top_right, low_left, low_right = choose(left), choose(right), choose(left), choose(right)
    corners = [(top_left, 0), (top_right, 0), (low_right, height), (low_left, height)]
    frame = [(0, 0), (width, 0), (width, height), (0, height)]
    return warp(frames, cv2.getPerspectiveTransform(np.array(corners, np.float32), np.array(frame, np.float32)))


def shear(frames: Frames, draws: Draws, prob: float = 0.5) -> Frames:
    """Shear, scale and shift a sample: three corners move by less than 10 of 64 pixels, twice."""
    if not _happens(prob, draws):
        return frames
    height, width = frames.shape[-2:]
    shifts = range(height // 64 * 10)

    def corners() -> NDArray[np.float32]:
        a, b, c, d, e, f = (draws.python.choice(shifts) for _ in range(6))
        return np.array([(a, b), (height - c, d), (e, width - f)], np.float32)

    return warp(frames, cv2.getAffineTransform(corners(), corners()))


def dilate_band(
    frames: Frames,
    draws: Draws,
    prob: float = 0.5,
    top_range: Sequence[int] = (12, 16),
    bot_range: Sequence[int] = (36, 40),
) -> Frames:
    """Thicken a band of the body, as a bag or a coat does."""
    if not _happens(prob, draws):
        return frames
    shape = draws.python.choice(list(_KERNELS))
    kernel = cv2.getStructuringElement(_SHAPES[shape], draws.python.choice(_KERNELS[shape]))
    top, bottom = draws.python.randint(*top_range), draws.python.randint(*bot_range)
    dilated = frames.copy()
    dilated[:, top:bottom] = _each(frames[:, top:bottom], lambda band: cv2.dilate(band, kernel))
    return dilated


def blur_band(
    frames: Frames,
    draws: Draws,
    prob: float = 0.5,
    top_range: Sequence[int] = (9, 20),
    bot_range: Sequence[int] = (29, 40),
) -> Frames:
    """Soften a band of the body: blurred, then cut at 0.2 (of silhouettes in 0–1).

    The reference's own stops with an error on current NumPy, so there is nothing to be equal to.
    """
    if not _happens(prob, draws):
        return frames
    top, bottom = draws.python.randint(*top_range), draws.python.randint(*bot_range)
    softened = frames.astype(np.float32)
    band = _each(softened[:, top:bottom], lambda picture: cv2.GaussianBlur(picture, (3, 3), 0))
    softened[:, top:bottom] = band > 0.2
    return softened


def augment_as_gaitssb(
    frames: Frames,
    draws: Draws,
    cutting: int | None = None,
    ra_prob: float = 0.2,
    rp_prob: float = 0.2,
    rhf_prob: float = 0.5,
    rpd_prob: float = 0.2,
    rpb_prob: float = 0.2,
    top_range: Sequence[int] = (9, 20),
    bot_range: Sequence[int] = (39, 50),
) -> Frames:
    """GaitSSB's pre-training. Chances of: affine, perspective, mirroring, dilation and blur of a band of these rows."""
    frames = change_perspective(shear(frames, draws, ra_prob), draws, rp_prob)
    frames = flip(cut_and_scale(frames, draws, cutting=cutting), draws, rhf_prob)
    return blur_band(dilate_band(frames, draws, rpd_prob, top_range, bot_range), draws, rpb_prob, top_range, bot_range)


def normalise_clouds(
    frames: Frames, draws: Draws, xyz_only: bool = True, scale_aware: bool = False, flip_prob: float = 0.0
) -> Frames:
    """Clouds T×N×4 (x, y, z, intensity): every frame centred and scaled into the unit ball.

    xyz_only: without the intensity; scale_aware: with the height above the lowest point, in metres, as last value;
    flip_prob: chance of mirroring a sample from left to right.
    """
    places = frames[..., :3]
    if flip_prob and draws.python.uniform(0, 1) < flip_prob:
        places = places * np.array([1, -1, 1], places.dtype)
    height = places[..., 2:] - places[..., 2:].min(axis=1, keepdims=True)
    centred = places - places.mean(axis=1, keepdims=True)
    radius = np.linalg.norm(centred, axis=2).max(axis=1)[:, None, None]
    values = [centred / np.maximum(radius, 1e-9)]
    values += [] if xyz_only else [frames[..., 3:]]
    values += [height] if scale_aware else []
    return np.concatenate(values, axis=2)


TRANSFORMS = {
    "NoOperation": leave,
    "BaseSilTransform": scale,
    "BaseSilCuttingTransform": cut_and_scale,
    "BaseParsingCuttingTransform": cut_labels,
    "BaseRgbTransform": normalise_colours,
    "RandomHorizontalFlip": flip,
    "RandomErasing": erase,
    "RandomRotate": rotate,
    "RandomPerspective": change_perspective,
    "RandomAffine": shear,
    "RandomPartDilate": dilate_band,
    "RandomPartBlur": blur_band,
    "DA4GaitSSB": augment_as_gaitssb,
    "PointCloudsTransform": normalise_clouds,
}


def _happens(prob: float, draws: Draws) -> bool:
    return draws.python.uniform(0, 1) < prob


def _each(frames: Frames, alter: Callable[[Frames], Any]) -> Frames:
    """OpenCV knows single pictures only: `alter` each H×W of T×…×H×W."""
    pictures = frames.reshape(-1, *frames.shape[-2:])
    altered = np.stack([alter(np.ascontiguousarray(picture)) for picture in pictures]) if len(pictures) else pictures
    return np.asarray(altered.reshape(*frames.shape[:-2], *altered.shape[-2:]))


def warp(frames: Frames, matrix: NDArray[np.float64]) -> Frames:
    """Frames T×…×H×W moved by a 2×3 or 3×3 matrix (x, y of the source to x, y of the result), bilinear, 0 outside.

    To the digit of OpenCV 5, which made the reference. OpenCV 4 rounds positions to a 32nd of a pixel before it
    interpolates, which moves silhouettes' edges by up to 7 of 255; OpenCV 5 does so only for what its new code does not
    take: double precision, and pictures of two channels. The type stays; integers are rounded.
    """
    if frames.dtype == np.float64 or (frames.ndim == 4 and frames.shape[1] == 2):
        move = cv2.warpAffine if len(matrix) == 2 else cv2.warpPerspective
        return _each(frames, lambda picture: move(picture, matrix, frames.shape[:-3:-1]))
    height, width = frames.shape[-2:]
    square = np.vstack([matrix, [0.0, 0.0, 1.0]]) if len(matrix) == 2 else matrix
    back = np.linalg.inv(square).astype(np.float32)
    y, x = np.mgrid[:height, :width].astype(np.float32)
    source_x = back[0, 0] * x + back[0, 1] * y + back[0, 2]
    source_y = back[1, 0] * x + back[1, 1] * y + back[1, 2]
    if len(matrix) == 3:
        depth = back[2, 0] * x + back[2, 1] * y + back[2, 2]
        source_x, source_y = source_x / depth, source_y / depth
    left, top = np.floor(source_x), np.floor(source_y)
    right_share, low_share = source_x - left, source_y - top
    padded = np.zeros((*frames.shape[:-2], height + 2, width + 2), np.float32)
    padded[..., 1:-1, 1:-1] = frames
    flat = padded.reshape(*frames.shape[:-2], -1)

    def pixels(below: int, beside: int) -> NDArray[np.float32]:
        rows = np.clip(top + below + 1, 0, height + 1).astype(np.int64)
        columns = np.clip(left + beside + 1, 0, width + 1).astype(np.int64)
        return np.asarray(flat[..., rows * (width + 2) + columns])

    upper_left, lower_left = pixels(0, 0), pixels(1, 0)
    upper = upper_left + right_share * (pixels(0, 1) - upper_left)
    lower = lower_left + right_share * (pixels(1, 1) - lower_left)
    moved = upper + low_share * (lower - upper)
    return np.asarray(np.rint(moved) if np.issubdtype(frames.dtype, np.integer) else moved, frames.dtype)
