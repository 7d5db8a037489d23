"""MOTChallenge text, written and read."""

import numpy as np
import pytest

from pipeline.errors import GaitError, InputError
from pipeline.tracking.mot import read_mot, write_mot
from pipeline.types import Tracklet


def track(track_id, frames, box=(10.5, 20.25, 30.5, 80.25)):
    n = len(frames)
    return Tracklet(
        "walk",
        track_id,
        np.array(frames),
        np.tile(np.array(box, np.float32), (n, 1)),
        np.full(n, 0.8765, np.float32),
        25.0,
    )


def test_lines_are_sorted_by_frame_then_id_and_frames_count_from_1(tmp_path):
    path = tmp_path / "tracks.txt"
    write_mot(path, [track(2, [0, 1]), track(1, [1])])
    assert path.read_text().splitlines() == [
        "1,2,10.50,20.25,20.00,60.00,0.8765,-1,-1,-1",
        "2,1,10.50,20.25,20.00,60.00,0.8765,-1,-1,-1",
        "2,2,10.50,20.25,20.00,60.00,0.8765,-1,-1,-1",
    ]
    assert list(tmp_path.iterdir()) == [path]


def test_what_was_written_is_read_again(tmp_path):
    path = tmp_path / "tracks.txt"
    written = [track(1, [3, 4, 9]), track(12, [0])]
    write_mot(path, written)
    for before, after in zip(written, read_mot(path, "walk", 25.0), strict=True):
        assert (after.video, after.track_id, after.fps) == (before.video, before.track_id, before.fps)
        np.testing.assert_array_equal(after.frame_indices, before.frame_indices)
        np.testing.assert_allclose(after.boxes, before.boxes, atol=0.01)
        np.testing.assert_allclose(after.scores, before.scores, atol=1e-4)


def test_no_tracks_are_an_empty_file(tmp_path):
    path = tmp_path / "tracks.txt"
    write_mot(path, [])
    assert read_mot(path, "walk", 25.0) == []


@pytest.mark.parametrize(
    "line",
    [
        "1,1,10,10",
        "one,1,10,10,5,5,1",
        "1,1,nan,10,5,5,1",
        "1,1,10,10,-5,5,1",
        "0,1,10,10,5,5,1",
        "1,0,10,10,5,5,1",
        "frame,id,x,y,w,h,score",
    ],
)
def test_malformed_line_is_named_by_its_number(tmp_path, line):
    path = tmp_path / "tracks.txt"
    path.write_text(f"1,1,10,10,5,5,1,-1,-1,-1\n{line}\n")
    with pytest.raises(InputError, match=r"tracks\.txt, line 2: .*\.$"):
        read_mot(path, "walk", 25.0)


def test_same_id_twice_in_one_frame_is_refused(tmp_path):
    path = tmp_path / "tracks.txt"
    path.write_text("1,1,10,10,5,5,1,-1,-1,-1\n" * 2)
    with pytest.raises(InputError, match="line 2: track 1 is in frame 1 twice"):
        read_mot(path, "walk", 25.0)


def test_bytes_that_are_no_text_are_refused(tmp_path):
    path = tmp_path / "tracks.txt"
    path.write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(InputError, match="cannot read the tracks"):
        read_mot(path, "walk", 25.0)


def test_unwritable_folder_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(GaitError):
        write_mot(tmp_path / "file" / "tracks.txt", [])
