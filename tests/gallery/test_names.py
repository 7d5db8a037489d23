"""Names: what is refused, what looks alike, what is drawn."""

from __future__ import annotations

import pytest

from pipeline.drawing.lettering import distinct_titles
from pipeline.errors import GalleryError
from pipeline.gallery.names import checked_name, confusable_key, unique_names


@pytest.mark.parametrize("name", ["Ada", "Zoë Müller", "Ада", "李小龙", "O'Neil, Jr.", "7", "نور"])
def test_names_of_all_alphabets_are_fine(name):
    assert checked_name(f"  {name} ") == name


@pytest.mark.parametrize(
    "name",
    ["", "  ", "Ada\nBo", "\x1b[31mAda", "Ada\u202eadA", "x" * 201, "...", "\u200b", "Ada\ud800"],
    ids=[
        "empty",
        "blank",
        "two lines",
        "escape",
        "turns text around",
        "too long",
        "punctuation",
        "unseen",
        "surrogate",
    ],
)
def test_what_is_no_text_is_refused(name):
    with pytest.raises(GalleryError, match="name"):
        checked_name(name)


@pytest.mark.parametrize(
    ("one", "other"),
    [("Ada", "ada"), ("Ada", "Аdа"), ("Zoe", "Zoë"), ("Bo Ek", "Bo-Ek"), ("Ollie", "0llie"), ("Ian", "lan"),
     ("Ada", "Ada\u200b"), ("Straße", "STRASSE"), ("ﬁn", "fin"), ("Arne", "Ame")],
)  # fmt: skip
def test_names_that_are_taken_for_one_another_look_the_same(one, other):
    assert confusable_key(one) == confusable_key(other)


@pytest.mark.parametrize(("one", "other"), [("Ada", "Ida"), ("gallery-001", "gallery-002"), ("李", "王")])
def test_other_names_do_not(one, other):
    assert confusable_key(one) != confusable_key(other)


def test_names_that_would_be_written_alike_are_drawn_as_identities():
    names = {"1" * 16: "Ada", "2" * 16: "Who?", "3" * 16: "Bo Ek", "4" * 16: "Bo\u200b  Ek"}
    assert list(distinct_titles(names).values()) == ["Ada", "Who?", "id 33333333", "id 44444444"]


def test_some_names_are_drawn_as_among_those_of_everybody():
    names = {f"{number:016x}": name for number, name in enumerate(["Ada", "Bo", "Bó", "Ада", "Cy", "Zoë"])}
    for who, name in names.items():
        assert distinct_titles({who: name}, names.values()) == {who: distinct_titles(names)[who]}


def test_ascii_names_look_as_they_do_beside_other_letters():
    for name in map(chr, range(128)):
        assert confusable_key(f"x{name}x") == confusable_key(f"x{name}xи").removesuffix("и")


def test_namesakes_are_told_apart_by_their_identity():
    assert unique_names({"a" * 16: "Ada", "b" * 16: "Bo", "c" * 16: "Ada"}) == {
        "a" * 16: "Ada (aaaaaaaa)", "b" * 16: "Bo", "c" * 16: "Ada (cccccccc)",
    }  # fmt: skip
