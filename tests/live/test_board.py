"""Who was seen where and when."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from pipeline.live.board import MOST_VISITS, Board


@pytest.fixture
def cameras():
    return {
        number: SimpleNamespace(info=SimpleNamespace(path=f"rtsp://***@cam{number}/door"), state="on")
        for number in (1, 2)
    }


@pytest.fixture
def board(cameras):
    return Board(cameras)


def event(seconds, camera, track, kind, name=None, watched=False):
    person = name and f"id-{name}"
    time = f"2026-01-31T18:{seconds // 60:02d}:{seconds % 60:02d}.000+00:00"
    return {"time": time, "camera": camera, "track": track, "event": kind, "person": person, "name": name,
            "watched": watched}  # fmt: skip


def seen(board):
    found = board.as_json()["seen"]
    return [(one["camera"], one["name"], one["since"][14:19], one["until"] and one["until"][14:19]) for one in found]


def test_a_visit_lasts_until_who_it_is_leaves_and_the_newest_comes_first(board):
    board.note(event(0, 1, 1, "looking"))
    board.note(event(3, 1, 1, "known", "Ada"))
    board.note(event(4, 2, 1, "known", "Ada"))
    assert seen(board) == [(2, "Ada", "00:04", None), (1, "Ada", "00:03", None)]
    board.note(event(9, 1, 1, "left", "Ada"))
    assert seen(board) == [(2, "Ada", "00:04", None), (1, "Ada", "00:03", "00:09")]


def test_who_turns_out_to_be_somebody_else_begins_another_visit(board):
    board.note(event(3, 1, 1, "known", "Ada"))
    board.note(event(8, 1, 1, "known", "Bo"))
    assert seen(board) == [(1, "Bo", "00:08", None), (1, "Ada", "00:03", "00:08")]


def test_who_was_lost_for_a_moment_was_not_gone(board):
    board.note(event(3, 1, 1, "known", "Ada"))
    board.note(event(5, 1, 2, "known", "Ada"))  # the tracker took up another track
    board.note(event(6, 1, 1, "left", "Ada"))
    assert seen(board) == [(1, "Ada", "00:03", None)]
    board.note(event(7, 1, 2, "left", "Ada"))
    board.note(event(16, 1, 3, "known", "Ada"))
    assert seen(board) == [(1, "Ada", "00:03", None)]
    board.note(event(20, 1, 3, "left", "Ada"))
    board.note(event(31, 1, 4, "known", "Ada"))
    assert seen(board) == [(1, "Ada", "00:31", None), (1, "Ada", "00:03", "00:20")]


def test_nobody_is_before_a_camera_that_is_lost(board, cameras):
    board.see(1, [{"camera": 1, "name": "Ada"}])
    board.see(2, [{"camera": 2, "name": "Bo"}])
    cameras[1].state = "lost"
    told = board.as_json()
    assert [one["name"] for one in told["people"]] == ["Bo"]
    assert told["cameras"][0] == {"camera": 1, "source": "rtsp://***@cam1/door", "state": "lost"}


def test_the_list_stays_short(board):
    for minute in range(MOST_VISITS + 50):
        board.note(event(minute % 3600, 1, minute, "known", f"p{minute}"))
    assert len(seen(board)) == MOST_VISITS and seen(board)[0][1] == f"p{MOST_VISITS + 49}"
