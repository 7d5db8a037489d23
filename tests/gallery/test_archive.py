"""Export and import: what goes out comes back, and what was tampered with does not."""

from __future__ import annotations

import io
import json
import os
import pickle
import time
import zipfile
from datetime import UTC, datetime

import handed_on
import numpy as np
import pytest

from pipeline.errors import GalleryError
from pipeline.gallery.archive import export, read_archive, take_in
from pipeline.gallery.folder import write_json
from pipeline.gallery.people import people_of
from pipeline.gallery.store import Gallery


@pytest.fixture
def gallery(tmp_path, made) -> Gallery:
    gallery = Gallery.create(tmp_path / "db")
    with gallery.writing() as writer:
        expires = datetime(2040, 1, 1, tzinfo=UTC)
        writer.add([made("Ада", consent="form 3", expires=expires), made("Bo"), made("unknown-1", named=False)])
    return gallery


@pytest.fixture
def archive(gallery, tmp_path):
    path = tmp_path / "people.zip"
    assert export(gallery, path) == 3
    return path


def changed(archive, tmp_path, change):
    """A copy of the archive; change(name → content) edits it."""
    with zipfile.ZipFile(archive) as source:
        members = {name: source.read(name) for name in source.namelist()}
    change(members)
    path = tmp_path / "changed.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target:
        for name, content in members.items():
            target.writestr(name, content)
    return path


def edit(members, **fields):
    tree = json.loads(members["gallery.json"])
    tree["templates"][0] |= fields
    members["gallery.json"] = json.dumps(tree).encode()
    return tree["templates"][0]["template"]


def test_what_is_exported_comes_back_the_same(gallery, archive, tmp_path):
    other = Gallery.create(tmp_path / "other")
    assert take_in(other, read_archive(archive), merge=False) == 3
    assert take_in(other, read_archive(archive), merge=False) == 0  # once is enough
    theirs, ours = gallery.templates(stored=True), other.templates(stored=True)
    assert [t.digest for t in ours] == [t.digest for t in theirs]
    assert [t.stored for t in ours] == [t.stored for t in theirs]


def test_a_gallery_and_its_export_are_their_owners_alone(tmp_path, made):
    before = os.umask(0o022)
    try:
        gallery = Gallery.create(tmp_path / "db")
        with gallery.writing() as writer:
            writer.add([made("Ada")])
        write_json(gallery.path / "calibration.json", {})
        export(gallery, tmp_path / "ada.zip")
    finally:
        os.umask(before)
    assert handed_on.open_to_others(gallery.path) == [] == handed_on.open_to_others(tmp_path / "ada.zip")


def test_a_clock_that_says_1970_does_not_stop_an_export(gallery, tmp_path, monkeypatch):
    monkeypatch.setattr("time.localtime", lambda *_: time.gmtime(0))
    assert export(gallery, tmp_path / "people.zip") == 3
    assert len(read_archive(tmp_path / "people.zip")) == 3


def test_only_who_is_wanted_is_exported(gallery, tmp_path):
    assert export(gallery, tmp_path / "bo.zip", ["Bo"]) == 1
    assert [template.name for template in read_archive(tmp_path / "bo.zip")] == ["Bo"]
    with pytest.raises(GalleryError, match="nobody is enrolled"):
        export(Gallery.create(tmp_path / "empty"), tmp_path / "none.zip")


def test_a_namesake_is_refused_or_merged_as_the_user_says(archive, tmp_path, made):
    other = Gallery.create(tmp_path / "other")
    bo = made("BO")
    with other.writing() as writer:
        writer.add([bo])
    with pytest.raises(GalleryError, match=r"'Bo' looks like 'BO'.*--merge"):
        take_in(other, read_archive(archive), merge=False)
    assert len(other.templates()) == 1  # nobody else came in either
    assert take_in(other, read_archive(archive), merge=True) == 3
    merged = next(person for person in people_of(other.templates()) if person.identity == bo.identity)
    assert (merged.name, len(merged.templates)) == ("BO", 2)


def huge(values):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as inner:
        array = io.BytesIO()
        np.lib.format.write_array_header_1_0(array, {"descr": "<f2", "fortran_order": False, "shape": (values, 1)})
        inner.writestr("parts.npy", array.getvalue() + bytes(8_000_000))
    return content.getvalue()


def pickled():
    class Evil:
        def __reduce__(self):
            return (print, ("unpickled",))

    content = io.BytesIO()
    np.savez(content, parts=np.array([Evil()], object))
    return content.getvalue()


def parts(array):
    content = io.BytesIO()
    np.savez(content, parts=array)
    return content.getvalue()


TAMPERED = {
    "no facts": lambda m: m.pop("gallery.json"),
    "facts of something else": lambda m: m.update({"gallery.json": b'{"kind": "recipe"}'}),
    "a later schema": lambda m: m.update({"gallery.json": b'{"kind": "gait gallery export", "schema": 2}'}),
    "an identifier that leads away": lambda m: edit(m, template="../../../../etc/x"),
    "an identity that is SQL": lambda m: edit(m, identity="x' OR '1'='1"),
    "a name with an escape": lambda m: edit(m, name="\x1b[2J"),
    "a name that is no text": lambda m: edit(m, name=["Ada"]),
    "a huge note": lambda m: edit(m, consent="x" * 100_000),
    "quality of text": lambda m: edit(m, quality={"usable_share": "much"}),
    "a track below zero": lambda m: edit(m, track=-1),
    "a date that is none": lambda m: edit(m, expires="soon"),
    "other silhouettes": lambda m: m.update({f"{edit(m)}.sequence.npz": b"other"}),
    "no silhouettes": lambda m: m.pop(f"{edit(m)}.sequence.npz"),
    "no embedding": lambda m: m.pop(f"{edit(m)}.npz"),
    "a pickle": lambda m: m.update({f"{edit(m)}.npz": pickled()}),
    "an array larger inside": lambda m: m.update({f"{edit(m)}.npz": huge(4_000_000)}),
    "an embedding that is not finite": lambda m: m.update(
        {f"{edit(m)}.npz": parts(np.full((4, 4), np.inf, np.float16))}
    ),
    "an embedding of float64": lambda m: m.update({f"{edit(m)}.npz": parts(np.zeros((4, 4)))}),
    "two encoders": lambda m: edit(m, model="another"),
    "one person under two names": lambda m: edit(m, identity=json.loads(m["gallery.json"])["templates"][1]["identity"]),
    "a file outside": lambda m: m.update({"../../evil.npz": b""}),
    "a file of another kind": lambda m: m.update({"readme.txt": b""}),
    "a template that no facts tell of": lambda m: m.update({"0123456789abcdef.npz": b""}),
    "the same template twice": lambda m: edit(m, template=json.loads(m["gallery.json"])["templates"][1]["template"]),
}


@pytest.mark.parametrize("tampering", TAMPERED.values(), ids=TAMPERED.keys())
def test_a_tampered_archive_is_refused_in_one_line(archive, tmp_path, tampering, capsys):
    with pytest.raises(GalleryError, match=r"changed\.zip: ") as refused:
        read_archive(changed(archive, tmp_path, tampering))
    assert len(str(refused.value).splitlines()) == 1
    assert "unpickled" not in capsys.readouterr().out


def test_an_archive_that_is_missing_or_a_folder_is_said_to_be(tmp_path):
    with pytest.raises(GalleryError, match=r"none\.zip: cannot be read \(No such file or directory\)\. Give"):
        read_archive(tmp_path / "none.zip")
    with pytest.raises(GalleryError, match=r": cannot be read \(Is a directory\)\. Give"):
        read_archive(tmp_path)


@pytest.mark.parametrize("members", [0, 50])
def test_facts_that_would_fill_the_memory_are_refused_before_they_are_parsed(tmp_path, members, monkeypatch):
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as bomb:
        head = '{"kind": "gait gallery export", "schema": 1, "templates": ['
        bomb.writestr("gallery.json", head + "[]," * 200_000 + "[]]}")
        for number in range(members):
            bomb.writestr(f"{number:016x}.npz", b"")
    monkeypatch.setattr(json, "loads", lambda text: pytest.fail(f"{len(text)} bytes are parsed"))
    with pytest.raises(
        GalleryError, match=r"bomb\.zip: not a whole export of a gallery \((no templates|gallery\.json is)"
    ):
        read_archive(path)


def test_two_files_of_one_name_are_refused(archive):
    with zipfile.ZipFile(archive, "a") as more, pytest.warns(UserWarning, match="Duplicate name"):
        more.writestr("gallery.json", b"{}")
    with pytest.raises(GalleryError, match="two files of one name"):
        read_archive(archive)


def test_silhouettes_that_are_a_pickle_are_refused_though_their_hash_fits(archive, tmp_path):
    import hashlib

    content = pickle.dumps([1, 2, 3])

    def change(members):
        who = edit(members, sequence_sha256=hashlib.sha256(content).hexdigest())
        members[f"{who}.sequence.npz"] = content

    with pytest.raises(GalleryError, match=r"changed\.zip"):
        read_archive(changed(archive, tmp_path, change))


@pytest.mark.parametrize("content", [b"", b"hello", b"PK\x03\x04" + bytes(40)], ids=["empty", "text", "half a zip"])
def test_what_is_no_archive_is_told(tmp_path, content):
    path = tmp_path / "people.zip"
    path.write_bytes(content)
    with pytest.raises(GalleryError, match="not a whole export"):
        read_archive(path)
