"""Lists that the app shows: who is enrolled, with what is known of their views, and past runs, by person and by day."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from pipeline.errors import GaitError, InputError
from pipeline.files import reason_of
from pipeline.report.groups import THRIFT
from pipeline.report.pictures import Picture, portrait
from pipeline.runs.reader import Run
from pipeline.web.visitors import Visitor

MOST_PEOPLE, MOST_RUNS = 200, 60  # in one list


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


def listed_people(db: Path, called: str = "") -> list[Somebody]:
    """Everybody whose name has `called` in it, at most MOST_PEOPLE. Raises GaitError for a damaged gallery."""
    from pipeline.gallery.register import Register
    from pipeline.gallery.store import Gallery
    from pipeline.gallery.template import now
    from pipeline.jobs.enrol_folder import lacking, side_of

    if not Gallery.exists(db):
        return []
    gallery = Gallery.open(db)
    register = Register.of(gallery)
    shown = list(islice((who for who in register if called.casefold() in who.name.casefold()), MOST_PEOPLE))
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


@contextlib.contextmanager
def refused_where_damaged(run: str) -> Iterator[None]:
    """What a run's files hold may be anything: raises InputError where it is not what runs hold."""
    try:
        yield
    except (TypeError, ValueError, LookupError, AttributeError, ArithmeticError) as error:
        raise InputError(f"{run}: damaged ({reason_of(error)}). Choose another run.") from None


@dataclass(frozen=True, slots=True)
class PastRun:
    """A run in a line. run: the folder's name; when: as run.json has it; people: those named."""

    run: str
    when: str
    videos: tuple[str, ...]
    people: tuple[str, ...]
    unknown: int
    picture: Picture | None

    @property
    def moment(self) -> str:
        """Day and minute."""
        return self.when[:16].replace("T", " ")


def past_runs(visitor: Visitor, db: Path, person: str = "", day: str = "") -> list[PastRun]:
    """What a visitor may see, the newest first, at most MOST_RUNS. day: how the date begins, such as 2027-01."""
    names = names_now(db)
    return list(islice(_found(visitor, names, person.casefold(), day), MOST_RUNS))


def _found(visitor: Visitor, names: Mapping[str, str], person: str, day: str) -> Iterator[PastRun]:
    for folder in visitor.run_folders():
        try:
            with refused_where_damaged(folder.name):
                brief = _brief(folder, (folder / "results.json").stat().st_mtime_ns)
        except (GaitError, OSError):
            continue
        people = tuple(dict.fromkeys(names.get(identity, name) for identity, name in brief.people))
        if brief.when.startswith(day) and (not person or any(person in name.casefold() for name in people)):
            yield PastRun(folder.name, brief.when, brief.videos, people, brief.unknown, _picture(brief.portraits))


class _Brief(NamedTuple):
    """What a list needs of a run. people: (identity, name then) of who was named, or enrolled."""

    when: str
    videos: tuple[str, ...]
    people: tuple[tuple[str, str], ...]
    unknown: int
    portraits: tuple[Path, ...]


@lru_cache(4096)
def _brief(folder: Path, changed: int) -> _Brief:
    """Of a run whose results.json was written at this time: read once, however often it is listed."""
    run = Run.open(folder)
    tracks = [track for _, track in run.roles()]
    named = [track for track in tracks if track.status == "known"] or [
        one for one in tracks if one.status == "enrolled"
    ]
    people = tuple((str(track.identity), track.name or str(track.identity)) for track in named if track.identity)
    best = sorted(tracks, key=lambda track: (track.status != "known", -track.silhouettes))[:5]
    portraits = tuple(run.folder.portrait(*track.key) for track in best)
    unknown = sum(track.status == "unknown" for found in run.probes.values() for track in found)
    return _Brief(str(run.record.get("started", "")), tuple(run.videos), people, unknown, portraits)


def _picture(portraits: Sequence[Path]) -> Picture | None:
    """Of somebody in a run, those with a name first."""
    there = (file.read_bytes() for file in portraits if file.is_file())
    return next((found for jpeg in there if (found := portrait(jpeg, "A person of this run", THRIFT))), None)
