"""OpenGait's own YAML files are accepted as they are; what nothing here reads is named."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from training_walks import write_dataset

from pipeline.errors import ConfigError
from pipeline.training.config import load_training_config
from pipeline.training.fit import train
from pipeline.training.optim import losses_of
from pipeline.training.transforms import transforms_of

NOT_READ = {
    "gln_phase1": ["trainer_cfg.fix_layers"],
    "gln_phase2": ["trainer_cfg.enable_distributed", "trainer_cfg.fix_layers"],
    "lidargaitpp": ["loss_cfg[0].lazy", "trainer_cfg.transform[0].scale_prob"],
    "msgg": ["trainer_cfg.transform[0].prob"],
    "skeletongait": ["loss_cfg[0].loss_term_weights", "loss_cfg[1].loss_term_weights"],
    "skeletongait_oumvlp": ["loss_cfg[0].loss_term_weights", "loss_cfg[1].loss_term_weights"],
    "skeletongaitpp": ["loss_cfg[0].loss_term_weights", "loss_cfg[1].loss_term_weights"],
    "skeletongaitpp_ccpg": ["loss_cfg[0].loss_term_weights", "loss_cfg[1].loss_term_weights"],
}


def test_every_configuration_of_the_references_is_read(shared):
    files = sorted((shared / "golden").glob("*/config_merged.yaml"))
    assert len(files) >= 30
    for path in files:
        config = load_training_config(str(path), ["data_cfg={dataset_root: somewhere}"])
        unsupported = list(config.unsupported)
        assert losses_of(config.loss_cfg, unsupported)
        assert transforms_of(config.trainer_cfg.transform, "trainer_cfg.transform", unsupported)
        assert sorted(unsupported) == NOT_READ.get(path.parent.name, []), path


@pytest.fixture
def file(tmp_path):
    """A small configuration in OpenGait's format with settings that are unknown in several places."""
    tree = {
        "data_cfg": {"dataset_name": "CASIA-B", "dataset_root": "./there", "cache": False, "num_workers": 0},
        "evaluator_cfg": {"eval_func": "evaluate_indoor_dataset", "metric": "euc"},
        "loss_cfg": {"type": "TripletLoss", "log_prefix": "triplet", "margin": 0.2, "lazy": True},
        "model_cfg": {
            "model": "Baseline",
            "backbone_cfg": {"type": "ResNet9", "block": "BasicBlock", "channels": [4, 4, 8, 8], "maxpool": False},
            "SeparateFCs": {"in_channels": 8, "out_channels": 8, "parts_num": 16},
            "SeparateBNNecks": {"class_num": 74, "in_channels": 8, "parts_num": 16},
            "bin_num": [16],
        },
        "optimizer_cfg": {"solver": "Adam", "lr": 1e-3, "momentum": 0.9, "weight_decay": 0.0005},
        "scheduler_cfg": {"scheduler": "MultiStepLR", "milestones": [1], "gamma": 0.1},
        "trainer_cfg": {
            "total_iter": 2,
            "save_iter": 2,
            "save_name": "Tiny",
            "fix_layers": False,
            "sampler": {"type": "TripletSampler", "batch_size": [2, 2], "frames_num_fixed": 4, "colour": 1},
            "transform": [{"type": "BaseSilCuttingTransform", "img_w": 64}],
        },
        "surplus_cfg": {},
    }
    path = tmp_path / "opengait.yaml"
    path.write_text(yaml.safe_dump(tree))
    return path


def test_what_is_not_read_is_named_when_the_training_starts(file, tmp_path):
    root = write_dataset(tmp_path / "data", 4)
    config = load_training_config(str(file), [f"data_cfg.dataset_root={root}"])
    lines: list[str] = []
    metrics = train(config, tmp_path / "out", False, "cpu", lines.append)
    assert metrics.parent == tmp_path / "out/CASIA-B/Baseline/Tiny" and metrics.is_file()
    named = [line.rpartition(": ")[2] for line in lines if line.startswith("not supported, ignored: ")]
    assert sorted(named) == [
        "loss_cfg[0].lazy",
        "optimizer_cfg.momentum",
        "surplus_cfg",
        "trainer_cfg.fix_layers",
        "trainer_cfg.sampler.colour",
    ]


def test_an_unknown_key_given_by_hand_is_refused(file):
    with pytest.raises(ConfigError, match=r"unknown key 'trainer_cfg\.save_itr'; did you mean 'save_iter'"):
        load_training_config(str(file), ["trainer_cfg.save_itr=3"])


@pytest.mark.parametrize("text", ["[1, 2]", "a: [", "trainer_cfg: 3", "\x00"])
def test_other_files_are_one_line(tmp_path, text):
    path = Path(tmp_path / "x.yaml")
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"x\.yaml"):
        load_training_config(str(path))


@pytest.mark.parametrize("dataset", ["casiab", "oumvlp", "gait3d", "grew"])
def test_our_configurations_of_gaitbase_train_as_opengaits(shared, dataset):
    ours = load_training_config(f"gaitbase_{dataset}")
    path = shared / f"golden/gaitbase_{dataset}/config_merged.yaml"
    theirs = load_training_config(str(path), ["data_cfg={dataset_root: somewhere}"])
    assert not ours.unsupported
    for section in ("model_cfg", "loss_cfg", "optimizer_cfg", "scheduler_cfg"):
        assert getattr(ours, section) == getattr(theirs, section)
    same = ("total_iter", "enable_float16", "fix_BN", "sync_BN", "transform", "restore_hint")
    assert all(getattr(ours.trainer_cfg, name) == getattr(theirs.trainer_cfg, name) for name in same)
    our_sampler, their_sampler = ours.trainer_cfg.sampler, theirs.trainer_cfg.sampler
    kind = ("type", "batch_size", "batch_shuffle", "sample_type")
    frames = ("frames_num_min", "frames_num_max") if "unfixed" in our_sampler.sample_type else ("frames_num_fixed",)
    assert all(getattr(our_sampler, name) == getattr(their_sampler, name) for name in (*kind, *frames))
