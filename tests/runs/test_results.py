"""What results.json says of a track is what is read from it."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from pipeline.errors import InputError
from pipeline.runs.results import ClipResult, NamedCandidate, TrackResult, TrackSummary, read_tracks, results_tree
from pipeline.types import Candidate, Match, Tracklet

KNOWN = TrackResult(
    video="street", id=7, status="known", identity="0f66", reason="nearest of 2 at 0.1, next Bo at 0.4", name="Ada",
    distance=0.123456, confidence=0.9, fpir=0.004, candidates=(NamedCandidate("0f66", "Ada", 0.123456),
    NamedCandidate("77aa", "Bo", 0.4)), frames=40, first_frame=3, last_frame=42, silhouettes=38, poses=36,
    quality={"heading": 1.5}, rejected={"too small": 2},
)  # fmt: skip
NOBODY = TrackResult("street", 12, "unusable", None, "4 usable silhouettes", frames=4, last_frame=3, silhouettes=4)
ENROLLED = TrackResult("lobby", 1, "enrolled", "0f66", "enough usable silhouettes", "Ada", outcome="new", frames=9)
NOT_NAMED = TrackResult("lobby", 2, "not named", None, "others were named", frames=9)


def written(gallery=(), probes=(), names=True):
    return json.loads(json.dumps(results_tree({"lobby": gallery}, {"street": probes}, names)))


@pytest.mark.parametrize("track", [KNOWN, NOBODY], ids=["known", "unusable"])
def test_a_probe_track_comes_back_as_it_was(track):
    tree = written(probes=[track])
    assert list(tree["probes"]["street"]) == [f"{track.id:03d}"]
    assert read_tracks(tree["probes"]) == {"street": (track,)}


@pytest.mark.parametrize("track", [ENROLLED, NOT_NAMED], ids=["enrolled", "not named"])
def test_an_enrolled_track_comes_back_as_it_was(track):
    tree = written(gallery=[track])
    assert read_tracks(tree["gallery"]) == {"lobby": (track,)}


def test_without_names_a_person_is_called_by_the_identity():
    tree = written(probes=[KNOWN], names=False)
    entry = tree["probes"]["street"]["007"]
    assert "name" not in entry and "name" not in entry["candidates"][0]
    (track,) = read_tracks(tree["probes"])["street"]
    assert track.name == track.identity == "0f66" and track.candidates[1].name == "77aa"


def test_a_track_has_the_facts_of_its_tracklet_and_the_answer_of_its_match():
    frames = np.array([3, 4, 9])
    tracklet = Tracklet("street", 7, frames, np.ones((3, 4), np.float32), np.ones(3, np.float32), 25.0)
    summary = TrackSummary(tracklet, 2, {"heading": 1.0}, {"merged": 1}, poses=3)
    match = Match("street", 7, "known", "Ada", 0.1, 0.9, (Candidate("Ada", 0.1), Candidate("Bo", 0.4)), "nearest")
    track = TrackResult.of_match(match, summary, {"Ada": "0f66", "Bo": "77aa"})
    assert (track.identity, track.name, track.key) == ("0f66", "Ada", ("street", 7))
    assert (track.frames, track.first_frame, track.last_frame, track.silhouettes, track.poses) == (3, 3, 9, 2, 3)
    assert [candidate.identity for candidate in track.candidates] == ["0f66", "77aa"]
    enrolled = TrackResult.of_gallery(summary, None)
    assert (enrolled.status, enrolled.identity, enrolled.reason) == ("enrolled", "street-007", "enough usable frames")
    assert TrackResult.of_gallery(summary, "too few").status == "unusable"


def test_a_name_that_leads_out_of_the_run_is_refused():
    with pytest.raises(InputError, match="cannot be the name of a video"):
        read_tracks({"../elsewhere": {}})


def test_a_clip_comes_back_as_it_was():
    clip = ClipResult("Ada", "Ada/1.mp4", "Ada-1", None, 12, "left", "", "maybe more than one person", (1, 2))
    assert ClipResult.read(json.loads(json.dumps(dataclasses.asdict(clip)))) == clip
