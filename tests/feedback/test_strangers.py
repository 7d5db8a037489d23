"""`gait gallery strangers` and `suggest`: who keeps coming, who may be one person, and who two."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import reviewed

import pipeline as gait
from pipeline.cli import app
from pipeline.config import MatchingConfig
from pipeline.errors import GalleryError, InputError
from pipeline.feedback.again import again
from pipeline.feedback.strangers import name_strangers, strangers
from pipeline.feedback.suggest import Compared, suggest
from pipeline.gallery.people import people_of, split
from pipeline.gallery.store import Gallery
from pipeline.gallery.template import new_id
from pipeline.jobs.people import People
from pipeline.matching.scores import Cohort
from pipeline.recognition.features import read_features, write_features
from pipeline.runs.folder import RunFolder
from pipeline.types import Embedding

ENROLLED = {("lobby", number): f"person {number}" for number in range(1, 6)}


@pytest.fixture
def runs(tmp_path):
    """Five people are enrolled; two strangers come on Monday, and both of them on Friday, with one of the five."""
    lobby = reviewed.run(tmp_path / "out/lobby", {"lobby": [(person, 0) for person in range(5)]})
    reviewed.enrol(tmp_path / "people", lobby, ENROLLED)
    monday = reviewed.run(tmp_path / "out/monday", {"street": [(30, 0), (31, 0)]})
    friday = reviewed.run(tmp_path / "out/friday", {"street": [(31, 1), (0, 1), (30, 1)]})
    for run in (monday, friday):
        again(run, tmp_path / "people")
    return monday, friday


def statuses(run):
    return {track.id: track.name or track.status for track in gait.read_run(run).probes["street"]}


def test_a_stranger_who_comes_again_is_one_group_and_naming_it_names_all_of_it(runs, tmp_path):
    monday, friday = runs
    found = strangers(runs)
    tracks = [{(walk.run.name, walk.key[1]) for walk in group.walks} for group in found.groups]
    assert {("monday", 1), ("friday", 3)} in tracks
    group = found.groups[tracks.index({("monday", 1), ("friday", 3)})]
    assert "street 0:40" in group.first and group.first < group.last
    page = found.page.read_text()
    assert found.page == friday / "strangers.html" and group.name in page and str(tmp_path) not in page
    assert page.count('class="portrait"') == sum(len(one.walks) for one in found.groups)
    outcomes = name_strangers(found, {group.name: "Cy"}, "ana")
    assert statuses(monday)[1] == statuses(friday)[3] == "Cy" and len(outcomes) == 2
    (cy,) = (one for one in people_of(Gallery.open(tmp_path / "people").templates()) if one.name == "Cy")
    assert len(cy.templates) == 2 and {one.run for one in cy.templates} == {"../out/monday", "../out/friday"}
    assert all(walk.run != monday or walk.key[1] != 1 for one in strangers(runs).groups for walk in one.walks)


def test_a_walk_that_is_in_two_runs_counts_once(runs, tmp_path):
    monday, friday = runs
    again_ = shutil.copytree(monday, tmp_path / "out/monday-again")
    counts = [
        sum(len(group.walks) for group in strangers(some, tmp_path / "people").groups)
        for some in ((monday, friday), (monday, again_, friday))
    ]
    assert counts[0] == counts[1] > 0


def test_the_command_lists_groups_and_names_one(runs, tmp_path, capsys):
    def say(*more):
        arguments = ["gallery", "strangers", *map(str, runs), "--db", str(tmp_path / "people"), *more]
        app(arguments, prog_name="gait", standalone_mode=False)
        return capsys.readouterr().out

    label = say().partition("--name ")[2].partition("=NAME")[0]
    assert label.startswith("unknown-") and "as you said" in say("--name", f"{label}=Cy")
    with pytest.raises(GalleryError, match="no such group"):
        say("--name", f"{label}=Di")


def test_a_stranger_whom_the_gallery_keeps_under_a_label_is_known_by_it_and_named_by_it(tmp_path):
    lobby = reviewed.run(tmp_path / "out/lobby", {"lobby": [(person, 0) for person in (0, 1, 2, 3, 4, 30)]})
    db = tmp_path / "people"
    reviewed.enrol(db, lobby, {**ENROLLED, ("lobby", 6): "unknown-12345678"}, named=False)
    run = reviewed.run(tmp_path / "out/monday", {"street": [(31, 0)]})
    (label,) = (one for one in Gallery.open(db).templates() if one.name == "unknown-12345678")
    results = json.loads((run / "results.json").read_text())
    results["probes"]["street"]["001"] |= {"identity": label.identity, "name": label.name}
    (run / "results.json").write_text(json.dumps(results))
    found = strangers([run], db)
    (group,) = found.groups
    assert (group.name, group.identity) == (label.name, label.identity)
    name_strangers(found, {group.name: "person 1"}, "ana", db)  # who is enrolled
    there = {one.name: len(one.templates) for one in people_of(Gallery.open(db).templates())}
    assert there["person 1"] == 2 and label.name not in there
    assert name_strangers(strangers([run], db), {}, "ana", db) == []


def test_a_group_may_be_somebody_who_is_enrolled(runs, tmp_path):
    monday, _ = runs
    found = strangers(runs)
    group = next(one for one in found.groups if any(walk.run == monday for walk in one.walks))
    name_strangers(found, {group.name: "Person 1"})
    there = {one.name: len(one.templates) for one in people_of(Gallery.open(tmp_path / "people").templates())}
    assert there == {"person 1": 1 + len(group.walks), **dict.fromkeys(list(ENROLLED.values())[1:], 1)}


def test_the_runs_are_found_in_the_output_folder(runs, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.move(tmp_path / "out", tmp_path / "output")  # what lies beside the folders goes with them
    people = gait.Gallery("people")
    assert people.strangers()
    with pytest.raises(InputError, match="no run in output/ was compared with elsewhere"):
        gait.Gallery("elsewhere").strangers()


def test_a_run_of_another_encoder_is_embedded_anew_from_its_silhouettes(runs, tmp_path):
    monday, _ = runs
    path = RunFolder(monday).features("street", 1)
    before, stored = statuses(monday), read_features(path, "street", 1)
    write_features(path, type(stored)("street", 1, stored.parts[:9], "another", "", 1))
    again(monday)
    assert statuses(monday) == before and (read_features(path, "street", 1).parts == stored.parts).all()


def points(seed, people, each):
    """Walks that lie around the point that is their person: N×6, and whose they are."""
    draw = np.random.default_rng(seed)
    whose = np.repeat(np.arange(people), each)
    return draw.normal(size=(people, 6))[whose] + draw.normal(0, 0.15, (len(whose), 6)), whose.tolist()


def test_two_who_are_one_and_one_who_is_two_are_suggested(made, tmp_path):
    values, whose = points(1, 10, 2)
    names = [f"person {who}" for who in whose]
    names[1] = "Once more"  # the second walk of the first person
    names[19] = "person 8"  # as the last person's second is called
    ids = {name: new_id() for name in names}
    templates = [
        replace(made(name, identity=ids[name]), parts=one[:, None].astype(np.float16))
        for name, one in zip(names, values, strict=True)
    ]

    def cohort():
        others, people = points(2, 60, 3)
        walks = [
            Embedding("made-up", n, one[:, None].astype(np.float32), "gei-16", "", 1) for n, one in enumerate(others, 1)
        ]
        return Cohort(walks, people)

    people = People.of_gallery(templates, MatchingConfig(metric="euclidean"), made_up=cohort)
    found = Compared(Gallery(tmp_path), people_of(templates), people).suggestions()
    assert {one.words for one in found} >= {"person 0 and Once more are one", "person 8 is two"}
    assert len(found) <= 3 and all(0.5 <= one.probability <= 1 for one in found)
    two = next(one for one in found if one.words == "person 8 is two")
    assert templates[19].template in two.command("db") or {t.template for t in two.templates[0]} == {
        templates[19].template
    }


def test_the_suggestion_can_be_done_as_it_is_printed(tmp_path, capsys):
    run = reviewed.run(tmp_path / "out/lobby", {"lobby": [*((person, 0) for person in range(6)), (0, 0)]})
    reviewed.enrol(tmp_path / "people", run, {("lobby", number): f"person {number}" for number in range(1, 8)})
    (one,) = suggest(tmp_path / "people", reviewed.config()).suggestions
    assert one.words == "person 1 and person 7 are one"
    options = [part for setting in reviewed.SETTINGS for part in ("--set", setting)]
    app(["gallery", "suggest", "--db", str(tmp_path / "people"), *options], "gait", standalone_mode=False)
    assert "suggestions.html" in capsys.readouterr().out
    page = (run / "suggestions.html").read_text()
    assert page.count('class="portrait"') == 2 and str(tmp_path) not in page
    app(one.command(str(tmp_path / "people")).split()[1:], "gait", standalone_mode=False)
    assert "person 1 " in capsys.readouterr().out
    app(["gallery", "suggest", "--db", str(tmp_path / "people"), *options], "gait", standalone_mode=False)
    assert "nobody is probably somebody else" in capsys.readouterr().out


def test_people_who_were_seen_together_are_not_one(tmp_path):
    run = reviewed.run(tmp_path / "out/a", {"lobby": [(0, 0), (0, 0), (1, 0), (2, 0), (3, 0)]}, together=True)
    reviewed.enrol(tmp_path / "people", run, ENROLLED)
    assert suggest(tmp_path / "people", reviewed.config()).suggestions == ()
    (run / "results.json").unlink()  # nobody can tell any more who was seen together
    (one,) = suggest(tmp_path / "people", reviewed.config()).suggestions
    assert one.words == "person 1 and person 2 are one"


def test_split_refuses_what_leaves_nobody(made, tmp_path):
    gallery = Gallery.create(tmp_path / "people")
    ada = made("Ada")
    with gallery.writing() as writer:
        writer.add([ada, made("Ada", identity=ada.identity), made("Bo")])
    with pytest.raises(GalleryError, match="looks like 'Bo'"):
        split(gallery, "Ada", "BO", [ada.template])
    with pytest.raises(GalleryError, match="all templates of Ada"):
        split(gallery, "Ada", "Cy", [t.template for t in gallery.templates() if t.name == "Ada"])
    with pytest.raises(GalleryError, match="no template of Bo"):
        split(gallery, "Bo", "Cy", [ada.template])
    one, other = split(gallery, "Ada", "Cy", [ada.template])
    assert (one.name, other.name) == ("Ada", "Cy") and json.dumps(sorted(t.name for t in gallery.templates())) == (
        '["Ada", "Bo", "Cy"]'
    )
