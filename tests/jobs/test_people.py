"""Who is compared with, who is labelled how in the annotated videos, and who is left without an answer."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.config import MatchingConfig
from pipeline.drawing.annotate import UNUSABLE
from pipeline.jobs.people import People
from pipeline.profiles import load_config
from pipeline.runs.results import NamedCandidate, TrackSummary
from pipeline.runs.tracks import unusable_tracks
from pipeline.types import Candidate, Embedding, Match, Modality, Tracklet


def track(track_id: int, usable: int = 30, rejected: dict[str, int] | None = None, video: str = "lobby"):
    tracklet = Tracklet(video, track_id, np.arange(40), np.ones((40, 4), np.float32), np.ones(40, np.float32), 25.0)
    return TrackSummary(tracklet, usable, {}, rejected or {}, usable=usable)


def embedding(track_id: int, value: float, video: str = "lobby") -> Embedding:
    return Embedding(video, track_id, np.full((1, 1), value, np.float32), "gei-1", "", 30)


def answer(track_id: int, identity: str | None) -> Match:
    status = "known" if identity else "unknown"
    return Match("street", track_id, status, identity, 0.1, 0.9, (), "nearest")


@pytest.fixture
def people() -> People:
    return People.of_tracks([embedding(1, 0.0), embedding(2, 1.0)], MatchingConfig(threshold=0.5))


def test_the_same_person_has_the_same_name_and_colour_in_both_videos(people):
    gallery = people.gallery_labels([track(1), track(2), track(3, usable=2)])
    probe = people.labels([answer(1, "lobby-002"), answer(2, "lobby-001"), answer(3, None)])
    assert [probe[track].title for track in (1, 2)] == ["lobby-002", "lobby-001"]
    assert [probe[track].colour for track in (1, 2)] == [gallery[2].colour, gallery[1].colour]
    assert gallery[1].colour != gallery[2].colour
    assert probe[3].status == "unknown" and probe[3].colour == gallery[3].colour == UNUSABLE.colour


def test_every_track_of_a_video_is_answered_and_none_with_somebody_from_nowhere(people):
    tracks = [track(number, video="street") for number in (1, 2, 3)]
    probes = [embedding(1, 0.9, "street"), embedding(2, 7.0, "street")]
    matches = people.match(probes, [one.tracklet for one in tracks], {("street", 3): "too few"})
    known, unknown, unusable = people.results(matches, tracks)
    assert (known.status, known.identity, known.name) == ("known", "lobby-002", "lobby-002")
    assert known.distance == pytest.approx(0.1)
    assert [candidate.identity for candidate in known.candidates] == ["lobby-002", "lobby-001"]
    assert (unknown.status, unknown.identity) == ("unknown", None)
    assert (unusable.status, unusable.reason, unusable.candidates) == ("unusable", "too few", ())
    again = people.match(probes, [], {}, distances=people.distances(probes))
    assert [match.identity for match in again] == ["lobby-002", None]


def test_people_of_a_stored_gallery_who_share_a_name_are_told_apart(made):
    templates = [made("Ada", seed=1), made("Ada", seed=2), made("Bo", seed=3)]
    people = People.of_gallery(templates, MatchingConfig())
    assert len(set(people.names.values())) == 3 and people.names[templates[2].identity] == "Bo"
    assert people.identities == {name: identity for identity, name in people.names.items()}
    first = people.names[templates[0].identity]
    match = Match("street", 1, "known", first, 0.1, 0.9, (Candidate(first, 0.1),), "nearest")
    (result,) = people.results([match], [track(1, video="street")])
    assert result.identity == templates[0].identity and result.name == first
    assert result.candidates == (NamedCandidate(templates[0].identity, first, 0.1),)


@pytest.mark.parametrize(("usable", "unusable"), [(9, True), (10, False)])
def test_a_track_of_fewer_than_ten_usable_silhouettes_gets_no_answer_and_is_told_why(usable, unusable):
    seen = track(1, usable, {"too small": 20, "merged": 11})
    found = unusable_tracks([seen], [Modality.SILHOUETTES], load_config("light"))
    reason = f"{usable} usable silhouettes in 40 frames, 10 needed, mostly too small"
    assert found == ({("lobby", 1): reason} if unusable else {})
