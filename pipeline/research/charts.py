"""Charts of an evaluation: curves and tables in colour, as PNG.

Drawn with OpenCV, which is there anyway: matplotlib would be 30 MB and six more packages for two pictures.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.drawing.colours import BLACK, WHITE, Colour, identity_colour, text_colour
from pipeline.drawing.lettering import Align, width_of, write
from pipeline.types import Image

SCALE = 2  # drawn at twice the size that texts are meant for, so that they are sharp on today's screens
LETTER, SMALL = 10, 8  # heights of capitals
MARKED = 30  # points of a line that are marked, at most
LINE_GREY: Colour = (215, 215, 215)
LOW: Colour = (250, 243, 235)  # the colour of 0 in tables; 100 has HIGH
HIGH: Colour = (110, 50, 8)

Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Axis:
    """From low to high, with a tick and its text at some values; log: equal distances are equal ratios."""

    name: str
    low: float
    high: float
    ticks: Mapping[float, str]
    log: bool = False

    def share(self, value: float) -> float:
        """Where a value lies between low (0) and high (1)."""
        values = self.low, self.high, max(value, self.low)
        low, high, at = map(math.log, values) if self.log else values
        return min(1.0, (at - low) / max(high - low, 1e-12))


def curves(title: str, lines: Mapping[str, Values]) -> Image:
    """Cumulative match characteristics: percent over rank 1, 2, …, a line each, named beside the picture.

    The axis begins at the ten below the lowest value. NaNs are left out.
    """
    ranks = max((len(values) for values in lines.values()), default=1)
    finite = [values[np.isfinite(values)] for values in lines.values()]
    lowest = min((float(values.min()) for values in finite if len(values)), default=0.0)
    floor = max(0.0, min(90.0, np.floor(lowest / 10) * 10))
    steps = np.arange(floor, 101, 10 if floor < 80 else 2)
    return plot(
        title,
        {name: (np.arange(1, len(values) + 1, dtype=np.float64), values) for name, values in lines.items()},
        Axis("rank", 1, max(2, ranks), {float(rank): str(rank) for rank in {1, *range(5, ranks + 1, 5)}}),
        Axis("", floor, 100, {float(percent): f"{percent:.0f} %" for percent in steps}),
    )


def plot(
    title: str,
    lines: Mapping[str, tuple[Values, Values]],
    x: Axis,
    y: Axis,
    diagonal: bool = False,
    highest: bool = True,
) -> Image:
    """Lines through points (x, y), named beside the picture, the one that ends highest (or lowest) first.

    diagonal: also where x equals y. Points that are not finite are left out.
    """
    width, height, left, top, bottom = 760, 420, 60, 46, 52
    right = 30 + max((_width(name, SMALL) for name in lines), default=0) + 36
    canvas = _canvas(width + right - 30, height)
    plot_right, plot_bottom = width - 30, height - bottom

    def place(across: float, up: float) -> tuple[int, int]:
        return (
            round(left + x.share(across) * (plot_right - left)),
            round(plot_bottom - y.share(up) * (plot_bottom - top)),
        )

    _write(canvas, title, (left, 26), LETTER)
    for value, text in y.ticks.items():
        _, level = place(x.low, value)
        _line(canvas, [(left, level), (plot_right, level)], LINE_GREY, 1)
        _write(canvas, text, (left - 8, level + 5), SMALL, align="right")
    for value, text in x.ticks.items():
        column, _ = place(value, y.low)
        _line(canvas, [(column, plot_bottom), (column, plot_bottom + 5)], BLACK, 1)
        _write(canvas, text, (column, plot_bottom + 22), SMALL, align="centre")
    _write(canvas, x.name, ((left + plot_right) // 2, height - 10), SMALL, align="centre")
    _write(canvas, y.name, (left, top - 6), SMALL)
    if diagonal:
        _line(canvas, [place(x.low, x.low), place(x.high, x.high)], LINE_GREY, 2)
    order = sorted(lines, key=lambda name: (-1 if highest else 1) * float(np.nan_to_num(lines[name][1][-1:]).sum()))
    for row, name in enumerate(order):
        colour = identity_colour(list(lines).index(name))
        across, up = lines[name]
        seen = np.isfinite(across) & np.isfinite(up)
        points = [place(float(a), float(u)) for a, u in zip(across[seen], up[seen], strict=True)]
        _line(canvas, points, colour, 2)
        for point in points if len(points) <= MARKED else []:
            cv2.circle(canvas, _scaled(point), 3 * SCALE, colour, -1, cv2.LINE_AA)
        level = top + 12 + 22 * row
        _line(canvas, [(plot_right + 14, level), (plot_right + 36, level)], colour, 3)
        _write(canvas, name, (plot_right + 44, level + 5), SMALL)
    return canvas


def heat_map(title: str, rows: Sequence[str], columns: Sequence[str], percent: Values) -> Image:
    """A table of percents with a colour each, rows × columns; NaN is left empty."""
    cell_width, cell_height, top, bottom = 58, 32, 76, 16
    left = 24 + max(_width(name, SMALL) for name in [*rows, "probe"])
    canvas = _canvas(
        max(left + cell_width * len(columns) + 20, left + _width(title, LETTER)), top + cell_height * len(rows) + bottom
    )
    _write(canvas, title, (16, 26), LETTER)
    _write(canvas, "probe", (left - 8, top - 8), SMALL, align="right")
    for column, name in enumerate(columns):
        _write(canvas, name, (left + round(cell_width * (column + 0.5)), top - 8), SMALL, align="centre")
    for row, name in enumerate(rows):
        y = top + cell_height * row
        _write(canvas, name, (left - 8, y + cell_height // 2 + 5), SMALL, align="right")
        for column, value in enumerate(percent[row]):
            if not np.isfinite(value):
                continue
            x = left + cell_width * column
            colour = _between(LOW, HIGH, float(value) / 100)
            corner = (x + cell_width - 1, y + cell_height - 1)
            cv2.rectangle(canvas, _scaled((x + 1, y + 1)), _scaled(corner), colour, -1)
            middle = (x + cell_width // 2, y + cell_height // 2 + 5)
            _write(canvas, f"{value:.1f}", middle, SMALL, text_colour(colour), align="centre")
    return canvas


def as_png(image: Image) -> bytes:
    """The picture's bytes as a file."""
    return cv2.imencode(".png", image)[1].tobytes()


def _canvas(width: int, height: int) -> Image:
    canvas: Image = np.full((height * SCALE, width * SCALE, 3), WHITE, np.uint8)
    return canvas


def _scaled(point: tuple[int, int]) -> tuple[int, int]:
    return point[0] * SCALE, point[1] * SCALE


def _width(text: str, height: int) -> int:
    return -(-width_of(text, height * SCALE) // SCALE)


def _write(
    canvas: Image, text: str, place: tuple[int, int], height: int, colour: Colour = BLACK, align: Align = "left"
) -> None:
    """place: of the baseline's left end, middle or right end."""
    write(canvas, text, _scaled(place), height * SCALE, colour, align)


def _line(canvas: Image, points: Sequence[tuple[int, int]], colour: Colour, thickness: int) -> None:
    if len(points) > 1:
        path = np.array([_scaled(point) for point in points], np.int32)
        cv2.polylines(canvas, [path], False, colour, thickness * SCALE, cv2.LINE_AA)


def _between(low: Colour, high: Colour, share: float) -> Colour:
    blue, green, red = (round(float(np.interp(share, (0, 1), ends))) for ends in zip(low, high, strict=True))
    return blue, green, red
