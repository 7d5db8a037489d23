"""`gait bench gallery` on few templates, and `gait bench` beside it."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from inprocess import gait
from processes import finish


def test_a_small_bench_finds_the_nearest_and_leaves_nothing(tmp_path):
    figures, folder = tmp_path / "figures.json", tmp_path / "galleries"
    folder.mkdir()
    options = ["--sizes", "600", "--json", str(figures)]
    pipe = subprocess.PIPE  # a process of its own, whose time and memory are measured
    command = [sys.executable, "-m", "pipeline", "bench", "gallery", *options]
    out, _ = finish(
        subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, env={**os.environ, "TMPDIR": str(folder)})
    )
    (row,) = json.loads(figures.read_text())["sizes"]
    assert row["templates"] == 600
    assert row["recall_at_1"] >= 0.99
    assert row["queries"] >= 200
    assert 0 < row["p50_ms"] <= row["p99_ms"]
    assert 0 < row["index_bytes"] < row["disk_bytes"]
    assert min(row["processor_ms"], row["exact_run_processor_seconds"]) > 0
    assert row["search_rss_bytes"] <= row["search_peak_rss_bytes"]
    assert list(folder.iterdir()) == []
    assert "600" in out


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
