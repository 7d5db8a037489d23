"""The folder of a gallery: what is added is there, whole, for everybody."""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from processes import run_program

from pipeline.errors import GalleryError
from pipeline.gallery.archive import export
from pipeline.gallery.people import delete
from pipeline.gallery.register import Register
from pipeline.gallery.store import COMPACT_FROM, MARK, Gallery
from pipeline.gallery.verify import verify


@pytest.fixture
def gallery(tmp_path) -> Gallery:
    return Gallery.create(tmp_path / "db")


def add(gallery, *templates):
    with gallery.writing() as writer:
        writer.add(templates)


def test_templates_come_back_as_they_were_added(gallery, made):
    ada = made("Ada", consent="signed 12 May", expires=datetime(2030, 1, 1, tzinfo=UTC))
    bo = made("Bo Ek", run="/runs/1", named=False)
    add(gallery, ada)
    add(gallery, bo)
    for stored in (False, True):
        found = Gallery.open(gallery.path).templates(stored=stored)
        for was, comes in zip((ada, bo), found, strict=True):
            assert comes.parts.tobytes() == was.parts.tobytes() and comes.parts.shape == was.parts.shape
            expected = dataclasses.replace(was, stored=was.stored if stored else None, parts=comes.parts)
            assert {f.name: getattr(comes, f.name) for f in dataclasses.fields(comes)} == {
                f.name: getattr(expected, f.name) for f in dataclasses.fields(expected)
            }


def test_some_templates_are_those_of_identifiers_people_or_videos(gallery, made):
    ada, bo = made("Ada"), made("Bo", video_sha256="6" * 64)
    add(gallery, ada, bo, made("Ada", identity=ada.identity, video_sha256="6" * 64))

    def names(**some):
        return [template.name for template in gallery.templates(**some)]

    assert names(only=[bo.template]) == ["Bo"]
    assert names(only=[ada.identity], by="identity") == ["Ada", "Ada"]
    assert names(only=["6" * 64], by="video_sha256") == ["Bo", "Ada"]
    assert names(only=["7" * 64], by="video_sha256") == names(only=[]) == []
    with pytest.raises(ValueError, match="hexadecimal"):
        names(only=["' OR name = 'Ada"], by="video_sha256")


def test_a_new_gallery_is_empty_and_making_it_twice_changes_nothing(gallery, made):
    assert gallery.templates() == []
    add(gallery, made())
    assert len(Gallery.create(gallery.path).templates()) == 1


def test_templates_of_another_size_are_refused_and_nothing_changes(gallery, made):
    add(gallery, made())
    with pytest.raises(GalleryError, match="512 values among embeddings of 1024"):
        add(gallery, made(shape=(32, 16)))
    assert len(gallery.templates()) == 1


def test_a_rewrite_changes_removes_and_keeps_and_leaves_one_version(gallery, made):
    ada, bo, cy = made("Ada"), made("Bo"), made("Cy")
    for template in (ada, bo, cy):
        add(gallery, template)
    with gallery.writing() as writer:
        writer.rewrite({ada.template: dataclasses.replace(ada, name="Ada L."), bo.template: None})
    found = gallery.templates(stored=True)
    assert [template.name for template in found] == ["Ada L.", "Cy"]
    assert [template.stored for template in found] == [ada.stored, cy.stored]
    assert gallery.facts().versions == 1
    assert len(gallery.data_files()) == gallery.facts().data_files


def test_a_gallery_that_was_emptied_takes_embeddings_of_another_size(gallery, made):
    ada = made()
    add(gallery, ada)
    with gallery.writing() as writer:
        writer.rewrite({ada.template: None})
    assert gallery.templates() == []
    add(gallery, made(shape=(32, 16)))
    assert gallery.templates()[0].parts.shape == (32, 16)


def test_many_enrolments_do_not_leave_as_many_files(gallery, made):
    for number in range(COMPACT_FROM + 2):
        add(gallery, made(f"Person {number}"))
    assert len(gallery.templates()) == COMPACT_FROM + 2
    assert len(gallery.data_files()) == gallery.facts().data_files < 4


def test_a_reader_whose_version_is_dropped_starts_again(gallery, made, monkeypatch):
    ada, bo = made("Ada"), made("Bo")
    add(gallery, ada)
    add(gallery, bo)
    from pipeline.gallery import store

    opened, dropped = store._opened, []

    def then_dropped(path):
        table = opened(path)
        table.count_rows()
        if not dropped:  # between opening and reading, another process removes Bo
            dropped.append(True)
            monkeypatch.setattr(store, "_opened", opened)
            with Gallery.open(path).writing() as writer:
                writer.rewrite({bo.template: None})
        return table

    monkeypatch.setattr(store, "_opened", then_dropped)
    assert [template.name for template in gallery.templates()] == ["Ada"]
    assert dropped


def test_a_missing_or_foreign_folder_is_told_in_one_line(tmp_path):
    with pytest.raises(GalleryError, match=r"no gallery there.*gait enrol VIDEO --db"):
        Gallery.open(tmp_path / "nowhere")
    (tmp_path / "holiday.jpg").write_bytes(b"")
    with pytest.raises(GalleryError, match=r"holds 'holiday.jpg' and no gallery.json"):
        Gallery.create(tmp_path)
    with pytest.raises(GalleryError, match=r"s3://…: a gallery lies in a folder. Mount the storage"):
        Gallery.create(Path("s3://bucket/people"))
    file = tmp_path / "file"
    file.write_bytes(b"")
    with pytest.raises(GalleryError, match="cannot be made"):
        Gallery.create(file)


READERS = {
    "templates": lambda gallery: gallery.templates(),
    "register": Register.of,
    "facts": lambda gallery: gallery.facts(),
    "verify": verify,
    "export": lambda gallery: export(gallery, gallery.path.parent / "all.zip"),
    "delete": lambda gallery: delete(gallery, "Ada"),
}


@pytest.mark.parametrize("read", READERS.values(), ids=READERS.keys())
def test_a_lost_newest_state_is_told_and_the_older_one_not_shown(gallery, made, read):
    add(gallery, made("Ada"))
    add(gallery, made("Bo"))
    newest = min((gallery.path / "templates.lance/_versions").glob("*.manifest"))  # LanceDB counts down in their names
    newest.unlink()
    with pytest.raises(GalleryError, match=r"db: damaged \(its newest state is lost: the table's version \d+; \d+ "):
        read(gallery)


def test_a_lost_mark_costs_nobody_the_enrolled(gallery, made):
    add(gallery, made("Ada"))
    (gallery.path / MARK).unlink()
    assert [template.name for template in Gallery.create(gallery.path).templates()] == ["Ada"]


@pytest.mark.parametrize("mark", ["{", '{"kind": "recipe"}', "[]"], ids=["no JSON", "another's", "no object"])
def test_a_damaged_mark_is_told(gallery, mark):
    (gallery.path / MARK).write_text(mark)
    with pytest.raises(GalleryError, match=r"damaged|not that of a gallery"):
        Gallery.open(gallery.path)


def test_a_gallery_of_a_later_version_is_refused(gallery):
    tree = json.loads((gallery.path / MARK).read_text())
    (gallery.path / MARK).write_text(json.dumps({**tree, "schema": 99}))
    with pytest.raises(GalleryError, match="later version"):
        Gallery.open(gallery.path)


def test_every_kind_of_damage_to_the_table_is_told(gallery, made):
    add(gallery, made("Ada"))
    (data,) = gallery.data_files()
    whole = data.read_bytes()
    embedding = whole.index(gallery.templates()[0].parts.tobytes()[:64])
    name = whole.index(b"Ada")
    for position in (embedding + 5, name, len(whole) - 20):
        data.write_bytes(whole[:position] + bytes([whole[position] ^ 1]) + whole[position + 1 :])
        with pytest.raises(GalleryError, match=r"db: (damaged|cannot be read)"):
            gallery.templates()
    data.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(GalleryError, match="cannot be read"):
        gallery.templates()
    data.unlink()
    with pytest.raises(GalleryError, match="cannot be read"):
        gallery.templates()
    for manifest in gallery.path.rglob("*.manifest"):
        manifest.unlink()
    with pytest.raises(GalleryError, match="cannot be read"):
        Gallery.open(gallery.path).templates()


def test_a_read_only_gallery_is_read_and_refuses_to_change(gallery, made):
    add(gallery, made("Ada"))
    theirs = Gallery.create(gallery.path.with_name("theirs")).path
    (theirs / MARK).chmod(0)
    for path in (gallery.path, *gallery.path.rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)
    above = [folder for folder in gallery.path.parents if "pytest" in str(folder)]
    for folder in above:
        folder.chmod(0o755)
    try:
        done = run_program("read_only_gallery", gallery.path)
    finally:
        for path in (gallery.path, *gallery.path.rglob("*")):
            path.chmod(0o755)
        for folder in above:
            folder.chmod(0o700)
    read, refused, unread = done.stdout.splitlines()
    assert unread == f"{theirs}: you may not read it. Ask its owner, or change the rights of the folder."
    assert read == "['Ada']"
    assert "cannot be changed (Permission denied)" in refused


def test_a_full_disk_is_one_line_and_the_gallery_stays_as_it_was(gallery, made):
    add(gallery, made("Ada"))
    done = run_program("add_on_full_disk", gallery.path)
    assert "db: cannot be changed (" in done.stdout and len(done.stdout.splitlines()) == 1
    assert [template.name for template in gallery.templates()] == ["Ada"]


@pytest.mark.parametrize("name", ["left.lance", ".tmpXnqGNk", "left.lance#1"])
def test_what_a_killed_enrolment_left_is_removed_by_the_next(gallery, made, name):
    add(gallery, made("Ada"))
    left = gallery.path / "templates.lance/data" / name
    left.write_bytes(b"half of somebody")
    add(gallery, made("Bo"))
    assert not left.exists() and len(gallery.templates()) == 2


def test_a_gallery_whose_making_was_killed_is_made_anew(gallery, made):
    (gallery.path / MARK).unlink()  # the mark comes last
    for manifest in (gallery.path / "templates.lance/_versions").iterdir():
        manifest.unlink()
    again = Gallery.create(gallery.path)
    add(again, made("Ada"))
    assert [template.name for template in again.templates()] == ["Ada"]


def test_embeddings_keep_eleven_bits(gallery, made):
    rng = np.random.default_rng(3)
    add(gallery, made(seed=3))
    rng.random((12, 64, 44))
    parts = rng.normal(size=(64, 16)).astype(np.float32)
    assert np.abs(gallery.templates()[0].embedding().parts - parts).max() <= np.abs(parts).max() * 2**-11
