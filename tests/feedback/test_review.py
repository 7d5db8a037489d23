"""`gait review`: what a person says is enrolled, decides, tells later runs, and can be taken back."""

from __future__ import annotations

import contextlib
import json
import signal

import pytest
import reviewed
from processes import finish, start_program, wait_until

import pipeline as gait
from pipeline.cli import app
from pipeline.errors import GaitError, GalleryError
from pipeline.feedback.again import again
from pipeline.feedback.answers import Said
from pipeline.feedback.say import review, undo
from pipeline.gallery.people import delete
from pipeline.gallery.reviews import FILE, Item, Review, read_reviews, write_reviews
from pipeline.gallery.store import Gallery
from pipeline.gallery.verify import verify

GALLERY = [(person, 0) for person in range(5)]
STREET = [(0, 1), (1, 1), (30, 0), (31, 0), (-1, 0)]  # the last is too short


@pytest.fixture
def run(tmp_path):
    return reviewed.run(tmp_path / "out/a", {"street": STREET}, GALLERY)


def answers(run, video="street"):
    return {track.id: track.name or track.status for track in gait.read_run(run).probes[video]}


def test_what_a_person_says_is_the_answer_and_kept_with_the_template(run, capsys):
    before = answers(run)
    outcome = review(run, Said(wrong={"street/2": "gallery-004"}, new={"street/3": "Cy"}, by="ana"))
    after = answers(run)
    assert (after[2], after[3]) == ("gallery-004", "Cy") and before[3] != "Cy"
    assert {change.after.id for change in outcome.changed if change.told} == {2, 3}
    assert (outcome.judged, outcome.right_before) == (2, before[3] == "unknown")
    entry = json.loads((run / "results.json").read_text())
    assert entry["unknown"]["judged"] == 2 and entry["probes"]["street"]["002"]["identity"] == "gallery-004"
    own = [entry["probes"]["street"][track]["distance"] for track in ("002", "003")]
    assert own[0] > 0.01 and own[1] is None, "a walk was compared with its own template"
    assert "ana said so on 20" in entry["probes"]["street"]["003"]["reason"]
    assert "ana said so" in (run / "report.html").read_text()
    people = Gallery.open(run / "people").templates()
    (cy,) = (one for one in people if one.name == "Cy")
    assert (cy.video, cy.track, cy.quality["usable_share"], cy.run) == ("street", 3, 1.0, "..")
    assert len(people) == len(GALLERY) + 2
    app(["gallery", "show", "Cy", "--db", str(run / "people")], prog_name="gait", standalone_mode=False)
    assert "new, ana, 20" in capsys.readouterr().out


def test_undo_gives_back_what_was_there_before(run):
    before = (run / "results.json").read_bytes()
    review(run, Said(right=["street/1"] if answers(run)[1] == "gallery-001" else [], new={"street/3": "Cy"}))
    once = (run / "results.json").read_bytes()
    review(run, Said(wrong={"street/4": "Cy"}, by="bo"))
    last, _ = undo(run)
    assert last.by == "bo" and json.loads((run / "results.json").read_text()) == json.loads(once)
    undo(run)
    assert (run / "results.json").read_bytes() == before and not (run / "people").exists()
    with pytest.raises(GaitError, match="no gallery there"):
        undo(run)


def test_later_runs_know_who_was_named_and_what_was_judged(run, tmp_path):
    later = reviewed.run(tmp_path / "out/b", {"yard": [(30, 1), (31, 1), (0, 1)]})
    db = run / "people"
    review(run, Said(new={"street/3": "Cy", "street/4": "Di"}))
    outcome = again(later, db)
    named = answers(later, "yard")
    assert {named[1], named[2]} <= {"Cy", "Di", "unknown"} and (named[1] == "Cy" or named[2] == "Di")
    assert outcome.before == (0, 3) and outcome.after[0] >= 1
    assert json.loads((later / "results.json").read_text())["unknown"]["judged"] == 2
    assert again(later).gallery == db.resolve()  # which is known from then on


def test_who_it_is_not_is_never_said_again_and_nothing_is_enrolled(run):
    named = next(track for track in gait.read_run(run).probes["street"] if track.status == "known")
    review(run, Said(wrong={f"street/{named.id}": None}))
    assert answers(run)[named.id] != named.name
    again(run)
    after = next(track for track in gait.read_run(run).probes["street"] if track.id == named.id)
    assert after.name != named.name and named.name not in [candidate.name for candidate in after.candidates]
    gallery = Gallery.open(run / "people")
    assert len(gallery.templates()) == len(GALLERY)
    ((item,),) = (one.items for one in read_reviews(gallery.path, ()))
    assert item.own is None and len(item.others) == item.people == 1


def test_a_removed_person_leaves_no_trace_in_what_was_said(run):
    review(run, Said(wrong={"street/2": "gallery-004"}, new={"street/3": "Cy"}))
    gallery = Gallery.open(run / "people")
    assert delete(gallery, "Cy")[1].after == 0
    ((item,),) = (one.items for one in read_reviews(gallery.path, {t.template for t in gallery.templates()}))
    assert item.track == "street/2" and "street/3" not in (gallery.path / FILE).read_text()
    assert verify(gallery).problems == []


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (Said(right=["street/9"]), "no track 9"),
        (Said(right=["gallery/1"]), "a track of the gallery video"),
        (Said(new={"street/5": "Cy"}), "cannot be recognised"),
        (Said(wrong={"street/1": "Bo"}), "--new street/1='Bo'"),
        (Said(new={"street/1": "Gallery-OO1"}), "looks like 'gallery-001'"),
        (Said(new={"street/1": "Cy"}, right=["street/1"]), "two things"),
        (Said(new={"street/1": "\x1b[2J"}), "no text"),
        (Said(), "nothing is said"),
    ],
)
def test_what_cannot_be_is_refused_and_changes_nothing(run, said, why):
    before = (run / "results.json").read_bytes()
    with pytest.raises(GaitError, match=why.replace("[", r"\[")):
        review(run, said)
    assert (run / "results.json").read_bytes() == before
    assert not Gallery.exists(run / "people") or Gallery.open(run / "people").templates() == []


def test_what_was_said_once_has_to_be_taken_back_first(run):
    review(run, Said(new={"street/3": "Cy"}, by="ana"))
    with pytest.raises(GalleryError, match=r"ana said who that is on .* --undo"):
        review(run, Said(wrong={"street/3": "gallery-001"}))


def test_two_in_one_frame_are_two_people_and_the_others_are_told_by_it(tmp_path):
    run = reviewed.run(tmp_path / "out/a", {"street": [(0, 1), (1, 1)]}, GALLERY, together=True)
    with pytest.raises(GalleryError, match="seen in the same frames"):
        review(run, Said(new={"street/1": "Cy", "street/2": "Cy"}))
    review(run, Said(wrong={"street/1": "gallery-002"} if answers(run)[1] != "gallery-002" else {}, right=[]))
    assert answers(run)[2] != "gallery-002"


def test_of_a_killed_review_nothing_counts_not_even_what_enrols_nobody(made, tmp_path):
    gallery = Gallery.create(tmp_path / "people")
    ada = made("Ada")
    items = [
        Item(walk="1", run="r", track="street/1", said="new", template=ada.template, added=True),
        Item(walk="2", run="r", track="street/2", said="wrong", others=(-1.0,), people=1),
    ]
    facts = {"by": "ana", "at": "2026-01-31T18:05:09+00:00", "model": "m", "checkpoint_sha256": "", "compared_by": {}}
    killed = Review(id="1", pending=True, items=tuple(items), **facts)
    with gallery.writing() as writer:
        write_reviews(gallery.path, [killed])
        assert read_reviews(gallery.path, []) == []
        assert [len(one.items) for one in read_reviews(gallery.path, [ada.template])] == [2]
        writer.tidy()
        assert not (gallery.path / FILE).exists()


def test_a_damaged_review_is_one_line(run):
    review(run, Said(new={"street/3": "Cy"}))
    (run / "people" / FILE).write_text('{"reviews": [{}]}')
    with pytest.raises(GalleryError, match=r"reviews.json: damaged"):
        again(run)
    assert any("reviews.json" in problem for problem in verify(Gallery.open(run / "people")).problems)


def test_python_reviews_decides_again_and_takes_back(run):
    assert gait.review(run, new={"street/3": "Cy"}).after[0] >= 1
    outcome = gait.review(gait.read_run(run), wrong={"street/4": "Cy"}, by="bo")
    assert outcome.judged == 2 and answers(run)[4] == "Cy"
    assert gait.decide_again(run).changed == ()
    assert "Cy" in [change.before.name for change in gait.undo_review(run).changed]


def test_the_command_says_what_changed_and_by_how_much(run, capsys):
    say = ["review", str(run), "--wrong", "street/2=gallery-004", "--new", "street/3=Cy", "--by", "ana"]
    app(say, prog_name="gait", standalone_mode=False)
    said = capsys.readouterr().out
    assert "street 002: " in said and "→ gallery-004 100% (as you said)" in said
    assert "2 because a person said so" in said and "of 2 walks that a person judged, " in said
    app(["identify", "--again", str(run)], prog_name="gait", standalone_mode=False)
    said = capsys.readouterr().out
    assert "0 answers changed" in said and "of 2 walks that a person judged, " in said


def written(run, sign):
    """The files of that sign, with their times; without those that vanish meanwhile."""
    found = {}
    for path in run.glob(sign):
        with contextlib.suppress(FileNotFoundError):
            found[path] = path.stat().st_mtime_ns
    return found


@pytest.mark.parametrize("sign", ["people/reviews.json", "people/templates.lance/_versions/*"])
def test_kill_9_during_a_review_leaves_the_old_state_or_the_new(run, sign):
    old = answers(run)
    review(run, Said(new={"street/4": "Di"}))  # the gallery is there
    first = answers(run)
    there = written(run, sign)
    process = start_program("review", run, "street/3=Cy")
    wait_until(lambda: written(run, sign) != there, process)
    process.send_signal(signal.SIGKILL)
    finish(process, status=-signal.SIGKILL)
    now, gallery = answers(run), Gallery.open(run / "people")
    templates = gallery.templates()
    assert now == first or (now[3] == "Cy" and old[3] != "Cy"), "neither the old answers nor the new"
    counted = [item.track for one in read_reviews(gallery.path, {t.template for t in templates}) for item in one.items]
    enrolled = "Cy" in {template.name for template in templates}
    assert enrolled == ("street/3" in counted), "somebody is enrolled whom nobody named, or named and not enrolled"
    if enrolled:
        again(run)
    else:
        assert now == first
        review(run, Said(new={"street/3": "Cy"}))
    assert answers(run)[3] == "Cy"
    with gallery.writing() as writer:
        writer.tidy()
    assert verify(gallery).problems == []
    assert not list(run.rglob(".partial*"))
