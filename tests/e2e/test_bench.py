"""`gait bench` times a real run and its bare networks on the same data."""

from __future__ import annotations

import json
from functools import partial

import pytest
from processes import run_python

from pipeline.research.synth import videos

pytestmark = pytest.mark.slow

QUICK = (  # `gait` whose networks are timed once, not in three rounds
    "from pipeline.cli import main; from pipeline.research.bench import run; run.ROUNDS = run.WARM_UP = 1; main()"
)


@pytest.fixture(scope="module")
def report(gait_in, walkers, tmp_path_factory) -> dict:
    folder = tmp_path_factory.mktemp("bench")
    run_python(  # a process of its own, whose memory is measured
        QUICK, "bench", "--gallery", walkers("gallery", 60, 11), "--probe", walkers("probe2", 60, 11),
        "--set", "runtime.precision=bf16", "--json", folder / "figures.json",
        "--set", "matching.threshold=off",  # else 180 walks of made-up people pass through the encoder again and again
        cwd=folder, env=gait_in(folder).environment,
    )  # fmt: skip
    assert not (folder / "output").exists()  # the run is thrown away
    return json.loads((folder / "figures.json").read_text())


def test_every_frame_and_crop_is_accounted_for(report: dict) -> None:
    stages = report["stages"]
    assert report["frames"] == stages["decode"]["items"] == stages["draw"]["items"] == 22
    assert 8 <= stages["detect"]["items"] <= 22
    assert report["score"] is None  # no truth beside the videos
    assert stages["segment"]["items"] == stages["silhouette"]["items"] >= 72  # four people in nearly every frame
    assert stages["recognise"]["items"] <= stages["segment"]["items"]


def test_networks_alone_take_less_than_the_run(report: dict) -> None:
    assert 0 < report["networks_seconds_side_by_side"] < report["wall_seconds"]
    assert report["wall_over_networks"] == pytest.approx(report["wall_seconds"] / report["networks_seconds"], rel=1e-3)
    named = [stage for stage, row in report["stages"].items() if row["network_seconds"] is not None]
    assert named == ["detect", "segment", "recognise"]


def test_memory_and_the_effect_of_the_precision_are_reported(report: dict) -> None:
    assert 50e6 < report["peak_rss_bytes"] < 1.5e9
    assert 0 <= report["against_f32"]["mask_pixels_changed"] < 0.03  # 0 where the processor has no bf16
    assert 0 <= report["against_f32"]["embedding_difference"] < 0.05


def test_two_settings_are_compared_on_made_up_walkers_where_no_video_is_given(gait_in, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("pipeline.research.bench.run.SECONDS", 0.6)
    monkeypatch.setattr("pipeline.research.bench.run.TURNS", 1)
    for name, number in (("REPLAYS", 2), ("ROUNDS", 1), ("WARM_UP", 1)):  # how long a network takes is asked above
        monkeypatch.setattr(f"pipeline.research.bench.run.{name}", number)
    show = partial(videos.Show, size=(428, 240))  # half as wide and high: a quarter of the work
    monkeypatch.setattr("pipeline.research.synth.videos.Show", show)
    quick = [f"--set={one}" for one in ("matching.threshold=off", "output.videos=false", "output.report=false")]
    done = gait_in(tmp_path)("bench", "--against", "tracking.rate=all", *quick, "--json", tmp_path / "figures.json")
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "figures.json").read_text())
    stages, other = found["stages"], found["against"]
    assert stages["decode"]["items"] == 36 > 2 * stages["detect"]["items"]
    assert stages["recognise"]["items"] > 45  # usable silhouettes, of four people in most frames
    assert found["video_seconds"] == pytest.approx(1.2) and found["real_time_factor"] == pytest.approx(
        1.2 / found["wall_seconds"], rel=0.01
    )
    assert other["settings"] == ["tracking.rate=all"]
    (mine,), (theirs,) = other["processor_seconds"]
    assert other["processor_ratio"] == pytest.approx(mine / theirs, rel=0.01)
    assert [score["people"] for score in other["scores"]] == [4, 4]  # the truth lies beside the videos
    assert "times the processor time" in done.stdout and "IDF1" in done.stdout
