"""Searching by the index against searching everybody; and what becomes of the index when people come and go."""

from __future__ import annotations

import dataclasses
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pyarrow as pa
import pytest
from processes import finish

from pipeline.config import MatchingConfig
from pipeline.errors import GalleryError
from pipeline.gallery import index, search, store
from pipeline.gallery.index import build, fits, rows_later
from pipeline.gallery.people import delete, rename
from pipeline.gallery.search import Search
from pipeline.gallery.store import Gallery
from pipeline.gallery.template import Stored, Template, now
from pipeline.gallery.verify import verify
from pipeline.jobs.people import People
from pipeline.matching.distance import distance_matrix
from pipeline.matching.scores import Cohort
from pipeline.types import Embedding

PEOPLE, WALKS, SHAPE, FACTORS = 250, 4, (32, 16), 64


MIXING = np.random.default_rng(0).normal(size=(FACTORS, SHAPE[0] * SHAPE[1]))


def walk(person, number, video="crowd"):
    """A walk of a made-up person: factors of theirs and of the walk, mixed into all values."""
    spread = np.arange(1, FACTORS + 1) ** -0.5
    own = np.random.default_rng((1, person)).normal(size=FACTORS) * spread
    this = np.random.default_rng((2, person, number)).normal(size=FACTORS) * spread * 0.6
    return Embedding(
        video, person * 100 + number, ((own + this) @ MIXING).reshape(SHAPE).astype(np.float32), "m", "", 60
    )


def who(person):
    return np.random.default_rng((3, person)).bytes(8).hex()


def template(person, number, **facts):
    kept = {"identity": who(person), "name": f"person {person}", "video": "crowd", "video_sha256": ""}
    kept |= {"track": person * 100 + number, "run": "", "enrolled": now(), **facts}
    return Template.of(walk(person, number), Stored(b"a walk"), **kept)


@pytest.fixture(scope="module")
def crowd(tmp_path_factory):
    path = tmp_path_factory.mktemp("crowd") / "db"
    gallery = Gallery.create(path)
    with gallery.writing() as writer:  # two commits
        writer.add([template(person, number) for person in range(200) for number in range(WALKS)])
        writer.add([template(person, number) for person in range(200, PEOPLE) for number in range(WALKS)])
    build(gallery, "euclidean")
    return gallery


@pytest.fixture
def copied(crowd, tmp_path):
    """A gallery of one's own, indexed."""
    shutil.copytree(crowd.path, tmp_path / "db")
    return Gallery.open(tmp_path / "db")


def indexed(gallery, **settings):
    return Search(gallery, MatchingConfig(**settings), exact_up_to=0)


def nearest(probe, templates, metric="euclidean"):
    distances = distance_matrix([probe], [one.embedding() for one in templates], metric)[0]
    return templates[int(distances.argmin())].template


def recall(gallery, metric):
    everybody, search = gallery.templates(), indexed(gallery, metric=metric)
    probes = [walk(person, 50) for person in range(0, PEOPLE, 3)]
    rows = distance_matrix(probes, [one.embedding() for one in everybody], metric).argmin(axis=1)
    hits = 0
    for probe, row in zip(probes, rows, strict=True):
        found = search.shortlist([probe])
        assert not search.whole
        assert search.caution is None
        assert len(found) <= 24 < len(everybody) / 10
        hits += nearest(probe, found, metric) == everybody[row].template
    return hits / len(probes)


def test_the_index_finds_the_nearest_of_all(crowd):
    assert recall(crowd, "euclidean") >= 0.99


@pytest.mark.parametrize("metric", ["cosine", "frobenius"])
def test_the_index_finds_the_nearest_by_other_metrics(copied, metric):
    build(copied, metric)
    assert recall(copied, metric) >= 0.99


def test_of_a_small_gallery_everybody_is_returned_without_a_word(crowd):
    search = Search(crowd, MatchingConfig())
    assert len(search.shortlist([walk(1, 50)])) == PEOPLE * WALKS
    assert search.whole
    assert search.caution is None


def test_of_a_larger_gallery_some_others_tell_what_is_usual_and_strangers_stay_unknown(crowd, monkeypatch):
    monkeypatch.setattr(search, "WHOLE_UP_TO", 0)
    matching = MatchingConfig()
    strangers = [walk(person, 50) for person in range(300, 320)]
    known = [walk(person, 50) for person in range(0, 240, 12)]
    searching = Search(crowd, matching)
    found, enrolled = searching.among(searching.shortlist([*known, *strangers]))
    assert enrolled == PEOPLE and len({one.template for one in found}) == len(found)
    assert len(found) >= search.SAMPLE and not searching.whole

    def made_up():
        whose = [person for person in range(400, 460) for _ in range(3)]
        return Cohort([walk(person, place % 3) for place, person in enumerate(whose)], whose)

    people = dataclasses.replace(
        People.of_gallery(found, matching, made_up=made_up), enrolled=enrolled, aside=search.KEPT
    )
    answers = people.match([*known, *strangers], [], {})
    right = [answer.identity == f"person {person}" for answer, person in zip(answers, range(0, 240, 12), strict=False)]
    assert sum(right) >= 8
    assert sum(answer.status == "known" for answer in answers[20:]) <= 2
    assert people.evidence.people == PEOPLE


@pytest.mark.parametrize("metric", ["euclidean", "cosine", "frobenius"])
def test_of_a_larger_gallery_the_very_nearest_are_returned_without_an_index(crowd, monkeypatch, metric):
    monkeypatch.setattr(search, "WHOLE_UP_TO", 0)
    monkeypatch.setattr(search, "BLOCK_VALUES", 300 * SHAPE[0] * SHAPE[1])
    probes, searching = [walk(person, 50) for person in (3, 77)], Search(crowd, MatchingConfig(metric=metric))
    everybody = crowd.templates()
    apart = distance_matrix(probes, [one.embedding() for one in everybody], metric)
    nearest = {everybody[n].template for row in apart for n in np.argsort(row)[: search.KEPT]}
    assert {one.template for one in searching.shortlist(probes)} == nearest
    assert not searching.whole
    assert searching.caution is None


@pytest.fixture
def without(copied, monkeypatch):
    """What searches one's own gallery without an index, a few rows at a time."""
    monkeypatch.setattr(search, "WHOLE_UP_TO", 0)
    monkeypatch.setattr(search, "BLOCK_VALUES", 130 * SHAPE[0] * SHAPE[1])
    return Search(copied, MatchingConfig())


def test_without_an_index_new_people_are_found_and_removed_ones_are_not(copied, without):
    with copied.writing() as writer:
        writer.add([template(1000, number) for number in range(WALKS)])
    for person in (1000, 7):
        probe = walk(person, 50)
        assert nearest(probe, without.shortlist([probe])) == nearest(probe, copied.templates())
    delete(copied, "person 7")
    probe = walk(7, 50)
    found = without.shortlist([probe])
    assert "person 7" not in {one.name for one in found}
    assert nearest(probe, found) == nearest(probe, copied.templates())
    assert not without.whole


def test_without_an_index_those_past_their_expiry_are_not_found(copied, without):
    with copied.writing() as writer:
        writer.rewrite({one.template: dataclasses.replace(one, expires=now()) for one in copied.templates()[40:]})
    current = [one for one in copied.templates() if not one.expires]
    probe = walk(77, 50)  # whose walks are among those
    found = without.shortlist([probe])
    assert all(one.expires is None for one in found)
    assert nearest(probe, found) == nearest(probe, current)
    with copied.writing() as writer:
        writer.rewrite({one.template: dataclasses.replace(one, expires=now()) for one in current})
    assert without.shortlist([probe]) == []


def test_without_an_index_the_nearest_among_many_copies_of_a_walk_are_found(copied, without):
    own = walk(3, 50)
    steps = [np.float32(2**-9) * n for n in range(60)]  # more than a sieve keeps, nearer than anybody else
    copies = [
        dataclasses.replace(template(1000 + n, 0), parts=(own.parts.astype(np.float16) * (1 + step)).astype(np.float16))
        for n, step in enumerate(steps)
    ]
    with copied.writing() as writer:
        writer.add(copies[::-1])
    assert {one.name for one in without.shortlist([own])} == {f"person {1000 + n}" for n in range(search.KEPT)}


def test_distances_beyond_float32_are_taken_exactly(copied, without, monkeypatch):
    probe = walk(7, 50)
    expected = {one.template for one in without.shortlist([probe])}
    monkeypatch.setattr(search.Sieve, "apart", lambda self, rows: np.full((1, len(rows)), np.inf, np.float32))
    assert {one.template for one in without.shortlist([probe])} == expected


def test_a_changed_row_that_is_found_is_refused(copied, without):
    probe = walk(7, 50)
    chosen = nearest(probe, copied.templates())
    (row,) = (one for one in copied.templates() if one.template == chosen)
    places = [
        (path, path.read_bytes().find(row.parts.tobytes()))
        for path in copied.data_files()
        if row.parts.tobytes() in path.read_bytes()
    ]
    assert places
    for path, place in places:
        content = bytearray(path.read_bytes())
        content[place] ^= 1  # the last bit of a value
        path.write_bytes(content)
    for searching in (without, indexed(copied)):
        with pytest.raises(GalleryError, match="is not what was written"):
            searching.shortlist([probe])


def test_several_probes_get_what_each_of_them_would(crowd):
    probes = [walk(person, 50) for person in (3, 77, 240)]
    alone = {one.template for probe in probes for one in indexed(crowd).shortlist([probe])}
    assert {one.template for one in indexed(crowd).shortlist(probes)} == alone


def test_new_people_are_found_before_the_next_index(copied):
    search = indexed(copied)
    search.shortlist([walk(0, 50)])  # it has looked already
    for person in (1000, 1001):  # a commit each
        with copied.writing() as writer:
            writer.add([template(person, number) for number in range(WALKS)])
        for found in (search.shortlist([walk(person, 50)]), indexed(copied).shortlist([walk(person, 50)])):
            assert {one.identity for one in found} >= {who(person)}
            assert nearest(walk(person, 50), found) == nearest(walk(person, 50), copied.templates())
    assert copied.table().index_stats("embedding_idx").num_unindexed_rows == 2 * WALKS
    assert verify(copied).problems == []


def test_the_index_still_fits_after_files_are_merged(copied):
    search = indexed(copied)
    with copied.writing() as writer:
        for person in range(1000, 1005):
            writer.add([template(person, 0)])
        writer.tidy()
    assert copied.table().index_stats("embedding_idx").num_unindexed_rows == 0
    assert nearest(walk(1003, 50), search.shortlist([walk(1003, 50)])) == nearest(walk(1003, 50), copied.templates())
    assert not search.whole


def test_indexing_merges_small_files(copied):
    for person in range(PEOPLE, PEOPLE + 3):
        with copied.writing() as writer:
            writer.add([template(person, 0)])
    before = [one.digest for one in copied.templates()]
    build(copied, "euclidean")
    assert copied.facts().data_files == 1
    assert copied.facts().versions == 1  # of an older index nothing is left
    assert [one.digest for one in copied.templates()] == before
    assert verify(copied).problems == []
    probe = walk(PEOPLE + 1, 50)
    assert nearest(probe, indexed(copied).shortlist([probe])) == nearest(probe, copied.templates())


def test_many_who_came_after_the_index_are_told_of(copied, monkeypatch):
    with copied.writing() as writer:
        writer.add([template(person, 0) for person in range(PEOPLE, PEOPLE + 20)])
    assert rows_later(copied.table()) == 0
    monkeypatch.setattr(index, "FEW_LATER", 10)
    monkeypatch.setattr(index, "LATER_SHARE", 100)
    assert rows_later(copied.table()) == 20
    assert any("20 templates are later than the index" in remark for remark in verify(copied).remarks)


def test_a_mean_is_over_all_walks_of_a_person(copied):
    for settings in ({"templates": "mean"}, {"templates": "weighted"}):
        found = indexed(copied, **settings).shortlist([walk(5, 50)])
        counts = {one.identity: 0 for one in found}
        for one in found:
            counts[one.identity] += 1
        assert set(counts.values()) == {WALKS}


def test_deleting_somebody_leaves_nothing_of_any_index(copied):
    old = copied.path / "index"  # of an earlier version of this program
    old.mkdir()
    (old / "0123abcd.npz").write_bytes(b"projections")
    delete(copied, "person 7")
    assert fits(copied.table(), "euclidean") is None
    assert not [path for path in copied.files() if "_indices" in path.parts or path.is_relative_to(old)]
    assert verify(copied).problems == []
    build(copied, "euclidean")
    assert "person 7" not in {one.name for one in indexed(copied).shortlist([walk(7, 50)])}


def test_a_search_that_goes_on_follows_what_is_done_to_the_gallery(copied):
    search = indexed(copied)
    search.shortlist([walk(7, 50)])
    delete(copied, "person 7")
    found = search.shortlist([walk(7, 50)])
    assert "all 996 templates are compared. Index it: gait gallery index" in search.caution
    assert "person 7" not in {one.name for one in found}
    build(copied, "euclidean")
    rename(copied, "person 8", "Eight")
    build(copied, "euclidean")
    assert "Eight" in {one.name for one in search.shortlist([walk(8, 50)])}
    assert search.caution is None


def test_an_embedding_that_is_not_finite_is_refused(copied, monkeypatch):
    monkeypatch.setattr(search, "WHOLE_UP_TO", 0)
    table = copied.table()
    row = table.search().limit(1).to_arrow()
    values = np.zeros(SHAPE[0] * SHAPE[1], np.float16)
    values[5] = np.inf  # LanceDB takes no NaN
    place = row.schema.get_field_index("embedding")
    bad = pa.FixedSizeListArray.from_arrays(pa.array(values), len(values))
    table.add(row.set_column(place, row.schema.field(place), bad))
    with pytest.raises(GalleryError, match="not finite"):
        Search(copied, MatchingConfig()).shortlist([walk(7, 50)])


def test_people_past_their_expiry_are_no_candidates(copied):
    over = now()
    with copied.writing() as writer:
        writer.rewrite({one.template: dataclasses.replace(one, expires=over) for one in copied.templates()[40:]})
    build(copied, "euclidean")
    search = indexed(copied)
    found = search.shortlist([walk(7, 50)])  # of ten people left
    assert nearest(walk(7, 50), found) == nearest(walk(7, 50), [one for one in copied.templates() if not one.expires])
    assert search.expired == PEOPLE * WALKS - 40
    assert all(one.expires is None for one in found)
    assert [len(search.everybody(found))] == [40]


def test_where_all_are_past_their_expiry_nobody_is_found(copied):
    with copied.writing() as writer:
        writer.rewrite({one.template: dataclasses.replace(one, expires=now()) for one in copied.templates()})
    assert indexed(copied).shortlist([walk(7, 50)]) == []
    assert indexed(copied, templates="mean").shortlist([walk(7, 50)]) == []


@pytest.mark.parametrize("damage", ["truncated", "missing"])
def test_a_damaged_index_is_told_of_and_everybody_is_compared(copied, monkeypatch, damage):
    monkeypatch.setattr(store, "ATTEMPTS", 2)
    for path in (copied.path / "templates.lance/_indices").rglob("*.idx"):
        path.unlink() if damage == "missing" else path.write_bytes(path.read_bytes()[:100])
    search = indexed(copied)
    found = search.shortlist([walk(1, 50)])
    assert nearest(walk(1, 50), found) == nearest(walk(1, 50), copied.templates())
    assert "its index is damaged and not used" in search.caution
    assert search.caution.count("\n") == 0
    build(copied, "euclidean")
    search.shortlist([walk(1, 50)])
    assert search.caution is None


def test_what_an_index_does_not_serve_is_told(crowd):
    search = indexed(crowd, score_norm="s")
    assert len(search.shortlist([walk(1, 50)])) == PEOPLE * WALKS
    assert "matching.score_norm=s needs the distances to all" in search.caution
    search = indexed(crowd, metric="cosine")
    assert nearest(walk(1, 50), search.shortlist([walk(1, 50)]), "cosine")
    assert "its index is for another matching.metric. Index it:" in search.caution
    assert indexed(crowd, metric="frobenius").shortlist([walk(1, 50)])  # it is near to the euclidean


def test_embeddings_that_make_no_index_are_refused_and_searched_all_the_same(tmp_path, monkeypatch):
    gallery, odd = Gallery.create(tmp_path / "db"), walk(0, 0).parts[:5, :3].astype(np.float16)
    with gallery.writing() as writer:
        writer.add([dataclasses.replace(template(n, 0), parts=odd + np.float16(n)) for n in range(index.LEAST)])
    with pytest.raises(GalleryError, match="no index is made of embeddings of 15 values, which 8 does not divide"):
        build(gallery, "euclidean")
    probe = dataclasses.replace(walk(0, 0), parts=odd.astype(np.float32) + 30)
    assert nearest(probe, indexed(gallery).shortlist([probe])) == nearest(probe, gallery.templates())


def test_too_few_are_nothing_to_index(tmp_path):
    with pytest.raises(GalleryError, match="0 templates are too few for an index"):
        build(Gallery.create(tmp_path / "db"), "euclidean")


ENROL = """
import sys; sys.path[:0] = sys.argv[2:]
from pathlib import Path
from pipeline.gallery.store import Gallery
from test_search import template
gallery = Gallery.open(Path(sys.argv[1]))
for person in range(2000, 2010):
    with gallery.writing() as writer:
        writer.add([template(person, number) for number in range(4)])
    print(person, flush=True)
"""


def test_whoever_another_process_enrols_is_found_at_once(copied, request):
    command = [sys.executable, "-c", ENROL, str(copied.path), *map(str, request.path.parents[:2])]
    search, seen = indexed(copied), 0
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        for line in process.stdout:
            person = int(line)
            assert who(person) in {one.identity for one in search.shortlist([walk(person, 50)])}
            assert not search.whole
            if person == 2004:
                build(copied, "euclidean")  # while the other one goes on
            seen += 1
    finally:
        finish(process)
    assert seen == 10
    assert verify(copied).problems == []


INDEX = """
import sys; sys.path[:0] = sys.argv[2:]
from pathlib import Path
from pipeline.gallery.index import build
from pipeline.gallery.store import Gallery
while True:
    build(Gallery.open(Path(sys.argv[1])), "cosine")
    print("indexed", flush=True)
"""


def test_a_killed_index_leaves_a_gallery_that_is_searched_as_before(copied, request):
    command = [sys.executable, "-c", INDEX, str(copied.path), *map(str, request.path.parents[:2])]
    for moment in (0, 0.05):  # seconds into the next one
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            assert process.stdout.readline() == "indexed\n"
            time.sleep(moment)
        finally:
            process.kill()
            finish(process, status=-signal.SIGKILL)
        probe = walk(1, 50)
        assert nearest(probe, indexed(copied).shortlist([probe])) == nearest(probe, copied.templates())
    build(copied, "euclidean")
    assert copied.facts().versions == 1
    assert verify(copied).problems == []
    delete(copied, "person 7")
    assert not [path for path in copied.files() if "_indices" in path.parts]
