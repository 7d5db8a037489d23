"""A discriminant that is stored with a gallery: fitted once, used by name, dropped with the people it learnt from."""

from __future__ import annotations

import io
import json
import shutil
import signal
import zipfile

import numpy as np
import pytest
from processes import files_of, finish, start_program, wait_until

from pipeline.cli import app
from pipeline.config import MatchingConfig
from pipeline.errors import ConfigError, GalleryError
from pipeline.gallery import discriminant as stored_with
from pipeline.gallery import search
from pipeline.gallery.calibration import compared_by
from pipeline.gallery.cohort import comparison, read_cohort
from pipeline.gallery.discriminant import discriminant_as_json, fit_discriminant, outdated_line, stored_discriminant
from pipeline.gallery.discriminant_file import FILE, read_discriminant
from pipeline.gallery.people import delete, expire, merge, rename
from pipeline.gallery.search import Search
from pipeline.gallery.store import Gallery
from pipeline.gallery.template import Stored, Template, now
from pipeline.gallery.verify import verify
from pipeline.matching.people import people_distances
from pipeline.types import Embedding

SHAPE, PEOPLE, WALKS = (8, 3), 30, 3
ENCODER = ("made", "")


def walk(person, number, model="made"):
    """Of people who differ in some directions, and whose walks differ in others."""
    own = np.random.default_rng((1, person)).normal(size=SHAPE) * np.linspace(1, 0.2, SHAPE[0])[:, None]
    this = np.random.default_rng((2, person, number)).normal(size=SHAPE) * np.linspace(0.1, 2, SHAPE[0])[:, None]
    return Embedding("crowd", person * 100 + number, (own + this).astype(np.float32), model, "", 60)


def template(person, number, model="made", **facts):
    kept = {"identity": np.random.default_rng((3, person)).bytes(8).hex(), "name": f"person {person}"}
    kept |= {
        "video": "crowd",
        "video_sha256": "",
        "track": person * 100 + number,
        "run": "",
        "enrolled": now(),
        **facts,
    }
    return Template.of(walk(person, number, model), Stored(b"a walk"), **kept)


def enrolled(path, people=range(PEOPLE), **facts):
    gallery = Gallery.create(path)
    with gallery.writing() as writer:
        writer.add([template(person, number, **facts) for person in people for number in range(WALKS)])
    return gallery


@pytest.fixture(scope="module")
def crowd(tmp_path_factory):
    return enrolled(tmp_path_factory.mktemp("crowd") / "db")


@pytest.fixture
def db(crowd, tmp_path):
    """A gallery of one's own."""
    shutil.copytree(crowd.path, tmp_path / "db")
    return Gallery.open(tmp_path / "db")


@pytest.fixture
def cohort(tmp_path):
    """Other people."""
    return enrolled(tmp_path / "cohort", range(100, 100 + PEOPLE)).path


def distances(gallery, matching, fitted=None):
    templates = gallery.templates()
    probes = [walk(person, 50) for person in range(5)]
    owners = [one.identity for one in templates]
    walks = [one.embedding() for one in templates]
    return people_distances(probes, walks, owners, [1.0] * len(walks), comparison(matching, fitted))


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_the_stored_one_compares_as_one_fitted_anew(db, metric):
    facts = fit_discriminant(db, metric)
    assert (facts.transform, facts.walks, facts.people, facts.fitted_on) == ("lda", PEOPLE * WALKS, PEOPLE, "gallery")
    matching = MatchingConfig(transform="lda", metric=metric)
    stored, doubt = stored_discriminant(db.path, matching, ENCODER)
    assert doubt is None
    anew = distances(db, matching)
    assert np.allclose(distances(db, matching, stored.discriminant), anew, atol=1e-5 * np.abs(anew).max())
    assert outdated_line(stored, db.templates(), db.path) is None


def test_a_stored_one_stays_as_it_was_when_people_come_and_says_so(db):
    fit_discriminant(db, "euclidean")
    matching = MatchingConfig(transform="lda")
    before, _ = stored_discriminant(db.path, matching, ENCODER)
    with db.writing() as writer:
        writer.add([template(77, number) for number in range(WALKS)])
    after, doubt = stored_discriminant(db.path, matching, ENCODER)
    assert doubt is None
    assert after.facts == before.facts
    told = outdated_line(after, db.templates(), db.path)
    assert "people have come or gone" in told and "gait gallery fit" in told and "\n" not in told
    assert told in verify(db).remarks
    fresh, old = distances(db, matching), distances(db, matching, after.discriminant)
    assert np.abs(fresh - old).max() > 1e-3
    fit_discriminant(db, "euclidean")
    again, _ = stored_discriminant(db.path, matching, ENCODER)
    assert outdated_line(again, db.templates(), db.path) is None
    assert verify(db).remarks == []


def test_none_stays_none(db):
    fit_discriminant(db, "euclidean")
    assert stored_discriminant(db.path, MatchingConfig(), ENCODER) == (None, None)
    assert discriminant_as_json(None) is None


def test_one_for_another_metric_is_not_taken_and_that_is_told(db):
    matching = MatchingConfig(transform="lda", metric="cosine")
    assert stored_discriminant(db.path, matching, ENCODER) == (None, None)
    fit_discriminant(db, "euclidean")
    stored, doubt = stored_discriminant(db.path, matching, ENCODER)
    assert stored is None
    assert "it is for matching.metric=euclidean" in doubt and "\n" not in doubt


def test_a_cohort_is_learnt_from_instead(db, cohort):
    facts = fit_discriminant(db, "euclidean", str(cohort))
    assert facts.fitted_on == "cohort"
    matching = MatchingConfig(transform="lda", cohort=str(cohort))
    stored, doubt = stored_discriminant(db.path, matching, ENCODER)
    assert doubt is None
    anew = distances(db, matching)
    assert np.allclose(distances(db, matching, stored.discriminant), anew, atol=1e-5 * np.abs(anew).max())
    without, _ = stored_discriminant(db.path, MatchingConfig(transform="lda"), ENCODER)
    assert without.facts == stored.facts
    with db.writing() as writer:
        writer.add([template(77, 0)])
    assert outdated_line(stored, db.templates(), db.path) is None
    read_cohort.cache_clear()
    with Gallery.open(cohort).writing() as writer:
        writer.add([template(177, 0)])
    unused, doubt = stored_discriminant(db.path, matching, ENCODER)
    assert unused is None and "not fitted on matching.cohort" in doubt


def test_one_of_another_encoder_is_refused(db, cohort, tmp_path):
    fit_discriminant(db, "euclidean")
    with pytest.raises(GalleryError, match="fitted for made, this is gaitbase"):
        stored_discriminant(db.path, MatchingConfig(transform="lda"), ("gaitbase", "ab" * 32))
    other = enrolled(tmp_path / "other", model="gei-16")
    with pytest.raises(GalleryError, match=r"embeddings are of gei-16, the cohort's of made"):
        fit_discriminant(other, "euclidean", str(cohort))
    shutil.copy(db.path / FILE, other.path / FILE)
    assert any("was fitted for made" in problem for problem in verify(other).problems)


@pytest.mark.parametrize(
    "change",
    [
        lambda db: delete(db, "person 7"),
        lambda db: rename(db, "person 7", "Seven"),
        lambda db: merge(db, "person 7", ["person 8"]),
    ],
    ids=["delete", "rename", "merge"],
)
def test_what_has_learnt_from_somebody_goes_with_them(db, cohort, change):
    fit_discriminant(db, "euclidean")
    change(db)
    assert not (db.path / FILE).exists()
    assert not any(path.name.endswith(".npz") for path in db.files())
    assert stored_discriminant(db.path, MatchingConfig(transform="lda"), ENCODER) == (None, None)
    fit_discriminant(db, "euclidean", str(cohort))
    rename(db, "person 9", "Nine")
    assert read_discriminant(db.path).facts.fitted_on == "cohort"


def test_what_has_learnt_from_somebody_goes_when_they_expire(tmp_path):
    gallery = enrolled(tmp_path / "db")
    fit_discriminant(gallery, "euclidean")
    with gallery.writing() as writer:
        writer.add([template(50, 0, expires=now())])
    stored, _ = stored_discriminant(gallery.path, MatchingConfig(transform="lda"), ENCODER)
    assert outdated_line(stored, [one for one in gallery.templates() if not one.expired(now())], gallery.path) is None
    expire(gallery)
    assert not (gallery.path / FILE).exists()


def test_those_past_their_expiry_are_not_learnt_from(db):
    with db.writing() as writer:
        writer.add([template(50, number, expires=now()) for number in range(WALKS)])
    assert fit_discriminant(db, "euclidean").people == PEOPLE


def test_of_many_people_some_are_drawn_whole(db, monkeypatch):
    monkeypatch.setattr(stored_with, "MOST_WALKS", 4 * WALKS + 1)
    monkeypatch.setattr(stored_with, "READ_AT_ONCE", 5)
    facts = fit_discriminant(db, "euclidean")
    assert (facts.people, facts.walks) == (4, 4 * WALKS)
    stored, _ = stored_discriminant(db.path, MatchingConfig(transform="lda"), ENCODER)
    assert outdated_line(stored, db.templates(), db.path) is None


@pytest.mark.parametrize("place", [0.1, 0.4, 0.7])
def test_a_damaged_one_is_refused_in_one_line(db, place):
    fit_discriminant(db, "euclidean")
    content = bytearray((db.path / FILE).read_bytes())
    content[int(len(content) * place)] ^= 0x55
    (db.path / FILE).write_bytes(content)
    with pytest.raises(GalleryError, match=r"backend.npz: damaged. Fit it again") as caught:
        stored_discriminant(db.path, MatchingConfig(transform="lda"), ENCODER)
    assert "\n" not in str(caught.value)
    assert any("damaged" in problem for problem in verify(db).problems)
    assert stored_discriminant(db.path, MatchingConfig(), ENCODER) == (None, None)
    rename(db, "person 1", "One")
    assert not (db.path / FILE).exists()  # nobody knows what it had learnt


def rewritten(path, members):
    with zipfile.ZipFile(path) as file:
        kept = {name: file.read(name) for name in file.namelist()}
    with zipfile.ZipFile(path, "w") as file:
        for name, content in {**kept, **members(kept)}.items():
            file.writestr(name, content)


@pytest.mark.parametrize(
    "members",
    [
        lambda kept: {"facts.json": json.dumps({**json.loads(kept["facts.json"]), "backend": "pca"})},
        lambda kept: {"facts.json": json.dumps({**json.loads(kept["facts.json"]), "schema": 2})},
        lambda kept: {"facts.json": b"["},
        lambda kept: {"mean.npy": kept["projection.npy"]},
        lambda kept: {"mean.npy": b"\x93NUMPY\x01\x00"},
        lambda kept: {"evil.npy": pickled()},
        lambda kept: {"more.npy": kept["mean.npy"]},
    ],
    ids=["name", "schema", "no json", "other arrays", "no array", "a pickle", "more arrays"],
)
def test_what_it_says_of_itself_is_not_trusted(db, members):
    fit_discriminant(db, "euclidean")
    rewritten(db.path / FILE, members)
    with pytest.raises(GalleryError, match="damaged"):
        read_discriminant(db.path)


def test_one_of_a_kind_that_is_not_known_is_refused(db):
    fit_discriminant(db, "euclidean")
    rewritten(
        db.path / FILE, lambda kept: {"facts.json": json.dumps({**json.loads(kept["facts.json"]), "backend": "plda"})}
    )
    with pytest.raises(GalleryError, match=r"damaged. Fit it again: gait gallery fit"):
        read_discriminant(db.path)
    rename(db, "person 1", "One")
    assert not (db.path / FILE).exists()


def pickled():
    stream = io.BytesIO()
    np.save(stream, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    return stream.getvalue()


def test_anybody_may_read_the_file_without_this_program(db):
    facts = fit_discriminant(db, "cosine")
    with np.load(db.path / FILE, allow_pickle=False) as arrays:
        assert json.loads(arrays["facts.json"])["digest"] == facts.digest
        assert arrays["mean"].shape == SHAPE[::-1]
        assert arrays["projection"].dtype == np.float32


def test_reading_it_needs_no_embeddings(db):
    fit_discriminant(db, "euclidean")
    shutil.rmtree(db.path / "templates.lance")
    stored, _ = stored_discriminant(db.path, MatchingConfig(transform="lda"), ENCODER)
    assert stored.facts.people == PEOPLE


def test_people_changed_while_it_is_fitted_are_not_in_it(db, monkeypatch):
    real = stored_with.fit

    def meanwhile(*arguments):
        delete(db, "person 7")
        return real(*arguments)

    monkeypatch.setattr(stored_with, "fit", meanwhile)
    with pytest.raises(GalleryError, match="removed or changed while it was fitted"):
        fit_discriminant(db, "euclidean")
    assert not (db.path / FILE).exists()


def test_too_few_walks_are_refused(tmp_path):
    gallery = enrolled(tmp_path / "db", range(1))
    with pytest.raises(ConfigError, match="two people with two walks each"):
        fit_discriminant(gallery, "euclidean")
    with pytest.raises(GalleryError, match="nobody is enrolled"):
        fit_discriminant(Gallery.create(tmp_path / "empty"), "euclidean")


def test_a_calibration_holds_for_the_back_end_it_was_made_with(db):
    one = fit_discriminant(db, "euclidean").digest
    with db.writing() as writer:
        writer.add([template(77, number) for number in range(WALKS)])
    other = fit_discriminant(db, "euclidean").digest
    matching = MatchingConfig(transform="lda")
    assert one != other
    assert compared_by(matching, one) != compared_by(matching, other) != compared_by(matching)


def test_a_killed_fit_leaves_the_old_one_or_the_new_one(db):
    fit_discriminant(db, "euclidean")
    for kill in range(2):
        process = start_program("fit", db.path)
        assert process.stdout.readline() == "fitted\n", process.stderr.read()
        before = files_of(db.path)
        if kill:  # while it writes; the first while it computes
            wait_until(lambda: files_of(db.path) != before, process)  # noqa: B023 - waited for at once
        process.kill()
        finish(process, status=-signal.SIGKILL)
        assert read_discriminant(db.path).facts.metric in ("euclidean", "cosine")
    with db.writing() as writer:
        writer.tidy()
    assert verify(db).problems == []


def test_with_a_stored_one_the_very_nearest_by_it_are_found_block_by_block(db, monkeypatch):
    monkeypatch.setattr(search, "BLOCK_VALUES", 70 * walk(0, 0).parts.size)
    matching = MatchingConfig(transform="lda")
    searching = Search(db, matching, exact_up_to=0)
    assert len(searching.shortlist([walk(1, 50)])) == PEOPLE * WALKS  # none is stored
    assert "gait gallery fit" in searching.caution
    fit_discriminant(db, "euclidean")
    stored, _ = stored_discriminant(db.path, matching, ENCODER)
    searching, templates = Search(db, matching, exact_up_to=0, fitted=stored), db.templates()
    apart = stored.discriminant.between([walk(1, 50)], [one.embedding() for one in templates], "euclidean")[0]
    nearest = {templates[n].template for n in np.argsort(apart)[: search.KEPT]}
    assert {one.template for one in searching.shortlist([walk(1, 50)])} == nearest
    assert "an index does not serve matching.transform=lda" in searching.caution
    assert not searching.whole


def test_one_that_has_gone_is_missed(db):
    fit_discriminant(db, "euclidean")
    (db.path / FILE).unlink()
    with pytest.raises(
        GalleryError, match=r"backend.npz: missing. Restore a copy of it, or make it again: gait gallery"
    ):
        stored_discriminant(db.path, MatchingConfig(transform="lda"), ENCODER)
    assert [problem for problem in verify(db).problems if "backend.npz: missing" in problem]
    fit_discriminant(db, "euclidean")
    rename(db, "person 1", "One")  # it has learnt from them, so it goes, and nobody misses it
    assert stored_discriminant(db.path, MatchingConfig(transform="lda"), ENCODER) == (None, None)
    assert verify(db).problems == []


def test_the_commands_say_what_they_did(db, cohort, capsys):
    def said(*arguments):
        app(["gallery", *map(str, arguments), "--db", str(db.path)], prog_name="gait", standalone_mode=False)
        return capsys.readouterr().out

    with pytest.raises(ConfigError, match=r"matching\.transform=lda: an index does not serve it"):
        said("index", "--set", "matching.transform=lda")
    told = said("fit")
    assert f"lda for cosine distances of made, fitted on {PEOPLE * WALKS} walks of {PEOPLE} people of the" in told
    assert "--set matching.transform=lda" in told
    assert "of the cohort" in said("fit", "--cohort", cohort, "--set", "matching.metric=cosine")
    assert read_discriminant(db.path).facts.metric == "cosine"
