"""Who is labelled how in the annotated videos, and who is left without an answer."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.drawing.annotate import UNUSABLE
from pipeline.jobs.draw import gallery_labels, probe_labels
from pipeline.profiles import load_config
from pipeline.runs.results import Walk
from pipeline.runs.tracks import find_unusable
from pipeline.types import Match, Modality, Tracklet


def walk(track_id: int, usable: int = 30, rejected: dict[str, int] | None = None) -> Walk:
    tracklet = Tracklet("lobby", track_id, np.arange(40), np.ones((40, 4), np.float32), np.ones(40, np.float32), 25.0)
    return Walk(tracklet, usable, {}, rejected or {}, usable=usable)


def answer(track_id: int, identity: str | None) -> Match:
    status = "known" if identity else "unknown"
    return Match("street", track_id, status, identity, 0.1, 0.9, (), "nearest")


def test_the_same_person_has_the_same_name_and_colour_in_both_videos():
    gallery = gallery_labels([walk(1), walk(2), walk(3, usable=2)], {("lobby", 3): "too few"})
    answers = [answer(1, "lobby-002"), answer(2, "lobby-001"), answer(3, None)]
    probe = probe_labels(answers, "lobby", gallery)
    assert [probe[track].title for track in (1, 2)] == ["lobby-002", "lobby-001"]
    assert [probe[track].colour for track in (1, 2)] == [gallery[2].colour, gallery[1].colour]
    assert gallery[1].colour != gallery[2].colour
    assert probe[3].status == "unknown" and probe[3].colour == gallery[3].colour == UNUSABLE.colour


@pytest.mark.parametrize(("usable", "unusable"), [(9, True), (10, False)])
def test_a_track_of_fewer_than_ten_usable_silhouettes_gets_no_answer_and_is_told_why(usable, unusable):
    seen = walk(1, usable, {"too small": 20, "merged": 11})
    found = find_unusable({"lobby": [seen]}, [Modality.SILHOUETTES], load_config("light"))
    reason = f"{usable} usable silhouettes in 40 frames, 10 needed, mostly too small"
    assert found == ({("lobby", 1): reason} if unusable else {})
