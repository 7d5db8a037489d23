"""What people may be called, and which names look alike."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Mapping
from functools import cache

from pipeline.drawing.lettering import SHORT
from pipeline.errors import GalleryError

LONGEST = 200  # characters

# Letters that look like Latin ones, and digits that look like letters (after Unicode's confusables.txt, the common
# ones). The keys are small letters without accents.
_CYRILLIC = dict(zip("аеорсухіјѕһԁԛԝкмнтвг", "aeopcyxijshdqwkmhtbr", strict=True))
_GREEK = dict(zip("αονρτυικχγεηω", "aovptuikxyenw", strict=True))
_OTHERS = dict(zip("015|iıł", "olsllll", strict=True))
_LOOKS_LIKE = str.maketrans(_CYRILLIC | _GREEK | _OTHERS)
_TURNS_TEXT = {*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F, 0x061C}  # would turn a line around


def checked_name(name: str) -> str:
    """The name without the space around it. Raises GalleryError for what would garble a line, and for none at all."""
    tidy = unicodedata.normalize("NFC", name).strip()
    if not tidy:
        raise GalleryError("a person's name is empty. Give one.")
    if len(tidy) > LONGEST:
        raise GalleryError(f"a person's name has {len(tidy)} characters. Give one of at most {LONGEST}.")
    refused = [c for c in tidy if unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") or ord(c) in _TURNS_TEXT]
    if refused:
        raise GalleryError(f"the name {tidy!a} has what is no text (U+{ord(refused[0]):04X}) in it. Leave it out.")
    if not confusable_key(tidy):
        raise GalleryError(f"the name {tidy!r} has nothing that can be read. Use letters or digits.")
    return tidy


def confusable_key(name: str) -> str:
    """The same for names that people take for one another: without case, accents, punctuation and kind of letter."""
    letters = name.translate(_ascii_letters()) if name.isascii() else _letters(name)
    return letters.replace("rn", "m").replace("vv", "w")


def unique_names(names: Mapping[str, str]) -> dict[str, str]:
    """By identity, a name that nobody else has: its own, or with the identity's first digits where several share it."""
    count = Counter(names.values())
    return {who: name if count[name] == 1 else f"{name} ({who[:SHORT]})" for who, name in names.items()}


def _letters(name: str) -> str:
    """What people read of a name, letter by letter."""
    folded = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", name).casefold())
    bare = "".join(c for c in folded if not unicodedata.category(c).startswith(("M", "Z", "C", "P")))
    return bare.translate(_LOOKS_LIKE)


@cache
def _ascii_letters() -> dict[int, str]:
    """`_letters` of every ASCII character: looked up four times as fast, and there may be a million names."""
    return {code: _letters(chr(code)) for code in range(128)}
