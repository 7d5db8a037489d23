"""The door for Python: what `import pipeline as gait` offers, on made-up walkers and without weights."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from datetime import datetime
from pathlib import Path

import clips
import numpy as np
import pytest

import pipeline as gait
from pipeline.commands.verify import verify_command
from pipeline.profiles import Options
from pipeline.recognition.models.gei import GaitEnergyImageEncoder
from pipeline.research.synth.videos import Show, write_video, write_videos


@pytest.fixture(scope="module")
def videos(tmp_path_factory) -> list[Path]:
    """A gallery video and a probe video of two people."""
    show = Show(people=2, probes=1, seconds=3, size=(428, 240), fps=15)
    return list(write_videos(tmp_path_factory.mktemp("videos"), show))


@pytest.fixture(scope="module")
def output(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("output")


@pytest.fixture(scope="module")
def run(videos, output):
    """The five lines of the README, with the profile that needs no weights."""
    return gait.run(videos[0], [videos[1]], profile="offline", output=output)


def test_every_track_of_a_probe_has_its_answer(run, videos):
    tracks = run.probes[videos[1].stem]
    assert len(tracks) >= 2
    for track in tracks:
        assert isinstance(track, gait.TrackResult)
        assert track.status in ("known", "unknown", "unusable") and track.reason
        assert track.candidates and all(0 <= one.probability <= 1 for one in track.candidates)
    names = {one.identity for track in tracks for one in track.candidates}
    assert names == {track.identity for track in run.gallery[videos[0].stem] if track.status == "enrolled"}
    assert (run.path / "report.html").is_file()


def test_a_finished_run_is_read_back(run):
    again = gait.read_run(run.path)
    assert again.probes == run.probes and again.gallery == run.gallery


def test_a_run_is_a_table(run):
    table = run.table().to_pandas()
    assert len(table) == sum(len(tracks) for tracks in (*run.gallery.values(), *run.probes.values()))
    assert set(table.role) == {"gallery", "probe"}
    probe = table[table.role == "probe"].iloc[0]
    first = next(iter(run.probes.values()))[0]
    assert (probe.track, probe.status, probe.reason) == (first.id, first.status, first.reason)
    assert probe.confidence == pytest.approx(first.confidence)


def test_tracks_are_detections_for_supervision(run, videos):
    supervision = pytest.importorskip("supervision")
    found = run.detections(videos[1].stem)
    assert isinstance(found, supervision.Detections)
    assert len(found) == sum(track.frames for track in run.probes[videos[1].stem])
    assert set(found.data) == {"identity", "status", "frame_index"}


def test_progress_is_reported_by_one_function_from_nothing_to_all(videos, output):
    calls = []
    settings = {"output.report": False}
    gait.run(
        videos[0], videos[1], profile="offline", settings=settings, output=output,
        progress=lambda stage, done, total, unit: calls.append((stage, done, total, unit)),
    )  # fmt: skip
    drawing = [(done, total) for stage, done, total, unit in calls if stage == "drawing" and unit == "frames"]
    assert drawing[0][0] == 0 and drawing[-1][0] == drawing[-1][1] > 0
    assert [done for done, _ in drawing] == sorted(done for done, _ in drawing)


@pytest.mark.parametrize(
    ("call", "error"),
    [
        pytest.param(lambda path: gait.run(path / "none.mp4", [path / "no.mp4"]), "none.mp4", id="no video"),
        pytest.param(lambda path: gait.run("a.mp4", ["b.mp4"], profile="lihgt"), "light", id="no profile"),
        pytest.param(
            lambda path: gait.run("a.mp4", ["b.mp4"], settings={"matching.metrik": "cosine"}), "metric", id="no setting"
        ),
        pytest.param(gait.read_run, "not a run folder", id="no run"),
        pytest.param(lambda path: gait.load_encoder("gaitbose"), "gaitbose", id="no encoder"),
        pytest.param(lambda path: gait.Gallery(path / "people").people(), "people", id="no gallery"),
        pytest.param(
            lambda path: gait.Gallery(path / "people").enrol("a.mp4", expires=datetime(2030, 1, 1)),
            "zone",
            id="no time zone",
        ),
    ],
)
def test_what_a_user_can_mend_is_one_error(call, error, tmp_path):
    with pytest.raises(gait.GaitError, match=error) as found:
        call(tmp_path)
    assert "\n" not in str(found.value)


def test_people_are_enrolled_recognised_and_removed(videos, output, tmp_path):
    people = gait.Gallery(tmp_path / "people", profile="offline", output=output)
    enrolled = people.enrol(videos[0])
    tracks = [track for found in enrolled.gallery.values() for track in found if track.outcome == "new"]
    names = {tracks[0].id: "Ada", tracks[1].id: "Bo"}
    named = gait.Gallery(tmp_path / "named", profile="offline", output=output)
    named.enrol(videos[0], names, consent="signed")
    assert [person.name for person in named.people()] == ["Ada", "Bo"]
    found = named.identify(videos[1]).probes[videos[1].stem]
    assert {track.name for track in found if track.status == "known"} <= {"Ada", "Bo"}
    assert all(track.fpir is None for track in found)
    named.delete("Ada")
    assert [person.name for person in named.people()] == ["Bo"]
    assert len(people.people()) == len(tracks)


def test_a_folder_of_clips_is_enrolled_and_its_people_recognised(output, tmp_path):
    show = Show(people=1, seconds=2, size=(428, 240))
    for file, number in (("Ada.mp4", 0), ("Ada/2.mp4", 3)):  # to the right, to the left
        write_video(tmp_path / "clips" / file, show, number)
    people = gait.Gallery(tmp_path / "people", profile="offline", output=output)
    run = people.enrol(tmp_path / "clips")
    clips = {clip.file: clip for clip in run.clips}
    assert {file: (clip.view, clip.outcome) for file, clip in clips.items()} == {
        "Ada.mp4": ("right", "new"),
        "Ada/2.mp4": ("left", "new"),
    }
    assert run.advice == {"Ada": "only from the left and the right; film them from the front too"}
    assert [(person.name, person.templates) for person in people.people()] == [("Ada", 2)]
    html = (run.path / "report.html").read_text(encoding="utf-8")
    assert "walks in 2 videos belong to people who are enrolled now" in html and html.count("<video") == 2
    (answer,) = people.identify(tmp_path / "clips/Ada.mp4").probes["Ada"]
    assert answer.name == "Ada"


@pytest.fixture(scope="module")
def verify(run, videos, output):
    """verify("1", "2"): track 1 of the gallery video and track 2 of the probe; "": whichever is best seen."""

    def call(first, second, other=videos[1]):
        clips = [f"{clip}/{track}" if track else clip for clip, track in ((videos[0], first), (other, second))]
        return gait.verify(*clips, profile="offline", output=output)

    return call


def test_one_person_in_two_clips_is_the_same_with_an_interval_and_what_agrees(verify):
    found = verify("2", "1")
    low, high = found.interval
    assert found.verdict == "same" and 0.5 < low < found.probability < high < 1
    assert (found.first.track, found.first.tracks, found.second.file) == (2, 2, "probe1.mp4")
    assert [part.region for part in found.parts] == ["head", "shoulders", "trunk", "thighs", "knees", "shins", "feet"]
    assert any(part.alike for part in found.parts) and found.distance < found.usual
    assert found.joints == ()  # this profile's segmenter finds none
    assert json.loads(json.dumps(found.as_json()))["interval"] == [round(low, 4), round(high, 4)]


def test_two_people_in_two_clips_are_not_the_same(verify):
    same, two = verify("2", "1"), verify("2", "2")
    assert two.verdict != "same" and two.probability < same.probability


def test_who_is_best_seen_is_taken_where_nobody_is_named(verify, run):
    found = verify("", "")
    best = max(run.gallery["gallery"], key=lambda track: track.frames * track.quality["usable_share"])
    assert (found.first.track, found.first.usable) == (best.id, best.silhouettes)


def test_the_same_footage_is_told_and_so_are_two_in_one_frame(verify, videos, tmp_path):
    copy = tmp_path / "copy.mp4"
    copy.write_bytes(videos[0].read_bytes())
    for again in (videos[0], copy):
        found = verify("1", "1", again)
        assert found.verdict == "same" and "are the same footage" in found.reason and found.distance is None
    found = verify("1", "2", videos[0])
    assert (found.verdict, found.probability) == ("different", 0.0) and "seen in the same frame" in found.reason


def test_a_track_that_is_not_there_and_a_clip_without_anybody_are_named(verify, tmp_path):
    with pytest.raises(gait.GaitError, match=r"gallery.mp4: no track 9 in it. There are: 1, 2\."):
        verify("9", "")
    empty = clips.write(tmp_path / "empty.mp4", [np.full((240, 428, 3), 90, np.uint8)] * 40)
    with pytest.raises(gait.GaitError, match=r"^empty.mp4: nobody was found in it"):
        gait.verify(empty, empty, profile="offline")
    assert not list(Path(tempfile.gettempdir()).glob("gait-verify-*"))  # nothing is kept


def test_too_few_silhouettes_cannot_tell(videos, output):
    found = gait.verify(*videos, profile="offline", output=output, settings={"recognition.min_frames": 95})
    assert found.verdict == "cannot tell" and found.probability is None
    assert re.match(r"(gallery|probe1)\.mp4, track \d: \d+ usable silhouettes in \d+ frames, 95 needed", found.reason)


def test_the_command_prints_the_answer_who_was_compared_and_what_agrees(run, videos, output, capsys):
    verify_command(f"{videos[0]}/2", f"{videos[1]}/1", output, False, Options("offline", [], None))
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("same person: ") and "% [" in said[0] and "two people: " in said[0]
    assert said[1].startswith("Taken before looking: 50 %.")
    assert re.fullmatch(r"gallery.mp4: track 2 of 2, 4\d usable frames, seen from the right", said[2])
    assert any("trunk" in line for line in said)
    kept = json.loads((Path(said[-1]) / "verification.json").read_text(encoding="utf-8"))
    assert kept["verdict"] == "same" and kept["second"]["track"] == 1


def test_an_encoder_embeds_silhouettes():
    masks = np.random.default_rng(0).integers(0, 2, (12, 64, 44), np.uint8) * 255
    encoder = gait.load_encoder("gei")
    parts = encoder.encode(masks)
    assert parts.dtype == np.float32 and parts.ndim == 2 and encoder.model == "gei-16"
    assert GaitEnergyImageEncoder.needs == encoder.needs
    with pytest.raises(gait.GaitError, match="missing or empty"):
        encoder.encode(masks[:0])
    with pytest.raises(gait.GaitError, match="missing or empty"):
        encoder.encode({})


def test_shipped_weights_are_loaded_by_their_name():
    masks = np.zeros((12, 64, 44), np.uint8)
    assert gait.load_encoder("gaitbase_synth").encode(masks).shape == (128, 16)


def test_the_door_opens_without_loading_what_is_behind_it():
    """0.2 s are allowed; numpy alone takes half of them, so it must not be there."""
    program = "import sys, pipeline; print([m for m in ('numpy', 'pydantic', 'torch', 'cv2') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_all_that_is_offered_is_there_and_documented():
    for name in gait.__all__:
        assert getattr(gait, name).__doc__, name
    assert set(gait.__all__) <= set(dir(gait))
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = gait.nothing
