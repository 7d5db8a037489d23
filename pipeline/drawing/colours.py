"""Colours of identities: apart for colour-blind viewers too, and never the only sign of who it is."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

Colour = tuple[int, int, int]  # blue, green, red; 0–255

GREY: Colour = (150, 150, 150)
BLACK: Colour = (0, 0, 0)
WHITE: Colour = (255, 255, 255)

# Okabe & Ito, "Color Universal Design" (2008), as RGB; without black (it is no box on a dark ground) and with the
# strongest contrasts first.
_OKABE_ITO = (
    (230, 159, 0),  # orange
    (86, 180, 233),  # sky blue
    (204, 121, 167),  # reddish purple
    (240, 228, 66),  # yellow
    (0, 114, 178),  # blue
    (213, 94, 0),  # vermillion
    (0, 158, 115),  # bluish green
)
_DISTINCT = 48  # after so many the colours repeat; nobody tells more apart

# How linear RGB looks to protanopes and deuteranopes: Machado, Oliveira & Fernandes, IEEE TVCG 15(6), 2009, table 1.
_PROTANOPIA = ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998))
_DEUTERANOPIA = ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881))
_TO_XYZ = ((0.4124, 0.3576, 0.1805), (0.2126, 0.7152, 0.0722), (0.0193, 0.1192, 0.9505))
_WHITE_XYZ = (0.9505, 1.0, 1.089)

_Floats = NDArray[np.floating[Any]]


def identity_colour(k: int) -> Colour:
    """The colour of the k-th identity (any k ≥ 0; they repeat after 48): Okabe–Ito, then what is farthest from all."""
    red, green, blue = _palette()[k % _DISTINCT]
    return blue, green, red


def text_colour(background: Colour) -> Colour:
    """Black or white, whichever stands out more from `background`: always at least 4.5 : 1 (WCAG AA)."""
    luminance = _luminance(background)
    # (L + 0.05) / 0.05 against black, 1.05 / (L + 0.05) against white; both are √21 = 4.58 where they meet.
    return BLACK if (luminance + 0.05) ** 2 > 1.05 * 0.05 else WHITE


def contrast(one: Colour, other: Colour) -> float:
    """Contrast ratio of two colours by WCAG 2, from 1 to 21."""
    dark, light = sorted((_luminance(one), _luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: Colour) -> float:
    blue, green, red = _linear(np.asarray(colour, np.float64))
    return float(0.2126 * red + 0.7152 * green + 0.0722 * blue)


@cache
def _palette() -> tuple[Colour, ...]:
    """Greedily add the candidate whose nearest neighbour, as the worst-off of three kinds of eyes sees it, is farthest.

    Candidates are a coarse RGB cube without what is too grey, too dark or too pale to be seen as a thin line.
    """
    levels = np.linspace(0, 255, 8).round()
    cube = np.stack(np.meshgrid(levels, levels, levels), -1).reshape(-1, 3)
    lightness, green_red, blue_yellow = _lab(cube).T
    vivid = (np.hypot(green_red, blue_yellow) > 30) & (lightness > 30) & (lightness < 92)
    chosen = [tuple(map(float, colour)) for colour in _OKABE_ITO]
    seen, pool = _as_seen(np.array([*chosen, (150.0, 150.0, 150.0)])), cube[vivid]
    looks = _as_seen(pool)
    nearest = np.linalg.norm(looks[:, :, None] - seen[:, None], axis=-1).min(axis=(0, 2))
    while len(chosen) < _DISTINCT:
        best = int(nearest.argmax())
        chosen.append(tuple(map(float, pool[best])))
        nearest = np.minimum(nearest, np.linalg.norm(looks - looks[:, best : best + 1], axis=-1).min(axis=0))
    return tuple((int(red), int(green), int(blue)) for red, green, blue in chosen)


def _as_seen(rgb: _Floats) -> _Floats:
    """3×N×3: CIELAB of N colours as seen by trichromats, protanopes and deuteranopes."""
    linear = _linear(rgb)
    eyes = (np.eye(3), np.array(_PROTANOPIA), np.array(_DEUTERANOPIA))
    return np.stack([_lab_of_linear(np.clip(linear @ eye.T, 0, 1)) for eye in eyes])


def _lab(rgb: _Floats) -> _Floats:
    return _lab_of_linear(_linear(rgb))


def _linear(rgb: _Floats) -> _Floats:
    """sRGB 0–255 to linear light 0–1 (IEC 61966-2-1)."""
    share = rgb / 255.0
    return np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)


def _lab_of_linear(linear: _Floats) -> _Floats:
    xyz = linear @ np.array(_TO_XYZ).T / np.array(_WHITE_XYZ)
    root = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    x, y, z = root[..., 0], root[..., 1], root[..., 2]
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)
