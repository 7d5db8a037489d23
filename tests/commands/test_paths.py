"""Every path that is given to a command of training, evaluation or datasets, where it leads to nothing usable."""

from __future__ import annotations

import signal
import sys

import cv2
import numpy as np
import pytest
import runs
from training_walks import write_dataset

from pipeline.cli import main
from pipeline.recognition import ENCODERS  # noqa: F401  # so that the first case does not pay for torch

TRAIN = "train --config gaitbase_synth --set data_cfg.dataset_root={data}"
TEST = "evaluate dataset --protocol casia-b"
READ_FILES = {
    "train --config": "train --config {path}.yaml",
    "train dataset_partition": f"{TRAIN} --set data_cfg.dataset_partition={{path}}",
    "train restore_hint": f"{TRAIN} --set trainer_cfg.restore_hint={{path}} --output {{out}}",
    "evaluate clips --manifest": "evaluate clips --manifest {path}",
    "evaluate clips --config": "evaluate clips --manifest {manifest} --config {path}.yaml",
    "evaluate dataset --partition": f"{TEST} --root {{data}} --encoder gei --partition {{path}}",
    "evaluate dataset --features": "evaluate dataset --protocol casia-b --features {path}",
    "evaluate dataset --features --partition": f"{TEST} --features {{features}} --partition {{path}}",
    "evaluate dataset --checkpoint": "evaluate dataset --protocol casia-b --root {data} --checkpoint {path}.pt",
    "evaluate dataset --config": "evaluate dataset --protocol casia-b --root {data} --config {path}.yaml",
    "dataset pretreat CSV": "dataset pretreat {path}.csv {out}",
    "dataset from-run --labels": "dataset from-run {run} {out} --labels {path}",
    "dataset check --partition": "dataset check {data} --partition {path}",
    "export --checkpoint": "export gaitbase --to onnx --checkpoint {path}.pt --output {out}.onnx",
}
READ_FOLDERS = {
    "train dataset_root": "train --config gaitbase_synth --set data_cfg.dataset_root={path} --output {out}",
    "evaluate dataset --root": "evaluate dataset --protocol casia-b --encoder gei --root {path}",
    "evaluate dataset --training": "evaluate dataset --training {path}",
    "dataset pretreat": "dataset pretreat {path} {out}",
    "dataset from-run": "dataset from-run {path} {out}",
    "dataset check": "dataset check {path}",
    "convert": "convert {path} parquet",
}
WRITE_FILES = {
    "evaluate dataset --json": "evaluate dataset --protocol casia-b --features {features} --output {out} --json {path}",
    "dataset check --json": "dataset check {data} --json {path}",
    "export --output": "export gaitbase_synth --to onnx --output {path}.onnx",
}
WRITE_FOLDERS = {
    "train --output": "train --config gaitbase_synth --set data_cfg.dataset_root={data} --output {path}",
    "evaluate dataset --output": "evaluate dataset --protocol casia-b --features {features} --output {path}",
    "dataset pretreat": "dataset pretreat {pictures} {path}",
    "dataset pretreat CSV": "dataset pretreat {poses} {path}",
    "dataset from-run": "dataset from-run {run} {path}",
    "synth dataset": "synth dataset --people 1 --sequences 1 --frames 2 --out {path}",
    "synth videos": "synth videos --people 1 --probes 1 --seconds 1 --out {path}",
    "convert opengait --output": "convert {run} opengait --output {path}",
    "convert supervision --output": "convert {run} supervision --output {path}",
}
CASES = [
    *((READ_FILES, name, kind) for name in READ_FILES for kind in ("missing", "folder")),
    *((READ_FOLDERS, name, kind) for name in READ_FOLDERS for kind in ("missing", "file")),
    *((WRITE_FILES, name, kind) for name in WRITE_FILES for kind in ("folder", "below a file", "no place")),
    *((WRITE_FOLDERS, name, kind) for name in WRITE_FOLDERS for kind in ("file", "below a file", "no place")),
]


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    """What the commands need beside the path in question."""
    root = tmp_path_factory.mktemp("given")
    data = write_dataset(root / "data", 3, ("nm-01", "nm-05"), held_out=1, size=(64, 64))
    walks = [("001", kind, view) for kind in ("nm-01", "nm-05") for view in ("000", "090")]
    labels, types, views = (np.array(column) for column in zip(*walks, strict=True))
    features = np.random.default_rng(0).normal(size=(4, 8, 2)).astype(np.float32)
    np.savez(root / "features.npz", features=features, labels=labels, types=types, views=views)
    (root / "pictures/001/nm-01/090").mkdir(parents=True)
    cv2.imwrite(str(root / "pictures/001/nm-01/090/1.png"), np.pad(np.full((80, 30), 255, np.uint8), 20))
    (root / "poses.csv").write_text("dense/001-bg-01-090/000001.jpg" + ",1" * 51)
    (root / "clips.csv").write_text(
        "video,first,last,person,condition,role\nx.mp4,1,9,ann,a,gallery\nx.mp4,1,9,ann,a,probe\n"
    )
    return {
        "data": data,
        "features": root / "features.npz",
        "pictures": root / "pictures",
        "poses": root / "poses.csv",
        "manifest": root / "clips.csv",
        "run": runs.made_up(root / "run", videos=False),
    }


@pytest.mark.parametrize(("table", "name", "kind"), CASES, ids=[f"{name}, {kind}" for _, name, kind in CASES])
def test_a_path_that_leads_to_nothing_usable_is_one_line_with_its_name(
    table, name, kind, given, tmp_path, monkeypatch, capsys
):
    suffix = table[name].partition("{path}")[2].partition(" ")[0]
    wrong = tmp_path / f"wrong{suffix}"
    if kind == "folder":
        wrong.mkdir()
    elif kind in ("file", "below a file"):
        wrong.write_text("something else")
    path = {"below a file": tmp_path / f"wrong{suffix}" / "x", "no place": "/proc/x"}.get(kind, tmp_path / "wrong")
    words = [word.format(path=path, out=tmp_path / "out", **given) for word in table[name].split()]
    monkeypatch.setattr(sys, "argv", ["gait", *words])
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OPENBLAS_THREAD_TIMEOUT", "4")  # as main() would, and for good
    before = signal.getsignal(signal.SIGTERM)
    try:
        with pytest.raises(SystemExit) as ended:
            main()
    finally:
        signal.signal(signal.SIGTERM, before)
    said = capsys.readouterr().err
    last = said.strip().splitlines()[-1]
    assert ended.value.code == 2 and last.startswith("gait: ") and "fault" not in last, said
    assert str(path) in last
