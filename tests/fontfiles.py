"""Fonts made for tests: Pillow's own, with another map of characters."""

from __future__ import annotations

import struct
from pathlib import Path

from PIL import ImageFont


def font(path: Path, characters: str, kind: int = 12) -> Path:
    """A TrueType font that has these characters, rising, the space and H. They look like H, I, J …; kind: its map's."""
    whole = ImageFont.load_default(10).path.getvalue()
    space, first = 3, 43  # glyphs of the space and of H
    codes = [ord(character) for character in f" H{characters}"]
    shapes = [space, first, *range(first, first + len(characters))]
    if kind == 12:
        groups = b"".join(struct.pack(">III", code, code, shape) for code, shape in zip(codes, shapes, strict=True))
        encoded = struct.pack(">HHIII", 12, 0, 16 + len(groups), 0, len(codes)) + groups
    else:  # the glyphs are listed, with a character before each that has none
        ends, starts = [*codes, 0xFFFF], [*(code - 1 for code in codes), 0xFFFF]
        count = len(ends)
        jumps = [2 * (count - place + 2 * place) for place in range(count - 1)] + [0]
        glyphs = [glyph for shape in shapes for glyph in (0, shape)]
        words = [2 * count, 0, 0, 0, *ends, 0, *starts, *[0] * (count - 1), 1, *jumps, *glyphs]
        encoded = struct.pack(f">HHH{len(words)}H", 4, 6 + 2 * len(words), 0, *words)
    table = struct.pack(">HHHHI", 0, 1, 3, 10 if kind == 12 else 1, 12) + encoded
    count = struct.unpack_from(">H", whole, 4)[0]
    content = bytearray(whole)
    for row in range(12, 12 + 16 * count, 16):
        if content[row : row + 4] == b"cmap":
            content[row + 8 : row + 16] = struct.pack(">II", len(whole), len(table))
    path.write_bytes(bytes(content) + table)
    return path
