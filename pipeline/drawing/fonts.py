"""The fonts of this computer, and which characters each has: read from the fonts' own character maps.

Pillow's built-in font comes first, so that ASCII looks the same everywhere and asks for no font.
"""

from __future__ import annotations

import os
import struct
import sys
import threading
import unicodedata
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import ImageFont, features

SUFFIXES = frozenset((".ttf", ".otf", ".ttc", ".otc"))
MOST_TABLE = 1 << 24  # bytes of a character map; the largest have one million
# What to try first, by a part of the file's name: alphabets, then Chinese, Japanese and Korean, then the others.
PREFERRED = (
    "dejavusans", "notosansregular", "segoeui", "helveticaneue", "arial.", "notosanscjk", "notosanssc", "sourcehansans",
    "pingfang", "hiraginosansgb", "msyh", "wqymicrohei", "wqyzenhei", "malgun", "applesdgothic", "meiryo", "yugoth",
    "arialuni", "notosans", "freesans", "sans", "", "emoji", "symbola", "unifont",
)  # fmt: skip
STYLED = ("bold", "italic", "oblique", "light", "thin", "black", "condensed", "mono", "serif", "nastaliq")
_BITMAPS = frozenset((b"CBDT", b"sbix"))  # pictures in colour, of fixed sizes


@dataclass(frozen=True, slots=True, eq=False)
class Face:
    """A font. path: None for Pillow's own; index: within a collection; starts, ends: the characters that it has."""

    path: Path | None
    index: int
    starts: Sequence[int]
    ends: Sequence[int]

    def has(self, character: str) -> bool:
        """Whether it has a glyph for this character."""
        code = ord(character)
        place = bisect_right(self.starts, code) - 1
        return place >= 0 and code <= self.ends[place]

    def sized(self, size: float) -> ImageFont.FreeTypeFont:
        """The font at so many pixels an em."""
        if self.path is None:
            built_in = ImageFont.load_default(size)
            assert isinstance(built_in, ImageFont.FreeTypeFont)  # with a size it is
            return built_in
        return ImageFont.truetype(str(self.path), size, self.index)


class Fonts:
    """The fonts below some folders; each is opened only when no earlier one has a character that is asked for."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self._unread = sorted(
            {path for folder in folders for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES}, key=_rank
        )[::-1]
        self._faces = [_built_in()]
        self._reading = threading.Lock()  # several videos are drawn at once
        self._drawn: set[str] = set()
        self.runs = lru_cache(maxsize=4096)(self._runs)

    def have(self, text: str) -> bool:
        """Whether every character is in some font, and can be set as its script wants it."""
        new = set(text) - self._drawn
        unknown = {character for character in new if self._lacks(character)}
        self._drawn |= new - unknown
        return not unknown

    def _lacks(self, character: str) -> bool:
        return not unseen(character) and (
            (_is_shaped(character) and not can_shape()) or self._first_with(character) is None
        )

    def _runs(self, text: str) -> tuple[tuple[str, Face], ...]:
        """The text in pieces, each with a font that has all of it: as few as possible. For what they `have`.

        What needs no glyph is left out where the font has none: it would be drawn as a box.
        """
        seen = {character for character in text if not unseen(character)}
        kana = any(0x3040 <= ord(character) < 0x3100 for character in seen)
        for face in self._each():
            if all(map(face.has, seen)) and not (kana and _is_chinese(face)):
                return (("".join(c for c in text if c in seen or face.has(c)), face),)
        chosen = {character: self._first_with(character) for character in seen}
        runs: list[tuple[str, Face]] = []
        for character in text:
            face = chosen.get(character) or (runs[-1][1] if runs else self._faces[0])
            if character not in seen and not face.has(character):
                continue
            if runs and (runs[-1][1] is face or (unicodedata.combining(character) and runs[-1][1].has(character))):
                runs[-1] = runs[-1][0] + character, runs[-1][1]
            else:
                runs.append((character, face))
        return tuple(runs)

    @cache  # noqa: B019 - there is one such object, or one a test
    def _first_with(self, character: str) -> Face | None:
        return next((face for face in self._each() if face.has(character)), None)

    def _each(self) -> Iterator[Face]:
        place = 0
        while True:
            with self._reading:
                while place == len(self._faces) and self._unread:
                    self._faces += _faces(self._unread.pop())
            if place == len(self._faces):
                return
            yield self._faces[place]
            place += 1


@cache
def system_fonts() -> Fonts:
    """The fonts of this computer."""
    return Fonts([folder for folder in _folders() if folder.is_dir()])


def can_shape() -> bool:
    """Whether letters can be joined, stacked and written from right to left: Pillow does it with Raqm and FriBiDi."""
    return bool(features.check("raqm"))


def unseen(character: str) -> bool:
    """Whether a character needs no glyph: invisible joiners and what selects a variant of the one before."""
    code = ord(character)
    return code in (0x200C, 0x200D) or 0xFE00 <= code < 0xFE10 or 0xE0100 <= code < 0xE01F0


def _is_shaped(character: str) -> bool:
    """Whether it is drawn wrong where each letter is set by itself, one after another."""
    return unicodedata.bidirectional(character) in ("R", "AL") or unicodedata.category(character).startswith("M")


def _folders() -> list[Path]:
    home, environment = Path.home(), os.environ
    if sys.platform == "win32":
        return [Path(environment.get("WINDIR", "C:/Windows"), "Fonts"),
                Path(environment.get("LOCALAPPDATA", home), "Microsoft/Windows/Fonts")]  # fmt: skip
    if sys.platform == "darwin":
        return [Path("/System/Library/Fonts"), Path("/Library/Fonts"), home / "Library/Fonts"]
    shared = environment.get("XDG_DATA_DIRS") or "/usr/local/share:/usr/share"
    own = environment.get("XDG_DATA_HOME") or str(home / ".local/share")
    return [*(Path(folder, "fonts") for folder in (*shared.split(":"), own) if folder), home / ".fonts"]


def _rank(path: Path) -> tuple[int, int, str]:
    name = "".join(letter for letter in path.name.lower() if letter not in "-_ ")
    last = [part for part in ("emoji", "symbola", "unifont") if part in name]
    preferred = next(part for part in last or PREFERRED if part in name)
    return PREFERRED.index(preferred), sum(word in name for word in STYLED), path.name


@cache
def _built_in() -> Face:
    """Pillow's own font, Aileron: ASCII and the ellipsis (the rest of what it has is no letter)."""
    return Face(None, 0, (0x20, 0x2026), (0x7E, 0x2026))


def _faces(path: Path) -> list[Face]:
    """The fonts in a file that draw outlines, those for Chinese first; none of a file that cannot be read."""
    try:
        with path.open("rb") as file:
            offsets: Sequence[int] = (0,)
            if file.read(4) == b"ttcf":
                count = struct.unpack(">4xI", file.read(8))[0]
                offsets = struct.unpack(f">{min(count, 64)}I", file.read(4 * min(count, 64)))
            found = [_face(file, path, index, offset) for index, offset in enumerate(offsets)]
        faces = [face for face in found if face is not None and face.sized(16)]
        return sorted(faces, key=lambda face: not _is_chinese(face)) if len(faces) > 1 else faces
    except (OSError, struct.error, ValueError, IndexError):
        return []


@cache
def _is_chinese(face: Face) -> bool:
    """Whether it is the one of a collection whose ideographs have the shapes of mainland China."""
    return face.path is not None and (face.sized(16).getname()[0] or "").endswith((" SC", " CN", " GB"))


def _face(file: BinaryIO, path: Path, index: int, offset: int) -> Face | None:
    file.seek(offset)
    count = struct.unpack(">4xH6x", file.read(12))[0]
    rows = struct.iter_unpack(">4s4xII", file.read(16 * count))
    tables: Mapping[bytes, tuple[int, int]] = {tag: (start, length) for tag, start, length in rows}
    outlines = {b"glyf", b"CFF ", b"CFF2"} & set(tables)
    if not outlines or _BITMAPS & set(tables) or b"cmap" not in tables:
        return None
    if b"COLR" in tables:
        file.seek(tables[b"COLR"][0])
        if struct.unpack(">H", file.read(2))[0]:
            return None  # version 1 paints in colour over glyphs that are empty
    start, length = tables[b"cmap"]
    file.seek(start)
    ranges = _ranges(file.read(min(length, MOST_TABLE)))
    return None if ranges is None else Face(path, index, *ranges)


def _ranges(table: bytes) -> tuple[list[int], list[int]] | None:
    """First and last characters of what a character map holds, rising (OpenType, table `cmap`, formats 4 and 12)."""
    count = struct.unpack_from(">H", table, 2)[0]
    maps = {(platform, kind): at for platform, kind, at in struct.iter_unpack(">HHI", table[4 : 4 + 8 * count])}
    for key in ((3, 10), (0, 6), (0, 4), (3, 1), (0, 3)):
        if key not in maps:
            continue
        at = maps[key]
        kind = struct.unpack_from(">H", table, at)[0]
        if kind == 12:
            groups = struct.unpack_from(">I", table, at + 12)[0]
            rows = np.frombuffer(table, ">u4", 3 * groups, at + 16).reshape(-1, 3)
            return rows[:, 0].tolist(), rows[:, 1].tolist()
        if kind == 4:
            return _segments(table, at)
    return None


def _segments(table: bytes, at: int) -> tuple[list[int], list[int]]:
    """Format 4: segments of characters, of which some may have no glyph."""
    count = struct.unpack_from(">H", table, at + 6)[0] // 2
    ends = np.frombuffer(table, ">u2", count, at + 14).astype(np.int64)
    starts, deltas, jumps = (
        np.frombuffer(table, ">u2", count, at + 16 + 2 * count * row).astype(np.int64) for row in (1, 2, 3)
    )
    words = np.frombuffer(table, ">u2", (len(table) - at) // 2, at).astype(np.int64)
    lengths = np.clip(ends - starts + 1, 0, None)
    segment = np.repeat(np.arange(count), lengths)
    codes = np.arange(len(segment)) - np.repeat(np.cumsum(lengths) - lengths, lengths) + starts[segment]
    # A jump counts bytes from where it stands itself to the glyph's number.
    there = (16 + 6 * count + 2 * segment + jumps[segment]) // 2 + codes - starts[segment]
    listed = np.where(jumps[segment] > 0, words[np.minimum(there, len(words) - 1)], codes)
    glyphs = np.where(listed > 0, (listed + deltas[segment]) & 0xFFFF, 0)
    held = np.sort(codes[(glyphs > 0) & (codes < 0xFFFF)])
    breaks = np.flatnonzero(np.diff(held) > 1)
    firsts, lasts = np.append(0, breaks + 1), np.append(breaks, len(held) - 1)
    return held[firsts].tolist(), held[lasts].tolist()
