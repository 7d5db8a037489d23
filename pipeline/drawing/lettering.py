"""Writing into pictures, in any script that a font of this computer has.

Heights are those of capital letters, in pixels. Each text is rasterised once and kept, since what is written stays the
same for many frames.
"""

from __future__ import annotations

import math
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont

from pipeline.drawing.colours import BLACK, Colour
from pipeline.drawing.fonts import Face, can_shape, system_fonts, unseen
from pipeline.types import Image

MOST = 40  # letters of a name; the middle of a longer one is left out
ELLIPSIS = "…"
BOLD = 0.025  # of the height, added all around: ordinary letters are thin on a video
FINE = 4  # drawn so many times as large and shrunk, since small letters that keep to whole pixels stand unevenly
CAPITALS = 0.714  # of an em, where a font has no capitals
REACH = 0.75  # of the height that ink may reach above capitals, and below the baseline: accents and vowels, not towers
SHORT = 8  # digits of an identity that tell it apart for people
_PLAIN = {0x2013: "-", 0x2014: "-", 0xD7: "x"}


Align = Literal["left", "centre", "right"]


@dataclass(frozen=True, slots=True, eq=False)
class Lettering:
    """A text as ink: h×w uint8, 0 to 255. baseline: the row below the letters' feet."""

    ink: NDArray[np.uint8]
    baseline: int


def one_line(text: str, most: int = MOST) -> str:
    """The text as one line of at most `most` letters (with their marks), the middle of a longer one left out.

    Blanks of any kind and length become a space. What has no look of its own (control characters, what turns a line
    around, halves of characters) is dropped, but for the joiners that change the letters beside them.
    """
    if text.isascii() and text.isprintable() and len(text) <= most and "  " not in text:
        return text.strip()  # there may be a million names
    if not text.isprintable():
        kept = (" " if letter.isspace() else letter for letter in text if letter.isspace() or _is_text(letter))
        text = "".join(kept)
    text = " ".join(unicodedata.normalize("NFC", text).split())
    return text if len(text) <= most else _shortened(_clusters(text), most)


def legible(text: str) -> bool:
    """Whether fonts of this computer have all of it."""
    return system_fonts().have(text)


def drawable_name(text: str) -> str | None:
    """The text as it can be written: on one line; without accents where no font has them; None where that fails too."""
    text = one_line(text)
    if text.isascii() or legible(text):
        return text or None
    parts = unicodedata.normalize("NFKD", text.translate(_PLAIN))
    bare = "".join(letter for letter in parts if not unicodedata.combining(letter))
    return bare if bare and bare.isascii() else None


def distinct_titles(names: Mapping[str, str], among: Iterable[str] | None = None) -> dict[str, str]:
    """By identity, what is written into videos: the name where fonts have it and no other is written alike, else "id "
    and the identity's first digits, or the track's number where that is the identity's end.

    among: the names of everybody, where `names` are of some.
    """
    titles = {who: drawable_name(name) for who, name in names.items()}
    shown = set(titles.values())
    count = Counter(text for text in map(drawable_name, names.values() if among is None else among) if text in shown)
    return {
        who: f"id {who.rpartition('-')[2][:SHORT]}" if text is None or count[text] > 1 else text
        for who, text in titles.items()
    }


@lru_cache(maxsize=2048)
def draw_text(text: str, height: float) -> Lettering:
    """One line of text, capitals `height` px tall. What no font has becomes a question mark."""
    runs = _runs(text)
    fonts = [_sized(face, FINE * height) for _, face in runs]
    lengths = [font.getlength(run) for (run, _), font in zip(runs, fonts, strict=True)]
    above, below = math.ceil(height * (1 + REACH)), math.ceil(height * REACH)
    side = math.ceil(height / 4)  # letters may lean out of their own width
    width = math.ceil(sum(lengths) / FINE) + 2 * side
    picture = Pillow.new("L", (FINE * width, FINE * (above + below)))
    draw, left = ImageDraw.Draw(picture), float(FINE * side)
    for (run, _), font, length in zip(runs, fonts, lengths, strict=True):
        draw.text((left, FINE * above), run, 255, font, "ls", stroke_width=FINE * BOLD * height)
        left += length
    ink = np.asarray(cv2.resize(np.asarray(picture), (width, above + below), interpolation=cv2.INTER_AREA), np.uint8)
    columns = np.flatnonzero(ink.any(axis=0))
    return Lettering(ink[:, columns[0] : columns[-1] + 1] if len(columns) else ink[:, :1], above)


@lru_cache(maxsize=2048)
def fit_text(text: str, height: float, widest: int) -> str:
    """The text, with as much of its middle left out as makes it at most `widest` px wide; one letter at least stays."""
    clusters = _clusters(text)
    low, high = 1, len(clusters)
    if not clusters or draw_text(text, height).ink.shape[1] <= widest:
        return text
    while low < high:
        middle = (low + high + 1) // 2
        fits = draw_text(_shortened(clusters, middle), height).ink.shape[1] <= widest
        low, high = (middle, high) if fits else (low, middle - 1)
    return _shortened(clusters, low)


def write(
    image: Image,
    text: str,
    at: tuple[int, int],
    height: float,
    colour: Colour = BLACK,
    align: Align = "left",
) -> None:
    """Write a line into an H×W×3 picture, as much as fits. at: the baseline's left end, middle or right end."""
    text = one_line(text, most=200)
    if not text:
        return
    line = draw_text(text, height)
    rows, columns = line.ink.shape
    left = at[0] - {"left": 0, "centre": columns // 2, "right": columns}[align]
    top = at[1] - line.baseline
    place = image[max(top, 0) : max(top + rows, 0), max(left, 0) : max(left + columns, 0)]
    ink = line.ink[max(-top, 0) :, max(-left, 0) :][: place.shape[0], : place.shape[1]]
    place[:] = ink_onto(place, ink, colour)


def width_of(text: str, height: float) -> int:
    """How wide `write` writes it, in pixels."""
    return int(draw_text(one_line(text, most=200), height).ink.shape[1])


def ink_onto(ground: Image, ink: NDArray[np.uint8], colour: Colour) -> Image:
    """A picture h×w×3 with ink h×w of a colour on it."""
    share = ink.astype(np.float32)[..., None] / 255
    return np.asarray((ground + (np.array(colour, np.float32) - ground) * share).round(), np.uint8)


def _runs(text: str) -> tuple[tuple[str, Face], ...]:
    """The text in pieces with their fonts, in the order from left to right."""
    if not can_shape():
        text = "".join(letter for letter in text if not unseen(letter))
    fonts = system_fonts()
    runs = fonts.runs(text if fonts.have(text) else "".join(letter if fonts.have(letter) else "?" for letter in text))
    directions = (unicodedata.bidirectional(letter) for letter in text)
    first = next((direction for direction in directions if direction in ("L", "R", "AL")), "L")
    return runs if first == "L" else runs[::-1]


@lru_cache(maxsize=64)  # each holds a file open
def _sized(face: Face, height: float) -> ImageFont.FreeTypeFont:
    """The font at the size at which its capitals are `height` px tall."""
    capitals = -face.sized(1000).getbbox("H", anchor="ls")[1] / 1000 if face.has("H") else CAPITALS
    return face.sized(height / (capitals or CAPITALS))


def _is_text(letter: str) -> bool:
    return unicodedata.category(letter) not in ("Cc", "Cf", "Cs") or unseen(letter)


def _clusters(text: str) -> list[str]:
    """Letters with their marks, and what is joined to them."""
    found: list[str] = []
    for letter in text:
        joined = found and (
            unicodedata.category(letter).startswith("M") or letter in "\u200c\u200d" or found[-1][-1] == "\u200d"
        )
        found[len(found) - bool(joined) :] = [found[-1] + letter] if joined else [letter]
    return found


def _shortened(clusters: list[str], most: int) -> str:
    """At most so many letters, with an ellipsis; the end stays, since it is what tells the tracks of a video apart."""
    if len(clusters) <= most:
        return "".join(clusters)
    tail = (most - 1) // 3
    return "".join([*clusters[: max(1, most - 1 - tail)], ELLIPSIS, *(clusters[-tail:] if tail else [])])
