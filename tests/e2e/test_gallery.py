"""Enrol from one video, identify in another, by the real command line and the light profile."""

from __future__ import annotations

import json
import re

import cv2
import handed_on
import pytest

from pipeline.gallery.store import Gallery
from pipeline.gallery.verify import verify
from pipeline.video import open_video

pytestmark = pytest.mark.slow

NAMES = {1: "Ада", 2: "Zoë M.", 3: "Cy"}


@pytest.fixture(scope="module")
def gait(gait_in, tmp_path_factory):
    return gait_in(tmp_path_factory.mktemp("gallery"))


@pytest.fixture(scope="module")
def enrolled(gait, walkers):
    """Three of four people of the first seconds of the gallery video, by name."""
    names = [part for track, name in NAMES.items() for part in ("--name", f"{track}={name}")]
    done = gait("enrol", walkers("gallery"), "--db", "people", *names, "--consent", "form 17", "--expires", "30")
    assert done.returncode == 0, done.stderr
    return done


@pytest.fixture(scope="module")
def identified(gait, enrolled, walkers):
    near = "matching.threshold=0.2"  # so short walks are far from one another
    done = gait("identify", walkers("probe2"), "--db", "people", "--unknown-as", "new", "--set", near)
    assert done.returncode == 0, done.stderr
    return done


def templates(gait):
    return Gallery.open(gait.cwd / "people").templates()


def refused(gait, *arguments):
    done = gait(*arguments)
    assert done.returncode == 2, done.stdout
    return done.stderr.strip().splitlines()[-1]


def test_nothing_says_where_it_was_made_and_nothing_is_open_to_others(enrolled, identified, gait, walkers):
    (gait.cwd / "sent").mkdir(exist_ok=True)
    assert gait("gallery", "export", "sent/people.zip", "--db", "people").returncode == 0
    places = gait.cwd, gait.home, walkers("gallery").parent
    for folder in (*gait.runs(), gait.cwd / "people", gait.cwd / "sent"):
        assert handed_on.saying(folder, *places) == []
        assert handed_on.open_to_others(folder) == [] or folder.name == "sent"
    assert handed_on.open_to_others(gait.cwd / "output/.cache") == []
    assert (gait.cwd / "sent/people.zip").stat().st_mode & 0o777 == 0o600


def test_enrol_tells_which_track_is_who(enrolled, gait, walkers):
    *tracks, folder = enrolled.stdout.splitlines()
    assert [line.split(" (")[0] for line in tracks[:3]] == ["track 001: Ада", "track 002: Zoë M.", "track 003: Cy"]
    assert tracks[3] == "track 004: not named"
    with open_video(gait.cwd / folder / f"videos/{walkers('gallery').stem}.mp4") as video:
        assert len(list(video)) == 20
    results = json.loads((gait.cwd / folder / "results.json").read_text())
    (entries,) = results["gallery"].values()
    assert entries["002"]["name"] == "Zoë M." and entries["004"]["status"] == "not named"


def test_identify_names_those_who_are_enrolled_and_labels_the_other(identified, gait, walkers):
    folder = gait.cwd / identified.stdout.splitlines()[-1]
    results = json.loads((folder / "results.json").read_text())
    ((video, tracks),) = results["probes"].items()
    assert len(tracks) == 4 and json.loads((folder / "run.json").read_text())["status"] == "done"
    known = {track: row["name"] for track, row in tracks.items() if row["status"] == "known"}
    assert set(known.values()) <= set(NAMES.values()) and len(set(known.values())) == len(known) > 0
    for row in tracks.values():
        if row["status"] == "known":
            assert results["people"][row["identity"]]["name"] == row["name"]
        else:
            assert row["name"].startswith("unknown-")
    assert all(name in identified.stdout for name in known.values())
    with open_video(folder / f"videos/{video}.mp4") as annotated:
        assert len(list(annotated)) == 20


def test_the_report_of_an_enrolment_shows_who_is_enrolled_as_whom(enrolled, gait):
    folder = gait.cwd / enrolled.stdout.splitlines()[-1]
    html = (folder / "report.html").read_text(encoding="utf-8")
    assert "3 of 4 walks in the video belong to people who are enrolled now." in html
    assert all(f">{name}</span>" in html for name in NAMES.values()) and html.count("✓ enrolled") == 3
    assert html.count("others were named") == 1 and 'id="answers"' not in html and "#answers" not in html
    assert html.count('alt="Gait energy image of') == html.count(" silhouettes of ") == 4  # of the strips
    assert html.count('alt="Person of ') == len(list(folder.glob("portraits/*/*.jpg"))) == 4
    assert html.count("<video") == 1


def test_the_report_of_an_identification_shows_the_enrolled_beside_those_seen(identified, gait):
    folder = gait.cwd / identified.stdout.splitlines()[-1]
    html = (folder / "report.html").read_text(encoding="utf-8")
    results = json.loads((folder / "results.json").read_text())
    ((video, tracks),) = results["probes"].items()
    cards = html.split('<article class="card" id="answer-')[1:]
    assert len(cards) == 4
    for card, (track, row) in zip(cards, tracks.items(), strict=True):
        assert row["reason"] in card and f'alt="Person of {video}, track {int(track)}"' in card
        nearest = row["candidates"][0]["name"] if row["status"] == "unknown" else row["name"]
        assert f">{nearest}</span>" in card.split("person two")[1]
        assert "galleries keep no pictures" in card
        assert 'alt="Gait energy image of enrolled from ' in card and " silhouettes of enrolled from " in card
        assert "Which parts agree" in card and f"{row['distance']:.3g}" in card
    assert html.count("<video") == 1 and "see gait calibrate" in html
    assert all(html.count(f">{row['name']}</span>") >= 2 for row in tracks.values())  # table, timeline


def test_heads_in_the_report_of_an_identification_are_blurred_when_asked(identified, gait, walkers):
    sharp = gait.cwd / identified.stdout.splitlines()[-1]
    options = [part for one in ("blur_faces=on", "videos=off") for part in ("--set", f"output.{one}")]
    done = gait("identify", walkers("probe2"), "--db", "people", *options)
    assert done.returncode == 0, done.stderr
    blurred = gait.cwd / done.stdout.splitlines()[-1]
    assert "heads of tracked people are blurred" in (blurred / "report.html").read_text(encoding="utf-8")
    for path in sharp.glob("portraits/*/*.jpg"):
        head, soft = (_detail_of_the_head(folder / path.relative_to(sharp)) for folder in (sharp, blurred))
        assert soft < 0.6 * head


def _detail_of_the_head(portrait):
    image = cv2.imread(str(portrait), cv2.IMREAD_GRAYSCALE)
    return float(cv2.Laplacian(image[: round(0.2 * len(image))], cv2.CV_64F).std())


def test_somebody_unknown_is_recognised_by_the_label_in_the_next_video(identified, gait, walkers):
    labelled = {template.name for template in templates(gait) if not template.named}
    done = gait("identify", walkers("probe2"), "--db", "people", "--set", "output.videos=off")
    assert done.returncode == 0, done.stderr
    assert labelled and all(re.search(rf": {name} (9\d|100)%", done.stdout) for name in labelled)


def test_enrolling_the_same_walks_again_changes_nothing(enrolled, gait, walkers):
    before = templates(gait)
    again = gait(
        "enrol", walkers("gallery"), "--db", "people", "--name", "1=Ада", "--merge", "--set", "output.videos=off"
    )
    assert again.returncode == 0 and "there already" in again.stdout
    assert [template.digest for template in templates(gait)] == [template.digest for template in before]


def test_what_makes_no_sense_is_refused_in_one_line(identified, gait, walkers):
    video = walkers("gallery")
    assert "--merge" in refused(gait, "enrol", video, "--db", "people", "--name", "4=ZOE M")
    assert "two people" in refused(gait, "enrol", video, "--db", "new", "--name", "1=Dee", "--name", "2=Dee")
    assert "no gallery there" in refused(gait, "identify", video, "--db", "nowhere")
    assert not (gait.cwd / "nowhere").exists()
    gei = ("--set", "recognition.encoder=gei", "--set", "recognition.checkpoint=null")
    line = refused(gait, "identify", video, "--db", "people", *gei)
    assert "gaitbase" in line and "gei-16" in line and "gait gallery reenrol --db people" in line


def test_identify_takes_the_stored_back_end_and_says_so(identified, gait, walkers):
    options = ("--set", "matching.transform=lda", "--set", "output.videos=off", "--set", "output.report=off")
    names = ("--name", "1=A", "--name", "2=B", "--merge", "--set", "output.videos=off")
    for video in ("gallery", "probe2"):  # two walks each of two people
        done = gait("enrol", walkers(video), "--db", "projected", *names)
        assert done.returncode == 0, done.stderr

    def told():
        done = gait("identify", walkers("probe2"), "--db", "projected", *options)
        assert done.returncode == 0, done.stderr
        folder = gait.cwd / done.stdout.splitlines()[-1]
        results, record = (json.loads((folder / name).read_text()) for name in ("results.json", "run.json"))
        distances = [row["distance"] for tracks in results["probes"].values() for row in tracks.values()]
        return results["backend"], distances, record

    anew, distances, _ = told()
    assert anew is None
    fitted = gait("gallery", "fit", "--db", "projected")
    assert fitted.returncode == 0, fitted.stderr
    assert "fitted on 4 walks of 2 people of the gallery" in fitted.stdout
    stored, same, record = told()
    assert (stored["backend"], stored["fitted_on"], stored["people"]) == ("lda", "gallery", 2)
    assert same == pytest.approx(distances, rel=1e-4, abs=1.5e-6)  # six decimals are kept
    assert not any("come or gone" in line for line in record["warnings"])
    again = gait("enrol", walkers("probe2"), "--db", "projected", "--set", "output.videos=off")
    assert again.returncode == 0, again.stderr
    assert any("people have come or gone" in line for line in told()[2]["warnings"])
    (gait.cwd / "projected/backend.npz").write_bytes(b"PK")
    line = refused(gait, "identify", walkers("probe2"), "--db", "projected", *options)
    assert "backend.npz: damaged" in line and "gait gallery fit" in line


def test_reenrolling_makes_the_gallery_fit_another_encoder(identified, gait, walkers):
    told = gait("gallery", "reenrol", "--db", "people", "--set", "recognition.parts=8")
    assert "embedded anew" in told.stdout, told.stderr
    fewer = ("--set", "recognition.parts=8", "--set", "output.videos=off")
    done = gait("identify", walkers("gallery"), "--db", "people", *fewer)
    assert done.returncode == 0, done.stderr
    assert "Zoë M." in done.stdout
    assert verify(Gallery.open(gait.cwd / "people")).problems == []
