"""Run folders read back: what is no run, or was tampered with, is refused in one line."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest
import runs

from pipeline.errors import ConfigError, InputError
from pipeline.runs.reader import Run


@pytest.fixture
def path(tmp_path):
    return runs.made_up(tmp_path / "run", videos=False)


def test_a_run_is_read_back(path):
    run = Run.open(path)
    assert run.videos == ["gallery", "probe"] and run.fps("probe") == runs.FPS
    assert run.enrolled() == {"gallery-001": ("gallery", 1), "gallery-002": ("gallery", 2)}
    assert [len(tracklet) for tracklet in run.tracklets("probe")] == [30, 30, 4]
    assert [embedding.track_id for embedding in run.embeddings("probe")] == [1, 2]
    assert len(run.sequence(("probe", 3))) == 4 and run.embedding(("probe", 3)) is None
    assert run.matching.threshold == 0.1 and run.metric == "euclidean"
    assert run.find("probe/002") == ("probe", 2)


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("results.json", "{", "results.json: not readable"),
        ("results.json", '{"gallery": {}, "probes": []}', "results.json: not the answers of a run"),
        ("results.json", '{"gallery": {"a/../b": {}}, "probes": {}}', "cannot be the name of a video"),
        ("results.json", '{"gallery": {"g": {"x": {}}}, "probes": {}}', "results.json: not the answers of a run"),
        ("results.json", '{"gallery": {"g": {"1": {"status": "known"}}}, "probes": {}}', "not the answers of a run"),
        ("run.json", '{"config": {"matching": {"metric": "nearest"}}}', "run.json: not the record of a run"),
        ("run.json", '{"config": 3}', "run.json: not the record of a run"),
        ("run.json", '{"inputs": {"gallery": {"name": "gallery", "fps": []}, "probes": 3}}', "not the record of a run"),
        ("run.json", '{"inputs": {"gallery": {"name": "gallery", "fps": "fast"}}}', "not the record of a run"),
    ],
)
def test_what_is_no_run_of_ours_is_refused(path, file, content, message):
    (path / file).write_text(content)
    with pytest.raises(InputError) as refused:
        Run.open(path)
    assert message in str(refused.value)


def test_settings_of_a_newer_version_are_passed_over(path):
    record = json.loads((path / "run.json").read_text())
    record["config"]["matching"]["telepathy"] = True
    (path / "run.json").write_text(json.dumps(record))
    assert Run.open(path).matching.threshold == 0.1


def test_the_table_has_a_row_for_each_track(path):
    rows = Run.open(path).table().to_pylist()
    assert [(row["role"], row["video"], row["track"]) for row in rows] == [
        ("gallery", "gallery", 1), ("gallery", "gallery", 2),
        ("probe", "probe", 1), ("probe", "probe", 2), ("probe", "probe", 3),
    ]  # fmt: skip
    said = json.loads((path / "results.json").read_text())["probes"]["probe"]
    for row in rows[2:]:
        entry = said[f"{row['track']:03d}"]
        for name in ("status", "identity", "distance", "confidence", "reason", "frames", "first_frame", "silhouettes"):
            assert row[name] == entry[name]
    assert [row["name"] for row in rows] == ["gallery-001", "gallery-002", "gallery-001", None, None]


def test_detections_are_those_of_supervision(path):
    supervision = pytest.importorskip("supervision", reason="supervision is not installed")
    run = Run.open(path)
    found = run.detections("probe")
    assert isinstance(found, supervision.Detections) and len(found) == 2 * runs.FRAMES + 4
    now = found[found.data["frame_index"] == 3]
    assert now.tracker_id.tolist() == [1, 2, 3] and not now.class_id.any()
    assert now.data["identity"].tolist() == ["gallery-001", "", ""]
    assert now.data["status"].tolist() == ["known", "unknown", "unusable"]
    boxes = {tracklet.track_id: tracklet.boxes[3] for tracklet in run.tracklets("probe")}
    np.testing.assert_allclose(now.xyxy, [boxes[1], boxes[2], boxes[3]])
    np.testing.assert_allclose(now.confidence, 0.9)


def test_detections_of_a_video_without_people_are_none(path):
    supervision = pytest.importorskip("supervision", reason="supervision is not installed")
    (path / "tracks/probe.txt").write_text("")
    found = Run.open(path).detections("probe")
    assert isinstance(found, supervision.Detections) and len(found) == 0


def test_without_supervision_one_line_says_how_to_install_it(path, monkeypatch):
    monkeypatch.setitem(sys.modules, "supervision", None)
    with pytest.raises(ConfigError, match="pip install supervision"):
        Run.open(path).detections("probe")
