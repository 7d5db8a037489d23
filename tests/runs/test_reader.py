"""Run folders read back: what is no run, or was tampered with, is refused in one line."""

from __future__ import annotations

import json

import pytest
import runs

from pipeline.errors import InputError
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
