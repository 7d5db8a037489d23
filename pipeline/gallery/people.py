"""The enrolled as people: who is meant, and renaming, merging, removing them. Each change is one commit."""

from __future__ import annotations

import dataclasses
import itertools
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol, TypeVar

from pipeline.drawing.lettering import SHORT
from pipeline.errors import ConfigError, GalleryError
from pipeline.gallery.names import checked_name, confusable_key
from pipeline.gallery.register import Register, Who
from pipeline.gallery.store import Gallery
from pipeline.gallery.template import Template, new_id, now
from pipeline.gallery.verify import Erasure, found_in, marks_of
from pipeline.profiles import nearest

LONGEST_NOTE = 2000  # characters, on consent


@dataclass(frozen=True, slots=True)
class Person:
    """Everything that is enrolled of somebody, in the order of enrolment."""

    identity: str
    name: str
    templates: tuple[Template, ...]


class Named(Protocol):
    """Somebody with a name: a `Person`, or `Who` of the register."""

    @property
    def identity(self) -> str: ...

    @property
    def name(self) -> str: ...


_P = TypeVar("_P", bound=Named)


def people_of(templates: Sequence[Template]) -> list[Person]:
    """The people behind templates, first enrolled first."""
    whose: dict[str, list[Template]] = {}
    for template in templates:
        whose.setdefault(template.identity, []).append(template)
    return [Person(identity, found[-1].name, tuple(found)) for identity, found in whose.items()]


def find_person(people: Iterable[_P], wanted: str) -> _P:
    """The person of that name, or of an identity that begins so (8 digits or more).

    people: gone through several times. Raises GalleryError where nobody or several are meant.
    """
    found = [person for person in people if wanted in (person.name, person.identity)]
    found = found or [
        person for person in people if len(wanted) >= SHORT and person.identity.startswith(wanted.lower())
    ]
    found = found or [person for person in people if person.name.casefold() == wanted.casefold()]
    if not found:
        names = [person.name for person in itertools.islice(people, 20)]
        raise GalleryError(f"nobody called {wanted!r} is enrolled{nearest(wanted, names)}")
    if len(found) > 1:
        which = ", ".join(f"{person.identity[:SHORT]} ({person.name})" for person in found)
        raise GalleryError(f"{wanted!r} may be {which}. Give one of these identities.")
    return found[0]


def namesakes(people: Iterable[_P], names: Iterable[str]) -> dict[str, _P]:
    """Who first has each of these names, or one that is taken for it; by how the name looks."""
    found: dict[str, _P] = {}
    wanted = {confusable_key(name) for name in names}
    for person in people:
        if (look := confusable_key(person.name)) in wanted:
            found.setdefault(look, person)
    return found


def namesake(people: Iterable[_P], name: str) -> _P | None:
    """Who already has this name, or one that is taken for it."""
    return namesakes(people, [name]).get(confusable_key(name))


def newest_of(gallery: Gallery, people: Iterable[Who]) -> dict[str, Template]:
    """The newest template of each, read whole, by the person's identity. For those who keep writers away."""
    found = gallery.templates(only={who.newest for who in people})
    return {template.identity: template for template in found}


def rename(gallery: Gallery, wanted: str, name: str) -> Person:
    """Give somebody another name; the old one is in no file afterwards. Raises GalleryError where it is taken."""
    name = checked_name(name)
    with gallery.writing() as writer:
        register = Register.of(gallery)
        person = _whole(gallery, [find_person(register, wanted)])[0]
        taken = namesake((other for other in register if other.identity != person.identity), name)
        if taken:
            raise GalleryError(
                f"{name!r} looks like {taken.name!r}, who is enrolled ({taken.identity[:SHORT]}). Choose another name, "
                f"or make them one person: gait gallery merge {taken.identity[:SHORT]} {person.identity[:SHORT]}"
            )
        after = [dataclasses.replace(template, name=name, named=True) for template in person.templates]
        writer.rewrite({template.template: template for template in after})
    return Person(person.identity, name, tuple(after))


def merge(gallery: Gallery, into: str, others: Sequence[str]) -> Person:
    """Make several people one: all templates become those of the first, who keeps identity and name."""
    with gallery.writing() as writer:
        register = Register.of(gallery)
        first = find_person(register, into)
        joined = {other.identity: other for other in (find_person(register, wanted) for wanted in others)}
        if first.identity in joined or not joined:
            raise GalleryError(f"{first.name} cannot be merged with themselves. Name somebody else.")
        person, *moving = _whole(gallery, [first, *joined.values()])
        named = person.templates[-1].named
        moved = [
            dataclasses.replace(template, identity=person.identity, name=person.name, named=named)
            for other in moving
            for template in other.templates
        ]
        writer.rewrite({template.template: template for template in moved})
    return Person(person.identity, person.name, (*person.templates, *moved))


def split(gallery: Gallery, wanted: str, name: str, templates: Sequence[str]) -> tuple[Person, Person]:
    """Make some of somebody's templates another person; returns both.

    Raises GalleryError where the name is taken, a template is not theirs, or all of them are named.
    """
    name = checked_name(name)
    with gallery.writing() as writer:
        register = Register.of(gallery)
        if taken := namesake(register, name):
            raise GalleryError(f"{name!r} looks like {taken.name!r}, who is enrolled. Choose another name.")
        person = _whole(gallery, [find_person(register, wanted)])[0]
        theirs = [template.template for template in person.templates]
        if odd := [one for one in templates if one not in theirs]:
            raise GalleryError(f"{odd[0]!r} is no template of {person.name}. Those are: {', '.join(theirs)}.")
        if set(templates) == set(theirs):
            raise GalleryError(
                f"all templates of {person.name} are named. Leave some, or rename: gait gallery rename -h"
            )
        identity = new_id()
        moved = [
            dataclasses.replace(template, identity=identity, name=name, named=True)
            for template in person.templates
            if template.template in templates
        ]
        writer.rewrite({template.template: template for template in moved})
    left = tuple(template for template in person.templates if template.template not in templates)
    return Person(person.identity, person.name, left), Person(identity, name, tuple(moved))


def delete(gallery: Gallery, wanted: str) -> tuple[Person, Erasure]:
    """Remove somebody and every trace of them, old versions and stored silhouettes included, and prove it."""
    with gallery.writing() as writer:
        templates = gallery.templates()
        person = find_person(people_of(templates), wanted)
        return person, _erase(gallery, templates, lambda template: template.identity == person.identity, writer.rewrite)


def expire(gallery: Gallery, at: datetime | None = None) -> tuple[list[Template], Erasure | None]:
    """Remove every template whose time is over, as thoroughly as `delete`; returns what was removed."""
    at = at or now()
    with gallery.writing() as writer:
        templates = gallery.templates()
        over = [template for template in templates if template.expired(at)]
        if not over:
            return [], None
        return over, _erase(gallery, templates, lambda template: template.expired(at), writer.rewrite)


def expiry(text: str, at: datetime) -> datetime:
    """When "2027-01-31" (the beginning of that day, UTC) or "90" (days from `at`) is. Raises GalleryError."""
    try:
        if text.strip().isdecimal():
            return at + timedelta(days=int(text))
        date = datetime.fromisoformat(text.strip())
    except (ValueError, OverflowError):
        raise GalleryError(f"--expires {text}: expected a date such as 2027-01-31, or a number of days.") from None
    date = date.astimezone(UTC) if date.tzinfo else date.replace(tzinfo=UTC)
    if date <= at:
        raise GalleryError(f"--expires {text}: that is over already. Give a later date.")
    return date


def names_by_track(names: Sequence[str]) -> dict[int, str]:
    """["1=Ada", "2=Bo"] as {1: "Ada", 2: "Bo"}. Raises ConfigError for what is not so."""
    found: dict[int, str] = {}
    for text in names:
        track, equals, name = text.partition("=")
        if not equals or not re.fullmatch(r"[0-9]{1,9}", track.strip()) or not name.strip():
            raise ConfigError(f"--name {text}: expected TRACK=NAME, such as --name 1=Ada.")
        if int(track) in found:
            raise ConfigError(f"--name {text}: track {int(track)} has a name already. Give each track one.")
        found[int(track)] = name
    return found


def _whole(gallery: Gallery, people: Sequence[Who]) -> list[Person]:
    """These people with their walks, in this order. Nobody else writes meanwhile."""
    identities = [who.identity for who in people]
    found = people_of(gallery.templates(only=identities, by="identity"))
    return sorted(found, key=lambda person: identities.index(person.identity))


def _erase(
    gallery: Gallery,
    templates: Sequence[Template],
    leaves: Callable[[Template], bool],
    rewrite: Callable[[dict[str, Template | None]], None],
) -> Erasure:
    """Remove the templates that leave, and look for them in every byte before and after."""
    leaving = [template.template for template in templates if leaves(template)]
    gone = gallery.templates(stored=True, only=leaving)
    marks = marks_of(gone, [template for template in templates if not leaves(template)])
    before = found_in(gallery.files(), marks)
    rewrite({template.template: None for template in gone})
    files = gallery.files()
    after = found_in(files, marks)
    if after:
        name, places = next(iter(after.items()))
        raise GalleryError(f"{gallery.path}: {name} is still in {places[0].name}. Run: gait gallery verify")
    return Erasure(len(marks), len(before), len(after), len(files), gallery.size())
