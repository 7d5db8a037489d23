"""A dataset in CASIA-B's layout, two commands, and GaitBase's table: `gait train`, then `gait evaluate dataset`."""

from __future__ import annotations

import json

import numpy as np
import pytest
from training_walks import write_dataset

pytest.importorskip("lightning", reason="gait train needs the extra `train`")

TYPES = (*(f"nm-{take:02d}" for take in range(1, 7)), "bg-01", "bg-02", "cl-01", "cl-02")
VIEWS = ("000", "090", "180")
SMALL = [
    "data_cfg.dataset_name=CASIA-B",
    "data_cfg.dataset_root=CASIA-B-pkl",
    "trainer_cfg.total_iter=12",
    "trainer_cfg.precision=fp32",
    "trainer_cfg.sampler.batch_size=[4, 4]",
    "trainer_cfg.sampler.frames_num_fixed=6",
    "model_cfg.backbone_cfg.channels=[8, 8, 16, 16]",
    "model_cfg.SeparateFCs={out_channels: 16}",
    "model_cfg.SeparateBNNecks={softmax_parts: 4}",
    "scheduler_cfg.warmup=2",
    "validation_cfg.windows=1",
]


@pytest.fixture(scope="module")
def casia(gait_in, tmp_path_factory):
    """`gait` in a folder that has the dataset."""
    gait = gait_in(tmp_path_factory.mktemp("casia"))
    write_dataset(gait.cwd / "CASIA-B-pkl", 10, TYPES, VIEWS, held_out=5)
    return gait


def run_folder(done):
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1]


@pytest.fixture(scope="module")
def table(casia):
    """The two commands."""
    settings = [part for setting in SMALL for part in ("--set", setting)]
    trained = casia("train", "--config", "gaitbase_synth", *settings, "--device", "cpu")
    assert trained.returncode == 0, trained.stderr
    done = casia("evaluate", "dataset", "--training", "output/training/CASIA-B/Baseline/gaitbase_synth")
    return casia.cwd / run_folder(done), done.stdout


def read(folder):
    return json.loads((folder / "evaluation.json").read_text())


def test_the_table_has_every_condition_and_view(table):
    folder, printed = table
    tree = read(folder)
    assert (tree["protocol"], tree["model"], tree["identities"], tree["walks"]) == ("casia-b", "gaitbase-16", 5, 150)
    assert list(tree["conditions"]) == ["NM", "BG", "CL"]
    for name, one in tree["conditions"].items():
        assert one["views"] == list(VIEWS) and np.shape(one["table"]) == (3, 3)
        assert one["n"] == 5 * 2 * 3  # people, takes, views
        cells = np.array(one["table"])[~np.eye(3, dtype=bool)]
        assert one["rank1"] == pytest.approx(cells.mean())
        row = next(line for line in printed.splitlines() if line.startswith(f"│ {name} "))
        assert row.split()[-2] == f"{100 * one['rank1']:.2f}"
    assert tree["conditions"]["NM"]["rank1"] > 0.5, "made-up people are easily told apart; chance is 0.2"


def test_pictures_and_the_record_lie_beside_it(table):
    folder, _ = table
    assert {"cmc.png", "views-NM.png", "views-BG.png", "views-CL.png", "features.npz"} <= {
        p.name for p in folder.iterdir()
    }
    record = json.loads((folder / "run.json").read_text())
    assert record["status"] == "done" and record["checkpoints"]["encoder"]["file"] == "gaitbase_synth-00012.pt"


def test_features_are_evaluated_again_to_the_same_figures(casia, table):
    folder, _ = table
    done = casia(
        "evaluate", "dataset", "--protocol", "casia-b", "--features", folder / "features.npz", "--json", "again.json"
    )
    run_folder(done)
    assert json.loads((casia.cwd / "again.json").read_text()) == read(folder)
    other = casia(
        "evaluate",
        "dataset",
        "--protocol",
        "casia-b",
        "--cross-view",
        "--metric",
        "cosine",
        "--features",
        folder / "features.npz",
    )
    tree = read(casia.cwd / run_folder(other))
    assert (tree["gallery"], tree["metric"], list(tree["conditions"])) == ("cross-view", "cosine", ["NM", "BG", "CL"])


def test_an_encoder_without_weights_is_evaluated_by_name(casia, table):
    done = casia("evaluate", "dataset", "--protocol", "casia-b", "--root", "CASIA-B-pkl", "--encoder", "hog")
    tree = read(casia.cwd / run_folder(done))
    assert tree["model"] == "hog" and tree["conditions"]["NM"]["rank1"] > 0.5


def test_what_cannot_be_evaluated_is_refused_in_one_line(casia):
    refused = casia("evaluate", "dataset", "--root", "CASIA-B-pkl")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr.startswith("gait: --protocol is missing. Give one of casia-b, oumvlp, ")
