"""`gait bench gallery` on few templates, and `gait bench` beside it."""

from __future__ import annotations

import json
import tempfile

import pytest
from inprocess import gait

from pipeline.research.bench import gallery as bench


def test_a_small_bench_finds_the_nearest_and_leaves_nothing(tmp_path, monkeypatch):
    figures, folder = tmp_path / "figures.json", tmp_path / "galleries"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    monkeypatch.setattr(bench, "SHAPE", (16, 8))
    done = gait("bench", "gallery", "--sizes", "600", "--json", str(figures), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (row,) = json.loads(figures.read_text())["sizes"]
    assert row["templates"] == 600
    assert row["recall_at_1"] >= 0.99
    assert row["queries"] >= 200
    assert 0 < row["p50_ms"] <= row["p99_ms"]
    assert 0 < row["index_bytes"] < row["disk_bytes"]
    assert min(row["processor_ms"], row["exact_run_processor_seconds"]) > 0
    assert row["search_rss_bytes"] <= row["search_peak_rss_bytes"]
    assert list(folder.iterdir()) == []
    assert "600" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--sizes", "many"], "--sizes many: expected numbers"),
        (["--metric", "hamming"], "is not one of 'euclidean', 'cosine'"),
    ],
)
def test_wrong_options_are_one_line(tmp_path, arguments, said):
    done = gait("bench", "gallery", *arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


def test_bench_of_a_run_is_still_reached(tmp_path):
    assert "--probe" in gait("bench", "--help", cwd=tmp_path).stdout
    done = gait("bench", "--config", "nosuch", cwd=tmp_path)
    assert done.returncode == 2
    assert "nosuch" in done.stderr
