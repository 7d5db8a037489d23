"""The authors' GaitGraph, a pickle with objects of its training in it, on real walks: video to names."""

from __future__ import annotations

import json

import clips
import numpy as np
import pytest

from pipeline.jobs.run import run
from pipeline.profiles import load_config
from pipeline.runs.job import plan
from pipeline.video import open_video


@pytest.fixture(scope="module")
def done(shared, tmp_path_factory):
    """The run folder of person 1 crossing the picture outdoors, then indoors."""
    folder = tmp_path_factory.mktemp("kth")
    for name in ("person01_d1", "person01_d4"):
        with open_video(shared / f"videos/kth/{name}.mp4") as video:
            clips.write(folder / f"{name}.mp4", [frame.image for frame in video if 20 <= frame.index < 60])
    settings = ["recognition.encoder=gaitgraph1", "recognition.checkpoint=gaitgraph_casiab", "runtime.threads=1"]
    settings += ["output.videos=false", "output.silhouettes=false", f"output.folder={folder / 'output'}"]
    job = plan(str(folder / "person01_d1.mp4"), [str(folder / "person01_d4.mp4")])
    return run(job, load_config("light", settings), shared / "checkpoints")


def test_it_runs_from_video_to_embeddings_of_unit_length(done):
    record, results = (json.loads((done / name).read_text()) for name in ("run.json", "results.json"))
    assert record["checkpoints"]["encoder"]["sha256"].startswith("d61faf3c") and record["warnings"] == []
    entries = {**results["gallery"], **results["probes"]}
    assert set(entries) == {"person01_d1", "person01_d4"}
    for video, tracks in entries.items():
        assert len(tracks) >= 1
        for track, entry in tracks.items():
            assert entry["status"] != "unusable" and entry["poses"] >= 20
            with np.load(done / f"features/{video}/{track}.npz") as file:
                halves = file["parts"]  # the mean of two of unit length: there and backwards
                assert halves.shape == (128, 1) and 0.3 < np.linalg.norm(halves) <= 1.0001
