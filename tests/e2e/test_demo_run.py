"""The light profile on the four demo videos: every file of the contract, and how good the answers are."""

from __future__ import annotations

import importlib.util
import json
import re
from collections import defaultdict
from itertools import combinations

import av
import cv2
import numpy as np
import pytest

from pipeline.profiles import load_config
from pipeline.runs.record import VERSIONED
from pipeline.video import open_video, sha256_of

pytestmark = pytest.mark.slow

VIDEOS = ("gallery", "probe1", "probe2", "probe3")
PROBES = VIDEOS[1:]
ENOUGH = 36  # silhouettes of a track that the encoder takes


def rows_of(run, video):
    return [line.split(",") for line in (run.path / f"tracks/{video}.txt").read_text().splitlines()]


def frames_by_track(run, video) -> dict[int, list[int]]:
    """Track id → frames, 0-based."""
    frames = defaultdict(list)
    for row in rows_of(run, video):
        frames[int(row[1])].append(int(row[0]) - 1)
    return dict(frames)


def tracks_of(run, video) -> dict:
    """Track id → its entry in results.json."""
    tree = run.results["gallery"][video] if video == "gallery" else run.results["probes"][video]
    return {int(track): entry for track, entry in tree.items()}


@pytest.fixture(scope="session")
def scores(full, shared, short_demo):
    """What tools/score_demo.py says of the run."""
    spec = importlib.util.spec_from_file_location("score_demo", shared / "tools/score_demo.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found = {}
    _, gallery, _ = module.compare(short_demo / "gallery.gt.txt", full.path / "tracks/gallery.txt")
    for video in VIDEOS:
        idf1, person_of, pairs = module.compare(short_demo / f"{video}.gt.txt", full.path / f"tracks/{video}.txt")
        right = wrong = likeliest = 0
        for person in {1, 2, 3, 4} & set(person_of.values()):
            mine = [track for track, who in person_of.items() if who == person]
            longest = max(mine, key=lambda track: pairs[(person, track)])
            entry = tracks_of(full, video)[longest]
            likely = max(entry.get("candidates", ()), key=lambda one: one["probability"], default=None)
            identity = entry["identity"]
            own = identity is not None and gallery.get(int(identity.rpartition("-")[2])) == person
            right, wrong = right + own, wrong + (identity is not None and not own)
            likeliest += likely is not None and gallery.get(int(likely["identity"].rpartition("-")[2])) == person
        found[video] = {"idf1": idf1, "right": right, "wrong": wrong, "likeliest": likeliest}
    return found


def test_the_folder_has_the_files_of_the_contract_and_no_others(full):
    found = {path.relative_to(full.path).as_posix() for path in full.path.rglob("*") if path.is_file()}
    found = {
        name
        for name in found
        if not name.startswith((".done/", "silhouettes/", "sequences/", "features/", "portraits/"))
    }
    assert found == {
        "run.json", "results.json", "run.log", "report.html", *(f"tracks/{video}.txt" for video in VIDEOS),
        "videos/gallery.mp4", *(f"videos/G-gallery_P-{probe}.mp4" for probe in PROBES),
    }  # fmt: skip
    assert re.fullmatch(r"\d{4}(_\d\d){5}", full.path.name)


def test_run_json_says_what_was_done_with_what(full, short_demo, checkpoints):
    record = full.record
    assert record["status"] == "done" and record["warnings"] == []
    assert record["device"] in ("cpu", "cuda")
    assert set(VERSIONED) | {"gait", "python"} == set(record["versions"])
    assert load_config(record["config"]).profile == "light"
    assert record["checkpoints"]["detector"] == {
        "name": "yolox_nano", "file": "yolox_nano.onnx", "sha256": sha256_of(checkpoints / "yolox_nano.onnx"),
    }  # fmt: skip
    assert record["checkpoints"]["segmenter"]["name"] == "mediapipe_pose_full"
    assert record["checkpoints"]["encoder"]["name"] == "gaitbase_synth"


@pytest.mark.parametrize("name", VIDEOS)
def test_run_json_describes_the_inputs(full, short_demo, name):
    inputs = {entry["name"]: entry for entry in [full.record["inputs"]["gallery"], *full.record["inputs"]["probes"]]}
    with open_video(short_demo / f"{name}.mp4") as video:
        info, frames = video.info, sum(1 for _ in video)
    entry = inputs[name]
    assert entry["path"] == f"{name}.mp4"
    assert entry["sha256"] == sha256_of(short_demo / f"{name}.mp4")
    assert entry["frames"] == frames and entry["fps"] == pytest.approx(info.fps)
    assert entry["size"] == [info.width, info.height]
    assert entry["tracks"] == len(tracks_of(full, name))


def test_run_json_counts_what_every_stage_did(full):
    stages, inputs = full.record["stages"], full.record["inputs"]
    frames = sum(entry["frames"] for entry in [inputs["gallery"], *inputs["probes"]])
    for stage in ("decode", "track", "draw"):
        assert stages[stage]["frames"] == frames and stages[stage]["seconds"] > 0
    assert frames / 3 <= stages["detect"]["frames"] <= frames / 2  # every third one, and closer for a second or two
    tracks = [frames for video in VIDEOS for frames in frames_by_track(full, video).values()]
    wanted = sum(min(len(frames), ENOUGH) for frames in tracks)
    assert wanted <= stages["segment"]["crops"] == stages["silhouette"]["crops"] <= 1.5 * wanted
    assert full.record["seconds"] > 0


def test_the_log_tells_the_story(full):
    log = (full.path / "run.log").read_text()
    for word in ("run folder", "tracking", "segmentation", "recognition", "drawing"):
        assert word in log


def test_results_json_has_the_schema_of_the_contract(full):
    results = full.results
    assert results["schema"] == 1
    assert set(results["gallery"]) == {"gallery"} and set(results["probes"]) == set(PROBES)
    people = {entry["identity"] for entry in tracks_of(full, "gallery").values() if entry["status"] == "enrolled"}
    for probe in PROBES:
        for track, entry in results["probes"][probe].items():
            assert re.fullmatch(r"\d{3}", track)
            assert entry["status"] in ("known", "unknown", "unusable") and entry["reason"]
            assert (entry["identity"] is not None) == (entry["status"] == "known")
            distances = [candidate["distance"] for candidate in entry["candidates"]]
            assert distances == sorted(distances)
            if entry["status"] == "unusable":
                assert entry["distance"] is entry["confidence"] is None and not distances
            else:
                assert {candidate["identity"] for candidate in entry["candidates"]} == people
                assert 0 <= entry["confidence"] <= 1 and entry["distance"] >= 0
            if entry["status"] == "known":
                own = {"identity": entry["identity"], "distance": entry["distance"], "probability": entry["confidence"]}
                assert own in entry["candidates"]


@pytest.mark.parametrize("video", VIDEOS)
def test_tracks_are_motchallenge_text_inside_the_video(full, video):
    rows = rows_of(full, video)
    inputs = [full.record["inputs"]["gallery"], *full.record["inputs"]["probes"]]
    frames = next(entry["frames"] for entry in inputs if entry["name"] == video)
    assert all(len(row) == 10 and row[7:] == ["-1", "-1", "-1"] for row in rows)
    numbers = np.array([[float(value) for value in row[:7]] for row in rows])
    assert numbers[:, 0].min() >= 1 and numbers[:, 0].max() <= frames
    assert (numbers[:, 4:6] > 0).all() and ((numbers[:, 6] >= 0) & (numbers[:, 6] <= 1)).all()
    keys = [(int(row[0]), int(row[1])) for row in rows]
    assert keys == sorted(set(keys))
    assert set(frames_by_track(full, video)) == set(tracks_of(full, video))
    assert min(frames_by_track(full, video)) == 1


@pytest.mark.parametrize("video", VIDEOS)
def test_silhouettes_are_named_after_track_and_frame(full, video):
    for track, frames in frames_by_track(full, video).items():
        folder = full.path / f"silhouettes/{video}/{track:03d}/undefined"
        names = {path.name for path in folder.iterdir()}
        expected = {f"{track:03d}-{frame:06d}.png" for frame in frames}
        assert names <= expected and len(names) >= min(0.5 * len(expected), ENOUGH)
        mask = cv2.imread(str(folder / min(names)), cv2.IMREAD_UNCHANGED)
        assert mask.ndim == 2 and set(np.unique(mask)) <= {0, 255}


@pytest.mark.parametrize("video", VIDEOS)
def test_sequences_hold_aligned_masks_of_tracked_frames(full, video):
    for track, frames in frames_by_track(full, video).items():
        with np.load(full.path / f"sequences/{video}/{track:03d}.npz", allow_pickle=False) as arrays:
            masks, indices = arrays["masks"], arrays["frame_indices"]
        assert masks.dtype == np.uint8 and masks.shape == (len(indices), 64, 44)
        assert set(indices.tolist()) <= set(frames)
        assert len(masks) == tracks_of(full, video)[track]["silhouettes"]


@pytest.mark.parametrize("video", VIDEOS)
def test_features_are_there_for_every_usable_track(full, video):
    usable = {track for track, entry in tracks_of(full, video).items() if entry["status"] != "unusable"}
    assert {int(path.stem) for path in (full.path / f"features/{video}").iterdir()} == usable
    for track in usable:
        with np.load(full.path / f"features/{video}/{track:03d}.npz", allow_pickle=False) as arrays:
            assert arrays["parts"].ndim == 2 and arrays["parts"].shape[1] == 16
            assert arrays["parts"].dtype == np.float32 and np.isfinite(arrays["parts"]).all()
            assert str(arrays["model"]).startswith("gaitbase") and len(str(arrays["checkpoint_sha256"])) == 64
            assert int(arrays["frames_used"]) == min(tracks_of(full, video)[track]["silhouettes"], 60)


def picture_of(path):
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        times = [frame.pts * stream.time_base for frame in container.decode(stream)]
        context = stream.codec_context
        return context.name, context.pix_fmt, (context.width, context.height), stream.average_rate, times


@pytest.mark.parametrize("video", VIDEOS)
def test_annotated_videos_are_the_inputs_frame_by_frame(full, short_demo, video):
    name = "gallery" if video == "gallery" else f"G-gallery_P-{video}"
    codec, pix_fmt, size, rate, times = picture_of(full.path / f"videos/{name}.mp4")
    _, _, size_before, rate_before, times_before = picture_of(short_demo / f"{video}.mp4")
    assert (codec, pix_fmt) == ("h264", "yuv420p")
    assert (size, rate, times) == (size_before, rate_before, times_before)


@pytest.mark.parametrize("video", VIDEOS)
def test_annotated_videos_differ_from_the_inputs_at_the_people(full, short_demo, video):
    name = "gallery" if video == "gallery" else f"G-gallery_P-{video}"
    frame = max(frames_by_track(full, video)[1])
    rows = [row for row in rows_of(full, video) if int(row[0]) - 1 == frame and row[1] == "1"]
    x, y, _, height = (round(float(value)) for value in rows[0][2:6])
    with open_video(short_demo / f"{video}.mp4") as before, open_video(full.path / f"videos/{name}.mp4") as after:
        plain, drawn = (next(f.image for f in source if f.index == frame).astype(int) for source in (before, after))
    x, y = min(max(x, 1), plain.shape[1] - 2), min(max(y, 1), plain.shape[0] - 2)
    edge = np.abs(plain - drawn).max(axis=2)[y : min(y + height, plain.shape[0]), x - 1 : x + 3]
    assert edge.mean() > 10
    assert np.abs(plain - drawn).mean() < 10


@pytest.mark.parametrize(("video", "least"), [("gallery", 0.95), ("probe1", 0.80), ("probe2", 0.95), ("probe3", 0.95)])
def test_tracks_follow_the_true_people(scores, video, least):
    assert scores[video]["idf1"] >= least


@pytest.mark.parametrize("video", ["gallery", "probe2", "probe3"])
def test_most_tracked_frames_give_a_usable_silhouette(full, video):
    tracked = sum(min(len(frames), ENOUGH) for frames in frames_by_track(full, video).values())
    usable = sum(entry["silhouettes"] for entry in tracks_of(full, video).values())
    assert usable >= 0.85 * tracked


def test_people_are_most_like_themselves_and_nobody_gets_anothers_name(scores):
    assert sum(scores[probe]["likeliest"] for probe in PROBES) >= 7  # of 12; chance is 3
    assert sum(scores[probe]["wrong"] for probe in PROBES) <= 1


@pytest.mark.parametrize("probe", PROBES)
def test_no_name_is_given_that_is_not_likely(full, probe):
    for entry in tracks_of(full, probe).values():
        assert entry["status"] != "known" or entry["confidence"] >= 0.5
        assert entry["status"] != "unknown" or entry["reason"].startswith("most like gallery-")


@pytest.mark.parametrize("probe", PROBES)
def test_two_who_are_seen_together_never_share_a_name(full, probe):
    frames, answers = frames_by_track(full, probe), tracks_of(full, probe)
    for one, other in combinations(frames, 2):
        if set(frames[one]) & set(frames[other]):
            name = answers[one]["identity"]
            assert name is None or name != answers[other]["identity"]


def test_every_answer_is_on_standard_output_and_the_folder_comes_last(full):
    *answers, folder = full.stdout.splitlines()
    assert folder.endswith(full.path.name)
    assert len(answers) == sum(len(tracks_of(full, probe)) for probe in PROBES)
    for probe in PROBES:
        for track, entry in tracks_of(full, probe).items():
            (line,) = [line for line in answers if line.startswith(f"{probe} {track:03d}: ")]
            assert (entry["identity"] or entry["status"]) in line and entry["reason"] in line


def test_nothing_is_reported_to_anybody(full):
    """OpenVINO would leave an id for its telemetry in the user's home."""
    assert [path.name for path in (full.path.parents[1] / "home").iterdir()] == [".cache"]


def test_resuming_a_finished_run_changes_nothing(full, gait_in):
    before = {
        path: path.stat().st_mtime_ns for path in full.path.rglob("*.*") if path.suffix in (".mp4", ".npz", ".txt")
    }
    results = (full.path / "results.json").read_bytes()
    done = gait_in(full.path.parent.parent)("run", "--resume", full.path)
    assert done.returncode == 0, done.stderr
    assert (full.path / "results.json").read_bytes() == results
    assert {path: path.stat().st_mtime_ns for path in before} == before
    record = json.loads((full.path / "run.json").read_text())
    assert (record["status"], record["resumed"]) == ("done", 1)
