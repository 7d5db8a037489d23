"""Who is enrolled, as the app lists them: with what is known of their views, and until when they are kept."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

MOST_LISTED = 200


@dataclass(frozen=True, slots=True)
class Somebody:
    """One of the enrolled. views: which are there and which should be filmed, in words; days are ISO dates."""

    identity: str
    name: str
    walks: int
    enrolled: str
    expires: str
    expired: bool
    views: str

    def tree(self) -> dict[str, Any]:
        """As JSON has it."""
        return asdict(self)


def listed_people(db: Path, called: str = "") -> list[Somebody]:
    """Everybody whose name has `called` in it, at most MOST_LISTED. Raises GaitError for a damaged gallery."""
    from pipeline.gallery.register import Register
    from pipeline.gallery.store import Gallery
    from pipeline.gallery.template import now
    from pipeline.jobs.enrol_folder import lacking, side_of

    if not Gallery.exists(db):
        return []
    gallery = Gallery.open(db)
    register = Register.of(gallery)
    shown = list(islice((who for who in register if called.casefold() in who.name.casefold()), MOST_LISTED))
    sides: dict[str, list[Any]] = {who.identity: [] for who in shown}
    for template in gallery.templates(only=set(sides), by="identity") if sides else []:
        sides[template.identity].append(side_of(template.quality))
    return [
        Somebody(
            who.identity, who.name, who.templates, f"{register.enrolled(who):%Y-%m-%d}",
            f"{until:%Y-%m-%d}" if until else "", until is not None and until <= now(),
            lacking(set(sides[who.identity]) - {""}, front_unsure="" in sides[who.identity]),
        )
        for who in shown
        for until in [register.expires(who)]
    ]  # fmt: skip


def names_now(db: Path) -> dict[str, str]:
    """The name that each identity has today."""
    from pipeline.gallery.register import Register
    from pipeline.gallery.store import Gallery

    return {who.identity: who.name for who in Register.of(Gallery.open(db))} if Gallery.exists(db) else {}
