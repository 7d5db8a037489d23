"""One picture of how two walks agree: both silhouettes, each row in the colour of its distance, and a bar for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from pipeline.drawing.colours import Colour
from pipeline.drawing.lettering import fit_text, write
from pipeline.drawing.silhouettes import GROUND, Grey, colour_rows, compared_colour
from pipeline.types import FloatArray, Image

SCALE = 10  # pixels of the picture for one of a silhouette
BARS, GAP, TOP, BOTTOM = 560, 40, 120, 110  # pixels
FULL_BAR = 2.0  # times the usual distance
INK: Colour = (238, 235, 232)
QUIET: Colour = (190, 180, 170)


@dataclass(frozen=True, slots=True)
class Explained:
    """What is drawn. one, other: names and masks H×W; ratios: a bar each; rows: a colour for each row, or None where
    parts are no strips of the body; titles: below the names; footer: a line below it all."""

    one: tuple[str, Grey]
    other: tuple[str, Grey]
    ratios: FloatArray
    rows: FloatArray | None
    footer: Sequence[str]


def explain_picture(about: Explained) -> Image:
    """H×W×3 uint8 BGR."""
    figures = [colour_rows(mask, about.rows, SCALE) for _, mask in (about.one, about.other)]
    height, width = figures[0].shape[:2]
    full = 2 * (width + GAP) + BARS
    image: Image = np.full((TOP + height + BOTTOM, full, 3), GROUND, np.uint8)
    for figure, (name, _), left in zip(figures, (about.one, about.other), (0, width + BARS + 2 * GAP), strict=True):
        figure_width = min(width, figure.shape[1])
        image[TOP : TOP + height, left : left + figure_width] = figure[:height, :figure_width]
        write(image, fit_text(name, 21, width), (left + width // 2, 70), 21, INK, "centre")
    _bars(image, about.ratios, width + GAP, height)
    for line, words in enumerate(about.footer):
        write(image, words, (full // 2, TOP + height + 50 + 36 * line), 16, QUIET, "centre")
    return image


def _bars(image: Image, ratios: FloatArray, left: int, height: int) -> None:
    """The bars beside each other's rows, the line of the usual distance, and numbers where there is room for them."""
    each = height / len(ratios)
    usual = left + round(BARS / FULL_BAR)
    for row in range(TOP, TOP + height, 24):
        cv2.line(image, (usual, row), (usual, min(row + 12, TOP + height)), QUIET, 2)
    write(image, "usual", (usual, TOP - 14), 15, QUIET, "centre")
    for part, ratio in enumerate(ratios.tolist()):
        top, bottom = round(TOP + part * each), round(TOP + (part + 0.8) * each)
        right = left + round(BARS * min(ratio, FULL_BAR) / FULL_BAR)
        cv2.rectangle(image, (left, top), (max(right, left + 2), max(bottom, top + 1)), compared_colour(ratio), -1)
        if each >= 22:
            inside = right > left + BARS - 90
            place = (right - 70 if inside else right + 10, (top + bottom) // 2 + 9)
            write(image, f"{ratio:.2f}", place, 16, GROUND if inside else INK)
