"""Who is meant, and what becomes of people who are renamed, merged and removed."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
import runs

from pipeline.errors import GalleryError
from pipeline.gallery.people import delete, expire, expiry, find_person, merge, namesake, people_of, rename
from pipeline.gallery.store import Gallery
from pipeline.gallery.template import Stored, new_id, now
from pipeline.gallery.verify import found_in, marks_of, verify
from pipeline.segmentation.storage import write_sequence
from pipeline.types import SilhouetteSequence


@pytest.fixture
def gallery(tmp_path) -> Gallery:
    return Gallery.create(tmp_path / "db")


@pytest.fixture
def enrol(gallery):
    def add(*templates):
        for template in templates:  # one commit each, as one enrolment each would make
            with gallery.writing() as writer:
                writer.add([template])

    return add


def test_somebody_is_found_by_name_by_identity_and_by_what_looks_like_the_name(made):
    people = people_of([made("Ada Lovelace", identity="aaaaaaaa11111111"), made("Bo", identity="aaaaaaaa22222222")])
    for wanted in ("Ada Lovelace", "ada lovelace", "aaaaaaaa1", "aaaaaaaa11111111"):
        assert find_person(people, wanted).name == "Ada Lovelace"
    with pytest.raises(GalleryError, match="aaaaaaaa"):
        find_person(people, "aaaaaaaa")
    with pytest.raises(GalleryError, match="nobody called 'Cy'"):
        find_person(people, "Cy")


def test_renaming_keeps_the_identity_and_drops_the_old_name_from_the_files(gallery, enrol, made):
    ada = made("Ada Byron")
    enrol(ada, dataclasses.replace(made("Ada Byron"), identity=ada.identity), made("Bo Ek"))
    assert found_in(gallery.files(), {"name": b"Ada Byron"})
    assert rename(gallery, "Ada Byron", "Ada Lovelace").identity == ada.identity
    assert sorted(template.name for template in gallery.templates()) == ["Ada Lovelace", "Ada Lovelace", "Bo Ek"]
    assert not found_in(gallery.files(), {"name": b"Ada Byron"})
    assert verify(gallery, absent="Ada Byron").problems == []


def test_a_name_that_looks_like_somebody_elses_is_refused(gallery, enrol, made):
    enrol(made("Ada"), made("Bo"))
    with pytest.raises(GalleryError, match=r"'АDA' looks like 'Ada'.*gait gallery merge"):
        rename(gallery, "Bo", "АDA")  # with a Cyrillic А
    assert rename(gallery, "Ada", "ADA").name == "ADA"  # one's own name may change its looks
    assert namesake(people_of(gallery.templates()), "b o.").name == "Bo"


def test_merged_people_are_one_with_all_their_templates(gallery, enrol, made):
    ada, other = made("Ada"), made("gallery-003")
    enrol(ada, other, made("Bo"))
    merge(gallery, "Ada", ["gallery-003"])
    first, second = people_of(gallery.templates())
    assert (first.name, first.identity, len(first.templates)) == ("Ada", ada.identity, 2)
    assert second.name == "Bo"
    assert not found_in(gallery.files(), {"old identity": other.identity.encode()})
    with pytest.raises(GalleryError, match="themselves"):
        merge(gallery, "Ada", ["Ada"])


@pytest.mark.parametrize("people", [3, 90], ids=["few", "many, compacted"])
def test_who_is_deleted_is_in_no_byte_of_any_file(gallery, enrol, made, people):
    crowd = [made(f"Citizen number {number}", consent=f"form {number:06d}") for number in range(people)]
    enrol(*crowd)
    victim, rest = crowd[1], crowd[:1] + crowd[2:]
    marks = marks_of([victim], rest)
    assert {name.split()[0] for name in marks} == {"identity", "template", "embedding", "silhouettes", "text"}
    assert set(found_in(gallery.files(), marks)) == set(marks)  # the search finds what is there

    person, erasure = delete(gallery, victim.name)

    assert person.identity == victim.identity
    assert (erasure.before, erasure.after) == (erasure.marks, 0) and erasure.marks == len(marks)
    assert found_in(gallery.files(), marks) == {}
    left = gallery.templates(stored=True)
    assert {template.digest for template in left} == {template.digest for template in rest}
    assert {template.stored for template in left} == {template.stored for template in rest}
    assert verify(gallery, absent=victim.identity).problems == []


def test_lancedbs_own_delete_would_leave_the_person_in_the_files(gallery, enrol, made):
    """Why people are removed by a rewrite: when this fails, LanceDB has learnt it."""
    from pipeline.gallery.store import _opened

    crowd = [made(f"Citizen number {number}") for number in range(40)]
    with gallery.writing() as writer:
        writer.add(crowd)
        _opened(gallery.path).delete(f"identity = '{crowd[3].identity}'")
        writer.tidy()
    assert len(gallery.templates()) == 39
    assert set(found_in(gallery.files(), marks_of([crowd[3]], []))) == set(marks_of([crowd[3]], []))


def test_only_what_is_past_its_time_expires(gallery, enrol, made):
    at = now()
    over = made("Over", expires=at - timedelta(seconds=1))
    enrol(over, made("Later", expires=at + timedelta(days=1)), made("Never"))
    assert any("past their expiry" in remark for remark in verify(gallery).remarks)
    removed, erasure = expire(gallery, at)
    assert [template.name for template in removed] == ["Over"] and erasure.after == 0 < erasure.before
    assert sorted(template.name for template in gallery.templates()) == ["Later", "Never"]
    assert expire(gallery, at) == ([], None)


def test_expiry_is_a_date_or_a_number_of_days():
    at = datetime(2026, 11, 24, 12, tzinfo=UTC)
    assert expiry("30", at) == datetime(2026, 12, 24, 12, tzinfo=UTC)
    assert expiry("2027-01-31", at) == datetime(2027, 1, 31, tzinfo=UTC)
    for wrong in ("soon", "2020-01-01", "99999999999"):
        with pytest.raises(GalleryError, match="--expires"):
            expiry(wrong, at)


def test_verify_finds_changed_silhouettes_stray_files_and_mixed_encoders(gallery, enrol, made):
    enrol(made("Ada"), made("Ada"))
    assert verify(gallery).problems == [] and "look alike" in verify(gallery).remarks[0]
    with pytest.raises(GalleryError, match="another encoder"):
        enrol(dataclasses.replace(made("Bo"), model="other"))
    first = gallery.templates()[0]
    with gallery.writing() as writer:
        writer.rewrite({first.template: dataclasses.replace(first, model="other")})
    (gallery.path / "templates.lance/data/left.lance").write_bytes(b"a killed enrolment left this")
    problems = "; ".join(verify(gallery, absent="killed").problems)
    assert "2 encoders" in problems and "1 files of no version" in problems and "'killed' is in" in problems
    with gallery.writing() as writer:
        writer.tidy()
    assert "no version" not in "; ".join(verify(gallery).problems)
    stored = gallery.templates(stored=True)[0].stored.sequence
    for data in gallery.data_files():
        whole = data.read_bytes()
        place = whole.find(stored[500:540])
        if place >= 0:
            data.write_bytes(whole[:place] + b"\0\1" + whole[place + 2 :])
    assert "silhouettes have changed" in "; ".join(verify(gallery).problems)


def test_in_thousands_of_rows_text_can_still_be_searched(gallery, made):
    """LanceDB compresses long columns of text unless told not to; then a search would find nothing, there or not."""
    one = made("Citizen 0", shape=(4, 4))
    crowd = [
        dataclasses.replace(one, template=new_id(), identity=new_id(), name=f"Citizen number {number:05d}")
        for number in range(4000)
    ]
    with gallery.writing() as writer:
        writer.add(crowd)
    victim = crowd[1234]
    _, erasure = delete(gallery, victim.identity)
    assert (erasure.before, erasure.after) == (3, 0)  # identity, template and name; the walk is everybody's
    assert verify(gallery, absent=victim.name).absent
    assert "is in the row of" in verify(gallery, absent=crowd[7].name).problems[0]


def test_embeddings_that_are_mostly_zeros_are_told_apart(gallery, enrol, made):
    """As those of Gait Energy Images are: the background is 0 in everybody's."""

    def mostly_zero(name):
        template = made(name)
        parts = template.parts.copy()
        parts[4:-4] = 0
        return dataclasses.replace(template, parts=parts)

    enrol(mostly_zero("Person one"), mostly_zero("Person two"))
    _, erasure = delete(gallery, "Person one")
    assert (erasure.before, erasure.after) == (erasure.marks, 0)


def test_who_has_nothing_of_their_own_leaves_no_false_mark(gallery, enrol, made):
    one, twin = made("Person one", seed=1), made("Person two", seed=1)
    marks = marks_of([one], [dataclasses.replace(twin, stored=None)])
    assert not any(name.startswith("embedding") for name in marks)


def test_short_walks_of_others_are_not_taken_for_what_is_left_of_somebody(made, tmp_path):
    """What all files of silhouettes have in common, such as the names of their measures, gives nobody away."""
    names = ("frames_tracked", "frames_usable", "usable_share", "median_height_px", "mean_confidence", "heading")
    walks = []
    for width in range(3, 15):
        masks = np.where(np.random.default_rng(width).random((4, 64, 44)) < 0.04, 255, runs.walker(width, 4))
        sequence = SilhouetteSequence(
            "street", 1, masks.astype(np.uint8), np.arange(4), dict.fromkeys(names, width / 7)
        )
        write_sequence(tmp_path / "walk.npz", sequence)
        content = (tmp_path / "walk.npz").read_bytes()
        walks.append(dataclasses.replace(made(f"person {width}"), stored=Stored(content)))
    for place, one in enumerate(walks):
        (mark,) = [mark for name, mark in marks_of([one], []).items() if name.startswith("silhouettes of ")]
        assert mark in one.stored.sequence
        assert not any(mark in other.stored.sequence for other in walks[:place] + walks[place + 1 :])
