"""Calibrating a gallery with made-up people, and what identifying makes of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pipeline.errors import GalleryError, InputError
from pipeline.gallery.calibration import (
    FILE,
    fingerprint,
    read_calibration,
    usable,
    with_calibration,
    with_expected_threshold,
    write_calibration,
)
from pipeline.gallery.discriminant import fit_discriminant, stored_discriminant
from pipeline.gallery.people import people_of
from pipeline.gallery.store import Gallery
from pipeline.gallery.template import new_id
from pipeline.gallery.verify import verify
from pipeline.jobs.people import People
from pipeline.profiles import load_config
from pipeline.research.evaluation.calibrate import calibration_of, owners, require_strangers, search_gallery
from pipeline.research.evaluation.manifest import Clip
from pipeline.types import Candidate, Embedding, Match

ENROLLED, STRANGERS, WALKS = ["Ada", "Bo", "Cy"], ["Di", "Ed", "Flo", "Gil"], 30
SHAPE = (64, 16)


def walks_of(person: int, count: int, seed: int) -> list[np.ndarray]:
    """Walks that differ from one another a little less than people do."""
    own = np.random.default_rng(person).normal(size=SHAPE)
    rng = np.random.default_rng([seed, person])
    return [(own + 0.8 * rng.normal(size=SHAPE)).astype(np.float32) for _ in range(count)]


def embedding(parts, number=1):
    return Embedding("street", number, parts, "gei-16", "", 12, {"usable_share": 0.8})


def clip(person, row):
    return Clip(row, Path("street.mp4"), 1, 50, person, "any", "probe")


@pytest.fixture
def config():
    return load_config("light", ["matching.metric=euclidean"])


@pytest.fixture
def templates(made):
    import dataclasses

    found = []
    for person, name in enumerate(ENROLLED):
        identity = new_id()
        for parts in walks_of(person, 2, seed=1):
            one = made(name, identity=identity)
            found.append(dataclasses.replace(one, parts=parts.astype(np.float16)))
    return found


@pytest.fixture
def found(templates, config):
    """Searches for everybody, strangers included."""
    clips, probes = [], []
    for person, name in enumerate([*ENROLLED, *STRANGERS]):
        for parts in walks_of(person, WALKS, seed=2):
            clips.append(clip(name, len(clips) + 2))
            probes.append(embedding(parts))
    return search_gallery(clips, probes, templates, people_of(templates), config)


def test_strangers_are_named_as_often_as_was_asked(found, templates, config):
    calibration, _ = calibration_of(found, templates, 0.05, config)
    strangers = found.nearest[found.own < 0]
    assert (strangers <= calibration.threshold).sum() == 6 == int(0.05 * len(strangers))
    assert calibration.found == 0.05 and calibration.found_ci95[0] <= 0.05 <= calibration.found_ci95[1]
    assert (calibration.strangers_people, calibration.enrolled_people) == (4, 3)
    assert calibration.tpir > 0.9  # these people are easily told apart


def test_the_rate_behind_a_distance_is_that_of_strangers_as_near(found, templates, config):
    calibration, _ = calibration_of(found, templates, 0.05, config)
    count = len(calibration.strangers)
    assert calibration.false_positive(0) == pytest.approx(1 / (count + 1))  # never 0
    assert calibration.false_positive(calibration.threshold) == pytest.approx(7 / (count + 1))
    assert calibration.false_positive(1e9) == 1


def test_confidences_come_true_as_often_as_they_say(found, templates, config):
    calibration, reliable = calibration_of(found, templates, 0.05, config)
    near = calibration.probability(float(found.nearest[found.right].min()), 5.0)
    far = calibration.probability(float(found.nearest.max()), 0.0)
    assert near > 0.9 and far < 0.2
    assert reliable.error < 0.15 and calibration.ece == pytest.approx(reliable.error, abs=1e-6)


def test_too_few_strangers_are_told_instead_of_a_number():
    with pytest.raises(InputError, match=r"66 usable clips.*rate of 1.00%: that takes 100.*--fpir 0.016"):
        require_strangers(Path("clips.csv"), [-1] * 66, 0.01)
    with pytest.raises(InputError, match=r"0 usable clips.*Add probe clips"):
        require_strangers(Path("clips.csv"), [], 0.01)
    require_strangers(Path("clips.csv"), [-1] * 100, 0.01)


def test_people_are_found_by_name_however_written_and_by_identity(templates):
    people = people_of(templates)
    wanted = [clip(name, 2) for name in ("Ada", "ada ", people[1].identity, "Nobody")]
    assert owners(wanted, people) == [0, 0, 1, -1]


def test_it_is_kept_in_the_gallery_and_read_again(found, templates, config, tmp_path):
    Gallery.create(tmp_path / "db")
    assert read_calibration(tmp_path / "db") is None
    calibration, _ = calibration_of(found, templates, 0.05, config)
    write_calibration(tmp_path / "db", calibration)
    assert read_calibration(tmp_path / "db") == calibration
    text = (tmp_path / "db" / FILE).read_text(encoding="utf-8")
    assert not any(name in text for name in [*ENROLLED, *STRANGERS])
    (tmp_path / "db" / FILE).unlink()
    with pytest.raises(GalleryError, match=r"calibration.json: missing. .*gait calibrate"):
        read_calibration(tmp_path / "db")
    assert [one for one in verify(Gallery.open(tmp_path / "db")).problems if "calibration.json: missing" in one]


@pytest.mark.parametrize("content", ["", "{}", '{"threshold": 1e999}', "[1]"])
def test_a_damaged_one_gives_one_line(tmp_path, content):
    (tmp_path / FILE).write_text(content, encoding="utf-8")
    with pytest.raises(GalleryError, match=r"calibration.json: damaged.*gait calibrate"):
        read_calibration(tmp_path)


def test_it_is_not_used_for_another_way_of_comparing(found, templates, config):
    calibration, _ = calibration_of(found, templates, 0.05, config)
    other = config.matching.model_copy(update={"metric": "cosine"})
    assert usable(calibration, templates, config.matching, Path("db")) == (calibration, None)
    refused, why = usable(calibration, templates, other, Path("db"))
    assert refused is None and "matching.metric=euclidean" in why


def test_it_is_not_used_when_the_stored_back_end_is_another_or_gone(templates, found, config, tmp_path):
    gallery = Gallery.create(tmp_path / "db")
    with gallery.writing() as writer:
        writer.add(templates)
    fit_discriminant(gallery, "euclidean")
    matching = config.matching.model_copy(update={"transform": "lda"})
    settings = config.model_copy(update={"matching": matching})
    stored, _ = stored_discriminant(gallery.path, matching, ("gei-16", ""))
    clips, probes = [clip("Ada", 2)] * 2, [embedding(parts) for parts in walks_of(0, 2, seed=2)]
    one, other = (
        search_gallery(clips, probes, some, people_of(some), settings, stored) for some in (templates, templates[2:])
    )
    assert np.allclose(one.distances[:, 1:], other.distances)  # what is stored does not depend on who is enrolled now
    calibration, _ = calibration_of(found, templates, 0.05, settings, stored)
    digest = stored.facts.digest
    assert usable(calibration, templates, matching, gallery.path, digest) == (calibration, None)
    for now in (None, "0" * 64):
        refused, why = usable(calibration, templates, matching, gallery.path, now)
        assert refused is None and "discriminant has been fitted anew" in why and "gait calibrate" in why


def test_a_gallery_that_has_changed_is_told(found, templates, config):
    calibration, _ = calibration_of(found, templates, 0.05, config)
    same, why = usable(calibration, templates[:-1], config.matching, Path("db"))
    assert same is calibration and "3 people and 6 templates, now there are 3 and 5" in why
    assert fingerprint(templates) == fingerprint(templates[::-1]) != fingerprint(templates[:-1])


def test_identifying_names_by_the_threshold_and_tells_the_rate(found, templates, config):
    calibration, _ = calibration_of(found, templates, 0.05, config)
    own, stranger = walks_of(0, 1, seed=3)[0], walks_of(6, 1, seed=3)[0]
    people = People.of_gallery(templates, config.matching, calibration)
    known, unknown = people.match([embedding(own, 1), embedding(stranger, 2)], [], {})
    assert (known.status, known.identity) == ("known", "Ada") and known.confidence > 0.9
    assert "of 120 strangers' searches come as near" in known.reason
    assert unknown.status == "unknown" and unknown.confidence > 0.5


def test_an_encoder_without_a_threshold_has_that_of_its_gallery(found, templates, config, tmp_path):
    gallery = Gallery.create(tmp_path / "db")
    calibration, _ = calibration_of(found, templates, 0.05, config)
    write_calibration(gallery.path, calibration.model_copy(update={"model": "gaitbase-16"}))
    for encoder in (("gaitbase-16", ""), ("gaitset-62", ""), ("gaitbase-16", "0" * 64)):
        expected = calibration.threshold if encoder == ("gaitbase-16", "") else None
        assert with_expected_threshold(gallery.path, config.matching, *encoder).threshold == expected


def test_a_threshold_of_the_users_own_counts_more(found, templates, config):
    calibration, _ = calibration_of(found, templates, 0.05, config)
    strict = load_config("light", ["matching.metric=euclidean", "matching.threshold=0.001"])
    people = People.of_gallery(templates, strict.matching, calibration)
    (answer,) = people.match([embedding(walks_of(0, 1, seed=3)[0])], [], {})
    assert answer.status == "unknown"


def test_being_told_apart_by_exclusion_lowers_the_confidence(found, templates, config):
    """Somebody nearer was taken by another track: the lead over the others is negative."""
    calibration, _ = calibration_of(found, templates, 0.05, config)
    distance = float(np.median(found.nearest[found.right]))

    def confidence(other):
        candidates = (Candidate("Ada", distance), Candidate("Bo", other))
        match = Match("street", 1, "known", "Ada", distance, 0.5, candidates, "because")
        return with_calibration(match, calibration).confidence

    assert confidence(distance + 2) > confidence(distance) > confidence(distance - 2)
