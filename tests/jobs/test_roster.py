"""What the report of an identification shows of a gallery: the nearest template, and what confidence is worth."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from pipeline.config import MatchingConfig
from pipeline.gallery.calibration import Calibration
from pipeline.gallery.people import people_of
from pipeline.gallery.store import Gallery
from pipeline.gallery.template import Stored
from pipeline.jobs.people import People
from pipeline.jobs.roster import caution_of, nearest_template, roster_of_gallery
from pipeline.types import Candidate, Embedding, Match

MATCHING = MatchingConfig(threshold=0.5)


@pytest.fixture
def calibration():
    return Calibration(
        made="", model="gei-16", checkpoint_sha256="", compared_by={}, gallery_people=2, gallery_templates=3,
        fingerprint="", fpir=0.01, threshold=0.123, found=0.005, found_ci95=(0.001, 0.02), tpir=None, tpir_ci95=None,
        strangers=tuple(np.linspace(0.1, 0.3, 120)), strangers_people=60, enrolled_searches=0, enrolled_people=0,
        confidence=None, ece=None,
    )  # fmt: skip


def compared(gallery):
    return People.of_gallery(gallery.templates(), MATCHING)


def roster_with(gallery, persons, probe, identity):
    people = compared(gallery)
    name = people.names[identity]
    match = Match("street", 1, "known", name, 0.1, 0.9, (Candidate(name, 0.1),), "")
    return roster_of_gallery(gallery, people, persons, {"street": [match]}, {("street", 1): probe}, [])


@pytest.fixture
def gallery(tmp_path, made):
    """Ada with two walks, and Bo, of whom what is stored is damaged."""
    gallery = Gallery.create(tmp_path / "people")
    ada = made("Ada")
    damaged = dataclasses.replace(made("Bo"), stored=Stored(b"PK no archive"))
    with gallery.writing() as writer:
        writer.add([ada, made("Ada", identity=ada.identity), damaged])
    return gallery


def probe_like(template):
    return dataclasses.replace(template.embedding(), video="street", track_id=1)


def test_the_template_that_is_nearest_to_the_probe_is_shown(gallery):
    people = people_of(gallery.templates())
    ada = next(person for person in people if person.name == "Ada")
    for template in ada.templates:
        probe = probe_like(template)
        assert nearest_template(probe, ada, compared(gallery)) is template
        roster = roster_with(gallery, people, probe, ada.identity)
        card = roster.card_of(("street", 1), ada.identity)
        assert card.where == f"enrolled from street, track {template.track}: the nearest of 2 walks"
        assert card.sequence.masks.shape == (12, 64, 44) and card.fps is None and card.portrait is None
        assert np.array_equal(card.embedding.parts, template.embedding().parts)
        assert list(roster.columns) == [ada.identity] and roster.threshold == 0.5


def test_damaged_silhouettes_are_not_shown_and_stop_nothing(gallery):
    people = people_of(gallery.templates())
    bo = next(person for person in people if person.name == "Bo")
    roster = roster_with(gallery, people, probe_like(bo.templates[0]), bo.identity)
    assert roster.card_of(("street", 1), bo.identity).sequence is None
    assert roster.card_of(("street", 2), bo.identity) is None


def test_others_are_told_apart_though_their_walks_have_one_name_and_number(gallery):
    people = people_of(gallery.templates())
    probe = Embedding("street", 1, people[0].templates[0].embedding().parts, "gei-16", "", 12)
    roster = roster_with(gallery, people, probe, people[0].identity)
    assert {other.video for other in roster.others} == {person.identity for person in people}


def test_what_a_name_is_worth_comes_from_the_calibration(calibration):
    words = caution_of(calibration, MatchingConfig())
    assert "at the threshold 0.123 at most 1.0% of strangers' searches" in words
    assert "0.5% did (95 % interval 0.1% to 2.0%), of 120 searches for 60 strangers." in words
    assert "threshold in use is another" in caution_of(calibration, MATCHING)
    assert caution_of(None, MATCHING).startswith("Confidence is not calibrated: a softmax beside the threshold")
    assert caution_of(None, MatchingConfig()).startswith("Confidence is the probability that the name is right")
