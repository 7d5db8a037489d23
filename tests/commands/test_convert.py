"""`gait convert`: what other tools read is what the run found."""

from __future__ import annotations

import json

import numpy as np
import pytest
import runs
from pyarrow import parquet

from pipeline.commands.convert import FORMATS, convert_command
from pipeline.errors import ConfigError, InputError, OutputError
from pipeline.research.training.data.dataset import list_samples, partition_of
from pipeline.runs.folder import RunFolder
from pipeline.runs.reader import Run


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return runs.made_up(tmp_path_factory.mktemp("convert") / "run", videos=False)


def test_supervision_arrays_are_those_of_the_tracks(run, tmp_path, capsys):
    convert_command(run, ["supervision"], tmp_path)
    names = capsys.readouterr().out.split()
    assert names == [str(tmp_path / f"supervision/{video}.npz") for video in ("gallery", "probe")]
    with np.load(names[1], allow_pickle=False) as rows:
        count = 2 * runs.FRAMES + 4
        assert rows["xyxy"].shape == (count, 4) and rows["xyxy"].dtype == np.float32
        for name, kind in (("confidence", "f"), ("class_id", "i"), ("tracker_id", "i"), ("frame_index", "i")):
            assert rows[name].shape == (count,) and rows[name].dtype.kind == kind
        assert (np.diff(rows["frame_index"]) >= 0).all() and rows["frame_index"][0] == 0
        assert not rows["class_id"].any() and rows["fps"] == runs.FPS
        at = rows["frame_index"] == 3
        assert rows["tracker_id"][at].tolist() == [1, 2, 3]
        assert rows["identity"][at].tolist() == ["gallery-001", "", ""]
        assert rows["status"][at].tolist() == ["known", "unknown", "unusable"]
        expected = {tracklet.track_id: tracklet for tracklet in Run.open(run).tracklets("probe")}
        for track, box, score in zip(rows["tracker_id"][at], rows["xyxy"][at], rows["confidence"][at], strict=True):
            np.testing.assert_allclose(box, expected[int(track)].boxes[3])
            assert score == pytest.approx(0.9)


def test_a_video_without_people_gives_empty_arrays(tmp_path):
    path = runs.made_up(tmp_path / "run", videos=False)
    (path / "tracks/probe.txt").write_text("")
    convert_command(path, ["supervision"], None)
    with np.load(path / "exports/supervision/probe.npz", allow_pickle=False) as rows:
        assert rows["xyxy"].shape == (0, 4) and rows["identity"].shape == (0,)


def test_parquet_rows_are_the_embeddings(run, tmp_path):
    convert_command(run, ["parquet"], tmp_path)
    rows = parquet.read_table(tmp_path / "features.parquet").to_pylist()
    assert [(row["role"], row["track"], row["identity"]) for row in rows] == [
        ("gallery", 1, "gallery-001"), ("gallery", 2, "gallery-002"), ("probe", 1, "gallery-001"), ("probe", 2, None),
    ]  # fmt: skip
    finished = Run.open(run)
    for row in rows:
        embedding = finished.embedding((row["video"], row["track"]))
        parts = np.array(row["embedding"], np.float32).reshape(row["channels"], row["parts"])
        np.testing.assert_array_equal(parts, embedding.parts)
        assert row["model"] == embedding.model and row["frames_used"] == embedding.frames_used


def test_opengait_layout_can_be_read_back(run, tmp_path):
    convert_command(run, ["opengait"], tmp_path)
    walks = list_samples(tmp_path / "opengait")
    assert len(walks) == 5
    partition = partition_of(tmp_path / "opengait", None, "")
    assert len(partition.train) + len(partition.test) == 5
    with pytest.raises(ConfigError, match="is not empty"):
        convert_command(run, ["opengait"], tmp_path)


def test_unknown_formats_are_refused_before_anything_is_written(run, tmp_path):
    with pytest.raises(ConfigError, match=r"no such format\. There are: supervision, parquet, opengait"):
        convert_command(run, ["supervision", "csv"], tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_no_run_is_refused(tmp_path):
    with pytest.raises(InputError, match="not a run folder"):
        convert_command(tmp_path, list(FORMATS), None)


def test_a_run_whose_features_were_removed_has_no_table(tmp_path):
    path = runs.made_up(tmp_path / "run", videos=False)
    for file in (path / "features").rglob("*.npz"):
        file.unlink()
    with pytest.raises(InputError, match="no track has features"):
        convert_command(path, ["parquet"], None)


def test_results_of_somebody_else_are_refused(tmp_path):
    path = runs.made_up(tmp_path / "run", videos=False)
    (path / "results.json").write_text(json.dumps({"gallery": [1], "probes": {}}))
    with pytest.raises(InputError, match="not the answers of a run"):
        convert_command(path, ["supervision"], None)


def test_a_run_that_another_process_works_on_is_not_written_into(run, tmp_path):
    with RunFolder(run).held():
        with pytest.raises(OutputError, match="has worked on it since"):
            convert_command(run, ["supervision"], None)
        convert_command(run, ["supervision"], tmp_path)  # elsewhere
    assert not (run / "exports").exists()
