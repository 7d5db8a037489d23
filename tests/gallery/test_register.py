"""Who is enrolled, read without embeddings: the same people as their templates tell of."""

from __future__ import annotations

import dataclasses
from datetime import timedelta

import pytest

from pipeline.errors import GalleryError
from pipeline.gallery.people import find_person, namesakes, people_of
from pipeline.gallery.register import Register
from pipeline.gallery.store import Gallery
from pipeline.gallery.template import now


@pytest.fixture
def gallery(tmp_path) -> Gallery:
    return Gallery.create(tmp_path / "db")


@pytest.fixture
def crowd(gallery, made):
    """40 people with 90 walks in three commits, which lie in the table in another order than they were enrolled."""
    at = now()
    ada, *others = [
        made(f"Person {number}", enrolled=at + timedelta(seconds=number % 7),
             expires=at + timedelta(days=20) if number % 4 else None)
        for number in range(40)
    ]  # fmt: skip
    further = [
        made(f"Person {number % 40}" if number % 3 else f"Person {number % 40}, formerly", named=number % 5 > 0,
             identity=others[number % 40 - 1].identity, enrolled=at + timedelta(seconds=11 - number % 11),
             expires=at + timedelta(days=number) if number % 2 else None)
        for number in range(1, 50) if number != 40
    ]  # fmt: skip
    for part in (further[:20], [ada, *others], further[20:]):
        with gallery.writing() as writer:
            writer.add(part)
    return gallery


def test_it_has_the_people_of_the_templates_in_their_order(crowd):
    people, register = people_of(crowd.templates()), Register.of(crowd)
    assert len(register) == len(people) == 40
    for number, (who, person) in enumerate(zip(register, people, strict=True)):
        newest = person.templates[-1]
        assert who == (number, person.identity, person.name, newest.named, newest.template, len(person.templates))
        assert register.enrolled(who) == newest.enrolled
        dates = [template.expires for template in person.templates]
        assert register.expires(who) == (None if None in dates else max(dates))
    assert any(register.expires(who) for who in register) and not all(register.expires(who) for who in register)
    assert register.encoders == [("gei-16", "")]


def test_people_are_found_in_it_as_among_their_templates(crowd):
    people, register = people_of(crowd.templates()), Register.of(crowd)
    names = [people[7].name.upper(), "Nobody", people[3].name]
    found, expected = namesakes(register, names), namesakes(people, names)
    assert {look: who.identity for look, who in found.items()} == {look: one.identity for look, one in expected.items()}
    assert len(found) == 2
    assert find_person(register, people[9].identity[:8]).identity == people[9].identity
    with pytest.raises(GalleryError, match="nobody called 'Nobody' is enrolled"):
        find_person(register, "Nobody")
    some = register.of_identities([people[5].identity, "f" * 16])
    assert {identity: who.number for identity, who in some.items()} == {people[5].identity: 5}


def test_nobody_is_in_that_of_an_empty_gallery(gallery):
    register = Register.of(gallery)
    assert (len(register), list(register), register.encoders) == (0, [], [])


def test_it_tells_of_every_encoder(gallery, made):
    ada = made("Ada")
    with gallery.writing() as writer:
        writer.add([ada, made("Bo")])
        writer.rewrite({ada.template: dataclasses.replace(ada, model="other", checkpoint_sha256="0" * 64)})
    assert Register.of(gallery).encoders == [("gei-16", ""), ("other", "0" * 64)]


def test_identities_that_a_disk_has_changed_are_told(gallery, made):
    ada = made("Ada")
    with gallery.writing() as writer:
        writer.add([ada])
    (data,) = gallery.data_files()
    whole = data.read_bytes()
    data.write_bytes(whole.replace(ada.identity.encode(), b"no identity here"[:16]))
    with pytest.raises(GalleryError, match="db: cannot be read"):
        Register.of(gallery)
