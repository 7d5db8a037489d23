"""`gait gallery …` as a user sees it, in this process and on made-up walks."""

from __future__ import annotations

import json

import pytest
from processes import run_python

from pipeline.cli import app
from pipeline.errors import ConfigError, GalleryError
from pipeline.gallery.store import Gallery


@pytest.fixture
def db(tmp_path, made):
    run = tmp_path / "run-of-the-lobby"
    run.mkdir()
    gallery = Gallery.create(tmp_path / "people")
    with gallery.writing() as writer:
        writer.add([made("Ada Byron", consent="form 17", run=str(run)), made("Bo"), made("unknown-1", named=False)])
    return gallery.path


@pytest.fixture
def said(db, capsys):
    def say(*arguments):
        app(["gallery", *map(str, arguments), "--db", str(db)], prog_name="gait", standalone_mode=False)
        return capsys.readouterr().out

    return say


def test_list_and_show_tell_everything_but_the_numbers(said):
    assert "Ada Byron: 1 template\n" in said("list") and "3 people in" in said("list")
    assert [p["named"] for p in json.loads(said("list", "--json"))["people"]] == [True, True, False]
    assert "consent           form 17" in said("show", "ada byron")
    (template,) = json.loads(said("show", "Ada Byron", "--json"))["templates"]
    assert template["embedding"] == "64×16 float16" and template["model"] == "gei-16"
    assert "(nobody named them)" in said("show", "unknown-1")


def test_rename_merge_export_delete_verify_import(said, tmp_path):
    assert "is now called Cy" in said("rename", "unknown-1", "Cy")
    assert "Ada Byron" in said("merge", "Ada Byron", "Cy")
    assert "3 templates" in said("export", tmp_path / "all.zip")
    told = said("delete", "Ada Byron", "--yes")
    assert "10 of 10 marks" in told and ", 0 are now" in told and "run-of-the-lobby" in told
    assert "reports of gait identify" in told
    assert "is in none of" in said("verify", "--absent", "Ada Byron")
    assert "2 of 3 templates added" in said("import", tmp_path / "all.zip")
    assert "Ada Byron: 2 templates" in said("list")
    assert "nothing in" in said("expire")
    assert "files before" in said("tidy")


def test_delete_asks_and_without_an_answer_removes_nothing(said, db):
    with pytest.raises(GalleryError, match="nothing was removed"):
        said("delete", "Bo")
    assert len(Gallery.open(db).templates()) == 3


def test_verify_ends_with_an_error_where_something_is_wrong(said, db):
    (db / "templates.lance/data/left.lance").write_bytes(b"left by a killed process")
    with pytest.raises(GalleryError, match="1 problem, the first: 1 files of no version"):
        said("verify")
    said("tidy")
    with pytest.raises(GalleryError, match="the first: 'Ada Byron' is in"):
        said("verify", "--absent", "Ada Byron")


@pytest.mark.parametrize(
    ("option", "words"),
    [("--name=Ada", "TRACK=NAME"), ("--name=1=", "TRACK=NAME"), ("--name=x=Ada", "TRACK=NAME")],
)
def test_names_that_make_no_sense_are_refused_before_any_work(tmp_path, option, words):
    with pytest.raises(ConfigError, match=words):
        app(["enrol", "v.mp4", "--db", str(tmp_path), option], prog_name="gait", standalone_mode=False)


def test_gait_run_does_not_load_lancedb_or_the_gallery():
    program = (
        "import sys, pipeline.cli, pipeline.jobs.run, pipeline.commands.run\n"
        "print([m for m in sys.modules if m.startswith(('lancedb', 'pyarrow', 'pipeline.gallery'))])"
    )
    done = run_python(program)
    assert done.stdout.strip() == "[]"
