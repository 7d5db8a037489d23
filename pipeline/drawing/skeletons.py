"""Drawing skeletons, and what a network makes of them: joints in colour, codes as heat maps, walkers in rows.

Drawn with OpenCV at twice the size, which is plenty for a screen and for print.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.drawing.colours import WHITE, Colour
from pipeline.drawing.lettering import fit_text, width_of, write
from pipeline.skeletons import BY_JOINTS, Skeleton
from pipeline.types import FloatArray, Image

BONE: Colour = (150, 150, 150)
AXIS: Colour = (110, 110, 110)
FAINT = 0.05  # joints with a lower score are not drawn


@dataclass(frozen=True, slots=True)
class Film:
    """What a film of joint activations is drawn from.

    points: T×J×3, x, y and score. activations: T×J, 0 and up; 1 is the strongest. titles: what stands above each frame.
    """

    points: FloatArray
    activations: FloatArray
    titles: Sequence[str]

    def __post_init__(self) -> None:
        if self.points.shape[:2] != self.activations.shape or len(self.titles) != len(self.points):
            raise ValueError(
                f"points {self.points.shape}, activations {self.activations.shape} and titles ({len(self.titles)}) "
                "must have the same frames and joints"
            )


def film_of_activations(film: Film, size: int = 640) -> Iterator[Image]:
    """A square picture a frame: the walker on the spot, joints larger and brighter the more they count."""
    skeleton = BY_JOINTS[film.points.shape[1]]
    where = on_the_spot(film.points, skeleton, size)
    bar = _colour_bar(size)
    for points, scores, strengths, title in zip(where, film.points[..., 2], film.activations, film.titles, strict=True):
        image = np.full((size, size, 3), WHITE, np.uint8)
        draw_bones(image, points, scores, skeleton, BONE, max(2, size // 160))
        for joint in np.argsort(strengths):  # the strongest on top
            if scores[joint] >= FAINT:
                share = float(np.clip(strengths[joint], 0, 1))
                radius = round(size * (0.008 + 0.022 * share))
                centre = _point(points[joint])
                cv2.circle(image, centre, radius, _heat(share), -1, cv2.LINE_AA)
                cv2.circle(image, centre, radius, BONE, 1, cv2.LINE_AA)
        image[:, size - bar.shape[1] :] = bar
        write(image, title, (size // 32, size // 16), size // 48)
        yield image


def on_the_spot(points: FloatArray, skeleton: Skeleton, size: int, share: float = 0.72) -> FloatArray:
    """Points T×J×2 for a picture of `size` pixels: hips in the middle of every frame, all at one scale."""
    hips = points[:, list(skeleton.hips), :2].mean(axis=1, keepdims=True)
    away = points[..., :2] - hips
    height = float(np.percentile(np.ptp(away[..., 1], axis=1), 95)) or 1.0
    middle = np.array([size / 2, size * 0.52])
    lift = (away[..., 1].min() + away[..., 1].max()) / 2  # the hips are not in the middle of a body
    return np.asarray((away - [0, lift]) * (size * share / height) + middle, np.float32)


def draw_bones(
    image: Image, points: FloatArray, scores: FloatArray | None, skeleton: Skeleton, colour: Colour, width: int
) -> None:
    """Draw the bones of one frame (points J×2) whose both ends were found."""
    for one, other in skeleton.bones:
        if scores is None or min(scores[one], scores[other]) >= FAINT:
            cv2.line(image, _point(points[one]), _point(points[other]), colour, width, cv2.LINE_AA)


def heat_maps(names: Sequence[str], codes: Sequence[Sequence[FloatArray]], walkers: Sequence[str]) -> Image:
    """Codes as pictures: a row for each of the `walkers`, a column for each of the `names` (motion, body, view).

    codes: by walker, then by name, channels × frames. A column's colours mean the same in every row, so that one sees
    what walkers have in common.
    """
    cell_width, cell_height, top, gap = 420, 300, 70, 36
    left = 30 + max(width_of(walker, 13) for walker in walkers)
    image = np.full(
        (top + len(walkers) * (cell_height + gap) + 14, left + len(names) * (cell_width + gap), 3), WHITE, np.uint8
    )
    for column, name in enumerate(names):
        x = left + column * (cell_width + gap)
        write(image, name, (x, 44), 17)
        lowest = min(float(of[column].min()) for of in codes)
        highest = max(float(of[column].max()) for of in codes)
        for row, of in enumerate(codes):
            y = top + row * (cell_height + gap)
            scaled = (of[column] - lowest) / max(highest - lowest, 1e-9)
            picture = cv2.resize(scaled, (cell_width, cell_height), interpolation=cv2.INTER_NEAREST)
            image[y : y + cell_height, x : x + cell_width] = colour_joints(picture)
            cv2.rectangle(image, (x, y), (x + cell_width, y + cell_height), AXIS, 1)
            write(image, f"{of[column].shape[1]} frames", (x, y + cell_height + 22), 11, AXIS)
        write(image, f"{lowest:.1f} to {highest:.1f}", (x + 200, 44), 11, AXIS)
    for row, walker in enumerate(walkers):
        write(image, walker, (12, top + row * (cell_height + gap) + cell_height // 2), 13)
    return image


def walkers_in_rows(rows: Sequence[tuple[str, FloatArray, Colour]], skeleton: Skeleton, frames: int = 9) -> Image:
    """Some frames of several walkers, a row each: name, points T×J×2 and colour. All rows have one scale."""
    cell, left, top = 190, 210, 20
    image = np.full((top + cell * len(rows) + 10, left + cell * frames, 3), WHITE, np.uint8)
    height = max(float(np.percentile(np.ptp(points[..., 1], axis=1), 90)) for _, points, _ in rows) or 1.0
    for row, (name, points, colour) in enumerate(rows):
        middle = top + cell * row + cell // 2
        for line, words in enumerate(name.split("\n")):
            write(image, fit_text(words, 12, left - 24), (12, middle - 8 + 24 * line), 12, colour)
        for place, frame in enumerate(np.linspace(0, len(points) - 1, frames).round().astype(int)):
            body = points[frame]
            centre = np.array([(body[:, 0].min() + body[:, 0].max()) / 2, (body[:, 1].min() + body[:, 1].max()) / 2])
            there = (body - centre) * (0.86 * cell / height) + [left + cell * (place + 0.5), middle]
            draw_bones(image, np.asarray(there, np.float32), None, skeleton, colour, 3)
    return image


def colour_joints(values: NDArray[np.floating]) -> Image:
    """Values from 0 to 1 as colours from dark blue to yellow."""
    levels = (np.clip(values, 0, 1) * 255).round().astype(np.uint8)
    return np.asarray(cv2.applyColorMap(levels, cv2.COLORMAP_VIRIDIS), np.uint8)


def _heat(share: float) -> Colour:
    blue, green, red = colour_joints(np.array([[share]], np.float32))[0, 0].tolist()
    return blue, green, red


def _colour_bar(size: int) -> Image:
    """What the colours mean, for the right edge."""
    width, height = size // 8, size // 2
    bar = np.full((size, width, 3), WHITE, np.uint8)
    top, left = size // 4, width // 4
    bar[top : top + height, left : left + width // 4] = colour_joints(
        np.linspace(1, 0, height, dtype=np.float32)[:, None]
    )
    write(bar, "1", (left + width // 3, top + 10), size // 60)
    write(bar, "0", (left + width // 3, top + height), size // 60)
    return bar


def _point(point: FloatArray) -> tuple[int, int]:
    return round(float(point[0])), round(float(point[1]))
