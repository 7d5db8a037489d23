"""Manifests of labelled clips."""

from __future__ import annotations

import pytest

from pipeline.errors import InputError
from pipeline.research.evaluation.manifest import read_manifest, strangers

HEADER = "video,first,last,person,condition,role\n"
GALLERY, PROBE = "v.mp4,1,75,ann,d1,gallery\n", "v.mp4,80,99,ann,d2,probe\n"


@pytest.fixture
def write(tmp_path):
    (tmp_path / "v.mp4").touch()

    def make(text, encoding="utf-8"):
        path = tmp_path / "clips.csv"
        path.write_bytes(text if isinstance(text, bytes) else text.encode(encoding))
        return path

    return make


def test_clips_are_read_in_order_with_their_lines(write, tmp_path):
    clips = read_manifest(write(HEADER + GALLERY + PROBE))
    assert [(clip.row, clip.first, clip.last, clip.role) for clip in clips] == [
        (2, 1, 75, "gallery"),
        (3, 80, 99, "probe"),
    ]
    assert clips[0].video == tmp_path / "v.mp4" and len(clips[0]) == 75


def test_columns_may_be_in_any_order_with_others_among_them(write):
    (clip, _) = read_manifest(
        write("role,note,person,condition,last,first,video\ngallery,x,ann,d1,5,2,v.mp4\nprobe,,ann,d2,9,6,v.mp4\n")
    )
    assert (clip.first, clip.last, clip.person) == (2, 5, "ann")


def test_a_spreadsheets_byte_order_mark_and_line_ends_do_no_harm(write):
    assert len(read_manifest(write((HEADER + GALLERY + PROBE).replace("\n", "\r\n"), "utf-8-sig"))) == 2


@pytest.mark.parametrize("delimiter", [";", "\t", " , "])
def test_spreadsheets_of_other_countries_and_rows_left_empty_do_no_harm(write, delimiter):
    text = (HEADER + GALLERY + PROBE).replace(",", delimiter)
    (clip, _) = read_manifest(write(text + delimiter * 5 + "\n\n" + delimiter * 5 + "\n", "utf-8-sig"))
    assert (clip.row, clip.first, clip.last, clip.role) == (2, 1, 75, "gallery")


def test_strangers_are_probes_of_people_without_gallery_clips(write):
    clips = read_manifest(write(HEADER + GALLERY + PROBE + "v.mp4,1,9,bob,d2,probe\n"))
    assert [clip.person for clip in strangers(clips)] == ["bob"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("video,first,last,person,role\n", "no column 'condition'"),
        ("", "no column 'video'"),
        (HEADER + GALLERY, "no clip with the role 'probe'"),
        (HEADER + PROBE, "no clip with the role 'gallery'"),
        (
            HEADER + GALLERY + "v.mp4,1,x,ann,d2,probe\n",
            "line 3: first and last must be frame numbers, not '1' and 'x'",
        ),
        (HEADER + "v.mp4,0,5,ann,d2,probe\n", "line 2: frames 0–5 are no clip; frames are counted from 1"),
        (HEADER + "v.mp4,9,5,ann,d2,probe\n", "line 2: frames 9–5 are no clip"),
        (HEADER + "v.mp4,1,5,ann,d2,target\n", "line 2: role must be gallery or probe, not 'target'"),
        (HEADER + "v.mp4,1,5,,d2,probe\n", "line 2: person is empty"),
        (HEADER + "v.mp4,1,5\n", "line 2: person is empty"),
        (HEADER + "w.mp4,1,5,ann,d2,probe\n", "w.mp4 does not exist. Paths are relative to the manifest"),
        (HEADER + "v.mp4,1,5,ann,pooled,probe\n", "Give the condition another name"),
        (HEADER + "n" * 300 + ".mp4,1,5,ann,d2,probe\n", "does not exist. Paths are relative to the manifest"),
        (b"\xff\xfe\x00video", "not a readable CSV"),
    ],
)
def test_what_makes_no_sense_is_refused_with_its_line(write, text, problem):
    with pytest.raises(InputError, match=r"clips\.csv") as refused:
        read_manifest(write(text))
    assert problem in str(refused.value)


def test_a_manifest_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"none\.csv: not a readable CSV file"):
        read_manifest(tmp_path / "none.csv")
