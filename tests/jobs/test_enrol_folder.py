"""A folder of clips is enrolled: who of a clip is its person, what is left out, what is missing. Tracks are made up."""

from __future__ import annotations

import json
from dataclasses import dataclass

import clips
import inprocess
import numpy as np
import pytest
import runs

import pipeline as gait
from pipeline.errors import ConfigError, GalleryError, InputError
from pipeline.gallery.store import Gallery, Writer
from pipeline.jobs import analyse
from pipeline.segmentation.storage import write_sequence
from pipeline.tracking.mot import write_mot
from pipeline.types import SilhouetteSequence, Tracklet
from pipeline.video import sha256_of

SETTINGS = {
    "recognition.encoder": "gei", "recognition.checkpoint": None, "recognition.mirroring": "off",
    "output.videos": False, "output.report": False,
}  # fmt: skip


@dataclass(frozen=True)
class Walk:
    """One track: how many silhouettes are usable, which way it leads, how much taller it ends, its first frame."""

    usable: int = 20
    heading: float = -1.0
    growth: float = 1.0
    begins: int = 0


LEFT, RIGHT, TOWARDS = Walk(), Walk(heading=1.0), Walk(heading=0.0, growth=2.0)


@pytest.fixture
def film(tmp_path, monkeypatch):
    """film("Ada.mp4", Walk(), …) makes a clip, in which these walks will be found; it returns the folder."""
    found: dict[str, tuple[Walk, ...]] = {}

    def extract_all(session, sources):
        for source in sources:
            walks = found[source.sha256]
            for number, walk in enumerate(walks, 1):
                masks, frames = runs.walker(4 + number, walk.usable), np.arange(walk.usable)
                quality = {"usable_share": walk.usable / max(walk.usable, 50), "heading": walk.heading}
                sequence = SilhouetteSequence(source.name, number, masks, frames, quality)
                write_sequence(session.folder.sequence(source.name, number), sequence)
            write_mot(session.folder.tracks(source.name), [tracklet(source.name, n, w) for n, w in enumerate(walks, 1)])
        return list(sources)

    def make(file: str, *walks: Walk):
        path = tmp_path / "clips" / file
        path.parent.mkdir(parents=True, exist_ok=True)
        clips.plain(path, frames=2 + len(found))  # so no two clips are the same
        found[sha256_of(path)] = walks
        return tmp_path / "clips"

    monkeypatch.setattr(analyse, "extract_all", extract_all)
    return make


def tracklet(video, number, walk):
    count = max(walk.usable, 50)
    heights = np.linspace(20, 20 * walk.growth, count)
    boxes = np.stack([np.full(count, 40.0), 60 - heights, 40 + heights / 2, np.full(count, 60.0)], axis=1)
    frames = walk.begins + np.arange(count)
    return Tracklet(video, number, frames, boxes.astype(np.float32), np.ones(count, np.float32), 25.0)


@pytest.fixture
def people(tmp_path):
    return gait.Gallery(tmp_path / "db", profile="offline", settings=SETTINGS, output=tmp_path / "output")


def told(run):
    return {clip.file: (clip.outcome, clip.reason) for clip in run.clips}


def test_everybody_is_enrolled_by_the_name_of_the_clip_in_one_write(film, people, monkeypatch):
    film("Ada.mp4", LEFT)
    film("Bo/1.mp4", LEFT)
    folder = film("Bo/2.mp4", RIGHT)
    writes = []
    monkeypatch.setattr(Writer, "add", lambda self, made, add=Writer.add: (writes.append(len(made)), add(self, made)))
    run = people.enrol(folder, consent="form 17")
    assert writes == [3]
    assert [(person.name, person.templates) for person in people.people()] == [("Ada", 1), ("Bo", 2)]
    assert {template.consent for template in Gallery.open(people.path).templates()} == {"form 17"}
    assert set(run.gallery) == {"Ada", "Bo-1", "Bo-2"} and {one for one, _ in told(run).values()} == {"new"}
    assert [(clip.person, clip.track, clip.usable) for clip in run.clips] == [
        ("Ada", 1, 20),
        ("Bo", 1, 20),
        ("Bo", 1, 20),
    ]


def test_the_person_of_a_clip_is_the_track_with_most_usable_frames(film, people):
    run = people.enrol(film("Ada.mp4", Walk(usable=12), Walk(usable=30), Walk(usable=3)))
    (clip,) = run.clips
    assert (clip.track, clip.usable, clip.outcome) == (2, 30, "new")
    assert [track.outcome for track in run.gallery["Ada"]] == ["", "new", ""]
    assert run.gallery["Ada"][0].reason == "another track is longer"
    assert [template.track for template in Gallery.open(people.path).templates()] == [2]


@pytest.mark.parametrize(
    ("begins", "words"),
    [(0, "more than one person: tracks 1 and 2"), (200, "maybe more than one person: tracks 1 and 2")],
    ids=["together", "one after the other"],
)
def test_a_clip_with_two_tracks_about_as_long_is_left_out(film, people, begins, words):
    run = people.enrol(film("Ada.mp4", Walk(usable=20), Walk(usable=10, begins=begins)))
    (clip,) = run.clips
    assert (clip.outcome, clip.reason, clip.rivals, clip.track) == ("", words, (1, 2), None)
    assert people.people() == [] and run.advice["Ada"].startswith("nothing was enrolled")


def test_what_cannot_be_recognised_is_left_out_with_the_reason(film, people):
    film("Ada/1.mp4", Walk(usable=4))
    film("Bo/1.mp4")
    folder = film("Cy/1.mp4", LEFT)
    (folder / "Dee").mkdir()
    (folder / "Dee/1.mp4").write_bytes(b"no video" * 99)
    (folder / "notes.txt").touch()
    run = people.enrol(folder)
    assert [person.name for person in people.people()] == ["Cy"]
    assert told(run) == {
        "Ada/1.mp4": ("", "4 usable silhouettes in 50 frames, 10 needed"),
        "Bo/1.mp4": ("", "nobody was found"),
        "Cy/1.mp4": ("new", ""),
        "Dee/1.mp4": ("", "this is text, not a video. Pass a video."),
    }
    assert [entry["name"] for entry in run.record["unreadable"]] == ["Dee-1"]
    assert "no clips, left out: notes.txt" in run.record["warnings"]
    assert str(folder) not in (run.path / "results.json").read_text() + (run.path / "run.json").read_text()


def test_a_further_copy_of_a_clip_is_left_out_and_one_of_somebody_else_refused(film, people):
    folder = film("Ada/1.mp4", LEFT)
    (folder / "Ada/2.mp4").write_bytes((folder / "Ada/1.mp4").read_bytes())
    assert told(people.enrol(folder))["Ada/2.mp4"] == ("", "the same video as Ada/1.mp4")
    (folder / "Bo.mp4").write_bytes((folder / "Ada/1.mp4").read_bytes())
    with pytest.raises(GalleryError, match=r"Ada/1\.mp4 and .*Bo\.mp4: the same video under the names of two people"):
        people.enrol(folder, merge=True)


def test_people_who_are_enrolled_get_further_templates_with_merge_only(film, people, tmp_path):
    people.enrol(film("Ada.mp4", LEFT))
    folder = film("Ada/2.mp4", RIGHT)
    before = sorted((tmp_path / "output").iterdir())
    with pytest.raises(GalleryError, match=r"'Ada' is enrolled already\. Give --merge"):
        people.enrol(folder)
    assert sorted((tmp_path / "output").iterdir()) == before  # before any work
    run = people.enrol(folder, merge=True)
    assert {file: outcome for file, (outcome, _) in told(run).items()} == {
        "Ada.mp4": "there already",
        "Ada/2.mp4": "added",
    }
    assert [(person.name, person.templates) for person in people.people()] == [("Ada", 2)]


@pytest.mark.parametrize(
    ("walks", "views", "advice"),
    [
        ([LEFT], ["left"], "only from the left; film them from the right and the front too"),
        (
            [RIGHT, TOWARDS],
            ["right", "front or back"],
            "only from the right and the front or back; film them from the left too",
        ),
        ([Walk(heading=0.0)], [""], "the view is not clear; film them from the left, the right and the front"),
        ([LEFT, RIGHT, TOWARDS], ["left", "right", "front or back"], "no view is known to be missing"),
    ],
    ids=["left", "right and front", "not clear", "all"],
)
def test_the_view_is_told_and_what_is_missing(film, people, walks, views, advice):
    for number, walk in enumerate(walks):
        folder = film(f"Ada/{number}.mp4", walk)
    run = people.enrol(folder)
    assert [clip.view for clip in run.clips] == views and run.advice == {"Ada": advice}


def test_views_that_were_enrolled_before_are_not_missing(film, people):
    folder = film("Ada.mp4", LEFT)
    people.enrol(folder)
    (folder / "Ada.mp4").unlink()
    run = people.enrol(film("Ada/2.mp4", RIGHT), merge=True)
    assert run.advice == {"Ada": "only from the left and the right; film them from the front too"}
    (folder / "Ada/2.mp4").unlink()
    people.enrol(film("Ada/3.mp4", TOWARDS), merge=True)
    (folder / "Ada/3.mp4").unlink()  # no box of it is kept, so it may have been from the front
    run = people.enrol(film("Ada/4.mp4", LEFT), merge=True)
    assert run.advice == {"Ada": "no view is known to be missing"}


@pytest.mark.parametrize(
    ("files", "words"),
    [
        (["Ada.mp4", "ADA.mov"], "'ADA' and 'Ada' look alike"),
        (["Ada/1.mp4", "Аda.mp4"], "look alike"),  # the second begins with a Cyrillic letter
        (["….mp4"], r"….mp4: the name '…' has nothing that can be read"),
        (["a" * 201 + "/1.mp4"], "has 201 characters"),
    ],
    ids=["case", "Cyrillic", "nothing to read", "too long"],
)
def test_names_that_a_gallery_does_not_keep_are_refused_before_any_work(film, people, files, words):
    for file in files:
        folder = film(file, LEFT)
    with pytest.raises(GalleryError, match=words):
        people.enrol(folder)
    assert not people.path.exists()


def test_a_folder_takes_no_names_of_tracks_and_wants_a_clip_that_can_be_read(film, people):
    folder = film("Ada.mp4", LEFT)
    with pytest.raises(ConfigError, match="--name is for one video"):
        people.enrol(folder, {1: "Bo"})
    (folder / "Ada.mp4").write_bytes(b"no video" * 99)
    with pytest.raises(InputError, match="not a video"):
        people.enrol(folder)
    assert not people.path.exists()


def test_clips_are_turned_as_the_settings_say(film, people, tmp_path):
    turned = gait.Gallery(people.path, profile="offline", settings={**SETTINGS, "video.rotate": 90}, output=tmp_path)
    assert turned.enrol(film("Ada.mp4", LEFT)).record["inputs"]["gallery"]["turn"] == 90


@pytest.fixture
def enrol(tmp_path):
    """enrol("--merge") is what the command does with the folder."""
    settings = [part for name, value in SETTINGS.items() for part in ("--set", f"{name}={json.dumps(value)}")]

    def call(*options):
        return inprocess.gait("enrol", "clips", "--db", "db", "--config", "offline", *settings, *options, cwd=tmp_path)

    return call


def test_the_command_prints_a_table_what_to_do_and_what_is_missing(film, enrol):
    film("Ada.mp4", LEFT)
    film("Bo/stairs.mp4", RIGHT, Walk(usable=15))
    film("[red]Cy.mp4", Walk(usable=3))
    done = enrol()
    assert done.returncode == 0, done.stderr
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in done.stdout.splitlines() if line[0] == "│"]
    assert rows[0] == ["[red]Cy", "[red]Cy.mp4", "3", "from the left", rows[0][-1]] and rows[0][-1].startswith("no: 3")
    assert ["Ada", "Ada.mp4", "20", "from the left", "new"] in rows
    lines = done.stdout.splitlines()
    command = "gait enrol clips/Bo/stairs.mp4 --db db --name 1=Bo --merge"
    assert f"Bo/stairs.mp4: name the track, 1 or 2: {command}" in lines
    assert "Ada: only from the left; film them from the right and the front too" in lines
    assert lines[-1].startswith("output/")


def test_the_exit_status_says_what_could_not_be_read_and_that_nobody_was_enrolled(film, enrol):
    folder = film("Ada.mp4", LEFT)
    (folder / "Bo.mp4").write_bytes(b"no video" * 99)
    done = enrol()
    assert done.returncode == 2 and "1 of 2 clips could not be read" in done.stderr.splitlines()[-1]
    assert "Ada.mp4" in done.stdout
    (folder / "Bo.mp4").unlink()
    (folder / "Ada.mp4").unlink()
    film("Cy.mp4")
    done = enrol("--merge")
    assert done.returncode == 2 and "no clip was enrolled" in done.stderr.splitlines()[-1]
