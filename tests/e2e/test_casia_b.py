"""Whoever has CASIA-B on disk gets GaitBase's table by two commands; here on made-up walkers in its layout."""

from __future__ import annotations

import json

import inprocess
import pytest
from training_walks import write_dataset

TYPES = tuple(
    f"{kind}-{number:02d}" for kind, count in (("nm", 6), ("bg", 2), ("cl", 2)) for number in range(1, count + 1)
)
PEOPLE = ["001", "002", "003", "074", "075", "100", "124"]  # up to 074 they are trained on
SMALLER = [  # what two cores do in seconds; a user with the dataset leaves these away
    "model_cfg.backbone_cfg.channels=[16, 16, 32, 32]",
    "model_cfg.backbone_cfg.strides=[2, 2, 1, 1]",
    "model_cfg.SeparateFCs={out_channels: 32}",
    "model_cfg.SeparateBNNecks={}",
    "optimizer_cfg.lr=0.02",
    "trainer_cfg.total_iter=15",
    "trainer_cfg.sampler.batch_size=[4, 4]",
    "trainer_cfg.sampler.frames_num_fixed=4",
    "trainer_cfg.with_test=false",
    "data_cfg.cache=true",
]


def gait(folder, *arguments):
    done = inprocess.gait(*arguments, cwd=folder)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_two_commands_give_the_table(tmp_path):
    data = write_dataset(
        tmp_path / "CASIA-B-pkl", types=TYPES, views=("000", "090", "180"), frames=6, size=(64, 64), names=PEOPLE
    )
    (data / "partition.json").unlink()  # the authors' rule is known
    smaller = [part for setting in SMALLER for part in ("--set", setting)]
    said = gait(tmp_path, "train", "--config", "gaitbase_casiab", "--set", f"data_cfg.dataset_root={data}", *smaller)
    assert "120 walks of 4 people" in said
    trained = "output/training/CASIA-B/Baseline/GaitBase_DA"
    table = gait(
        tmp_path, "evaluate", "dataset", "--protocol", "casia-b", "--training", trained, "--json", "table.json"
    )
    assert all(condition in table for condition in ("NM", "BG", "CL"))
    figures = json.loads((tmp_path / "table.json").read_text())
    assert figures["conditions"].keys() == {"NM", "BG", "CL"}
    assert figures["conditions"]["NM"]["n"] == 18 and figures["conditions"]["NM"]["views"] == ["000", "090", "180"]
    assert figures["conditions"]["NM"]["rank1"] >= 0.8  # three people: chance is 0.33
