"""`gait evaluate clips` on real walkers: two of KTH's people, twice outdoors and twice indoors each."""

from __future__ import annotations

import json

import clips
import pytest

from pipeline.video import open_video

# Two crossings of each video, walking one way and then the other (crossings.txt): of each the middle, and what lies
# between them, as frames of the recording and as those of what is kept of it.
KEPT = {
    "person01_d1": [(13, 62), (96, 135), (164, 213)],
    "person01_d4": [(33, 82), (126, 145), (183, 232)],
    "person04_d1": [(18, 67), (90, 109), (127, 176)],
    "person04_d4": [(26, 75), (101, 110), (134, 183)],
}
CROSSINGS = {
    "person01_d1": [(1, 50), (91, 140)],
    "person01_d4": [(1, 50), (71, 120)],
    "person04_d1": [(1, 50), (71, 120)],
    "person04_d4": [(1, 50), (61, 110)],
}
EMPTY = ("person01_d1", 53, 88)  # nobody is in the picture
WITH_JOINTS = ("--set", "pose.always=true")


@pytest.fixture(scope="module")
def kth(shared, tmp_path_factory):
    """A folder with the middle of the first two walks of four videos and their manifest."""
    folder = tmp_path_factory.mktemp("kth")
    rows = ["video,first,last,person,condition,role"]
    for name, crossings in CROSSINGS.items():
        with open_video(shared / "videos/kth" / f"{name}.mp4") as video:
            kept = [
                frame.image for frame in video if any(first <= frame.index + 1 <= last for first, last in KEPT[name])
            ]
        clips.write(folder / f"{name}.mp4", kept, fps=25, options={"preset": "ultrafast", "crf": "4"})
        person, condition = name.split("_")
        role = "gallery" if condition == "d1" else "probe"
        rows += [f"{name}.mp4,{first},{last},{person},{condition},{role}" for first, last in crossings]
        if role == "gallery":  # the gallery's own walks as probes: they must be found
            rows += [f"{name}.mp4,{first},{last},{person},same,probe" for first, last in crossings]
    rows.append(f"{EMPTY[0]}.mp4,{EMPTY[1]},{EMPTY[2]},person01,empty,probe")
    rows.append("person01_d1.mp4,1,50,somebody else,same,probe")
    (folder / "clips.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def evaluated(kth, gait_in, tmp_path_factory):
    """The light profile and its baselines, with silhouettes and joints kept; and the same again from those."""
    gait = gait_in(tmp_path_factory.mktemp("evaluated"))
    for name, mirroring in (("as-they-are", "off"), ("mirrored", "heading")):
        text = f"recognition: {{encoder: gei, mirroring: {mirroring}}}\n"
        (gait.cwd / f"{name}.yaml").write_text(text, encoding="utf-8")
    graph = "recognition: {encoder: gaitgraph1, checkpoint: gaitgraph_casiab}\n"
    (gait.cwd / "graph.yaml").write_text(graph, encoding="utf-8")
    common = ["--manifest", kth / "clips.csv", "--config", "light", "--sequences", "kept", *WITH_JOINTS]
    first = gait("evaluate", "clips", *common, "--baselines", "--untrained-seeds", "2", "--json", "first.json")
    others = ("--config", "as-they-are.yaml", "--config", "mirrored.yaml", "--config", "graph.yaml")
    again = gait("evaluate", "clips", *common, *others, "--json", "again.json")
    assert (first.returncode, again.returncode) == (0, 0), first.stderr + again.stderr
    return gait.cwd, first, again


def read(path):
    return json.loads(path.read_text(encoding="utf-8"))


def test_every_encoder_has_its_figures_by_condition(evaluated):
    folder, *_ = evaluated
    tree = read(folder / "first.json")
    assert list(tree) == ["light", "gei", "hog", "untrained"]
    for entry in tree.values():
        assert list(entry) == ["same", "d4", "empty", "pooled"]
        assert [figures["n"] for figures in entry.values()] == [4, 4, 1, 9]
        for figures in entry.values():
            assert all(0 <= figures[name] <= 1 for name in ("rank1", "rank5", "map"))
        low, high = entry["d4"]["ci95"]
        assert 0 <= low <= entry["d4"]["rank1"] <= high <= 1
    assert tree["untrained"]["d4"]["rank1_of_each"] and len(tree["untrained"]["d4"]["rank1_of_each"]) == 2


@pytest.mark.parametrize("encoder", ["light", "gei", "hog", "untrained"])
def test_a_walk_is_found_when_it_is_in_the_gallery_itself(evaluated, encoder):
    folder, *_ = evaluated
    same = read(folder / "first.json")[encoder]["same"]
    assert (same["rank1"], same["unusable"]) == (1, 0)


def test_a_clip_of_nobody_counts_as_wrong_and_is_counted(evaluated):
    folder, first, _ = evaluated
    empty = read(folder / "first.json")["light"]["empty"]
    assert (empty["rank1"], empty["map"], empty["unusable"], empty["ci95"]) == (0, 0, 1, None)
    assert "light: too few usable frames in 1 of 9 probe clips" in " ".join(first.stdout.split())


def test_a_stranger_is_left_out_and_said_so(evaluated):
    folder, *_ = evaluated
    records = [read(path) for path in sorted((folder / "output").glob("2*/run.json"))]
    assert all(record["status"] == "done" for record in records) and len(records) == 2
    assert records[0]["warnings"] == ["line 15: somebody else has no gallery clip; left out"]


def test_the_clips_are_the_walks_that_the_manifest_means(evaluated):
    folder, *_ = evaluated
    rows = {(row["video"], row["first"]): row for row in read(folder / "kept/index.json")["clips"]}
    for name, crossings in CROSSINGS.items():
        there, back = (rows[f"{name}.mp4", first] for first, _ in crossings)
        assert min(there["silhouettes"], back["silhouettes"]) >= 20
        assert there["heading"] * back["heading"] < -0.6  # most of a body height, either way
    assert rows["person01_d1.mp4", EMPTY[1]]["silhouettes"] == 0


def test_kept_silhouettes_are_taken_again_without_a_look_at_the_videos(evaluated):
    folder, first, again = evaluated
    assert "tracking:" in first.stderr and "tracking:" not in again.stderr
    once, twice = read(folder / "first.json"), read(folder / "again.json")
    assert twice["light"]["pooled"]["rank1"] == once["light"]["pooled"]["rank1"]


def test_mirroring_by_heading_makes_opposite_directions_as_good_as_the_same(evaluated):
    folder, *_ = evaluated
    plain, mirrored = (read(folder / "again.json")[name]["same"] for name in ("as-they-are.yaml", "mirrored.yaml"))
    assert mirrored["map"] > plain["map"]  # the other walk of the same day goes the other way
    assert mirrored["directions"]["opposite"]["rank1"] >= plain["directions"]["opposite"]["rank1"]


def test_a_network_for_joints_is_shown_the_kept_joints(evaluated):
    folder, *_ = evaluated
    graph = read(folder / "again.json")["graph.yaml"]
    assert (graph["same"]["rank1"], graph["same"]["unusable"], graph["empty"]["unusable"]) == (1, 0, 1)
    assert min(row["poses"] for row in read(folder / "kept/index.json")["clips"] if row["silhouettes"]) >= 20


def test_other_settings_may_not_use_the_kept_silhouettes(evaluated, kth, gait_in):
    folder, *_ = evaluated
    refused = gait_in(folder)(
        *("evaluate", "clips", "--manifest", kth / "clips.csv", "--sequences", "kept", *WITH_JOINTS),
        *("--set", "tracking.min_frames=6"),
    )
    assert refused.returncode == 2
    assert refused.stderr == (
        "gait: kept: its silhouettes are of other clips, videos, networks or settings. Give another folder.\n"
    )


@pytest.mark.parametrize(("first", "last", "missing"), [(900, 950, 900), (120, 141, 141)])
def test_a_clip_beyond_the_video_is_refused(kth, gait, first, last, missing):
    manifest = kth / "beyond.csv"
    manifest.write_text((kth / "clips.csv").read_text() + f"person01_d1.mp4,{first},{last},person01,d1,probe\n")
    refused = gait("evaluate", "clips", "--manifest", manifest)
    assert refused.returncode == 2 and not gait.runs()
    assert f"line 16: person01_d1.mp4 has 140 frames, none at {missing}." in refused.stderr
