"""A folder of clips: whose each is by its place, and what is no clip."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.errors import InputError
from pipeline.runs.clips import clips_in, is_folder_of_clips


@pytest.fixture
def put(tmp_path):
    """put("Ada.mp4", "Bo/") makes files, and folders, in a folder, which it returns."""

    def put(*names: str) -> Path:
        folder = tmp_path / "people"
        folder.mkdir(exist_ok=True)
        for name in names:
            path = folder / name
            (path if name.endswith("/") else path.parent).mkdir(parents=True, exist_ok=True)
            if not name.endswith("/"):
                path.write_bytes(b"x")
        return folder

    return put


def people(folder):
    clips, others = clips_in(folder)
    return [(clip.person, clip.file) for clip in clips], others


def test_a_file_is_a_clip_of_whom_it_is_named_after_and_so_is_every_clip_in_a_folder(put):
    found, others = people(put("Ada.MP4", "Bo/10.mov", "Bo/9.mov", "Ada/stairs.mkv"))
    assert found == [("Ada", "Ada/stairs.mkv"), ("Ada", "Ada.MP4"), ("Bo", "Bo/9.mov"), ("Bo", "Bo/10.mov")]
    assert others == []


def test_nothing_else_is_read_from_a_name(put):
    found, _ = people(put("Ada.mp4", "Ada_2.mp4", "Ada-coat.mp4", "Dr. Bo Ek.mp4", "J. R. Ek/1.mp4"))
    assert sorted(name for name, _ in found) == ["Ada", "Ada-coat", "Ada_2", "Dr. Bo Ek", "J. R. Ek"]


def test_what_is_hidden_or_no_video_is_named_and_is_no_clip(put):
    folder = put(
        "Ada.mp4", ".hidden.mp4", ".git/x.mp4", "notes.txt", "Bo/.x.mp4", "Bo/cover.jpg", "Cy/", "Bo/deep/a.mp4"
    )
    found, others = people(folder)
    assert found == [("Ada", "Ada.mp4")]
    assert sorted(others) == [".git", ".hidden.mp4", "Bo/.x.mp4", "Bo/cover.jpg", "Bo/deep", "Cy", "notes.txt"]


def test_a_folder_of_images_is_one_clip(put):
    folder = put("Ada/1.png", "Ada/2.png", "Bo/walk/1.jpg", "Bo/cover.jpg")
    found, others = people(folder)
    assert found == [("Ada", "Ada"), ("Bo", "Bo/walk")] and others == ["Bo/cover.jpg"]
    assert not is_folder_of_clips(str(folder / "Ada")) and is_folder_of_clips(str(folder))
    assert not is_folder_of_clips(str(folder / "Ada/1.png")) and not is_folder_of_clips(str(folder / "nothing"))


@pytest.mark.parametrize("names", [(), ("notes.txt", "Ada/")], ids=["empty", "without clips"])
def test_a_folder_without_clips_is_refused(put, names):
    folder = put(*names)
    assert is_folder_of_clips(str(folder))
    with pytest.raises(InputError, match=r"people: no clip in it\. Put NAME\.mp4 there"):
        clips_in(folder)


@pytest.mark.parametrize("link", ["Bo.mp4", "Bo", "Ada/2.mp4"])
def test_a_link_out_of_the_folder_is_refused(put, tmp_path, link):
    folder = put("Ada/1.mp4")
    elsewhere = tmp_path / "elsewhere.mp4"
    elsewhere.write_bytes(b"x")
    (folder / link).symlink_to(elsewhere if link.endswith("mp4") else tmp_path)
    with pytest.raises(InputError, match=rf"{link}: a link that leads out of .*Put the clip itself there"):
        clips_in(folder)


def test_a_link_within_the_folder_is_a_clip(put):
    folder = put("Ada/1.mp4")
    (folder / "Bo.mp4").symlink_to("Ada/1.mp4")
    assert people(folder)[0] == [("Ada", "Ada/1.mp4"), ("Bo", "Bo.mp4")]


def test_names_that_would_break_a_line_do_not(put):
    _, others = people(put("Ada.mp4", "a\nb\x1b[2J.txt"))
    assert others == [r"a\nb\x1b[2J.txt"]
