"""OpenGait's own YAML files are accepted as they are; what nothing here reads is named."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
import yaml
from training_walks import write_dataset

from pipeline.config import RecognitionConfig, RuntimeConfig
from pipeline.errors import ConfigError
from pipeline.recognition import open_encoder
from pipeline.recognition.made_up import made_up_sequence
from pipeline.research.training.config import load_training_config
from pipeline.research.training.data.transforms import transforms_of
from pipeline.research.training.fit import train
from pipeline.research.training.losses import losses_of
from pipeline.research.training.optim import optimizer_of, scheduler_of
from pipeline.weights.checkpoints import resolve

NOT_READ = {
    "gaitgraph1": ["evaluator_cfg.sampler.sample_type"],
    "gaitgraph2": ["evaluator_cfg.sampler.sample_type"],
    "gaitgraph2_gait3d": ["evaluator_cfg.sampler.sample_type"],
    "gaitgraph2_oumvlp": ["evaluator_cfg.sampler.sample_type"],
    "gln_phase1": ["evaluator_cfg.enable_distributed", "trainer_cfg.fix_layers"],
    "gln_phase2": ["evaluator_cfg.enable_distributed", "trainer_cfg.enable_distributed", "trainer_cfg.fix_layers"],
    "lidargaitpp": ["loss_cfg[0].lazy", "trainer_cfg.transform[0].scale_prob"],
    "msgg": ["evaluator_cfg.transform[0].prob", "trainer_cfg.transform[0].prob"],
    "skeletongait": ["loss_cfg[0].loss_term_weights", "loss_cfg[1].loss_term_weights"],
    "skeletongait_oumvlp": ["loss_cfg[0].loss_term_weights", "loss_cfg[1].loss_term_weights"],
    "skeletongaitpp": ["loss_cfg[0].loss_term_weights", "loss_cfg[1].loss_term_weights"],
    "skeletongaitpp_ccpg": ["loss_cfg[0].loss_term_weights", "loss_cfg[1].loss_term_weights"],
}
NOT_HERE = {  # networks of OpenGait's that cannot be trained here
    "BigGait__Dinov2_Gaitbase",
    "BiggerGait__DINOv2",
}


def test_every_configuration_of_the_references_is_read_or_its_network_named(shared):
    files = sorted((shared / "golden").glob("*/config_merged.yaml"))
    assert len(files) >= 40
    for path in files:
        model = yaml.safe_load(path.read_text())["model_cfg"]["model"]
        if model in NOT_HERE:
            with pytest.raises(ConfigError, match=rf"^config_merged\.yaml: model_cfg\.model: '{model}' cannot be"):
                load_training_config(str(path), ["data_cfg.dataset_root=somewhere"])
            continue
        config = load_training_config(str(path), ["data_cfg={dataset_root: somewhere}"])
        unsupported = list(config.unsupported)
        assert losses_of(config.loss_cfg, unsupported)
        assert transforms_of(config.trainer_cfg.transform, "trainer_cfg.transform", unsupported)
        assert transforms_of(config.evaluator_cfg.transform, "evaluator_cfg.transform", unsupported)
        rounded = ["evaluator_cfg.enable_float16"] if config.evaluator_cfg.enable_float16 else []
        assert sorted(unsupported) == sorted([*NOT_READ.get(path.parent.name, []), *rounded]), path


def test_the_page_of_the_networks_names_those_that_are_refused():
    page = (Path(__file__).parents[3] / "docs/models.md").read_text(encoding="utf-8").partition("## Train one")[2]
    assert [model for model in sorted(NOT_HERE) if f"`{model}`" not in page] == []


OPENGAITS_DEFAULTS = {  # what its configs/default.yaml says of a training, and of its evaluation
    "trainer_cfg": {
        "find_unused_parameters": False,
        "enable_float16": True,
        "with_test": False,
        "fix_BN": False,
        "log_iter": 100,
        "restore_ckpt_strict": True,
        "optimizer_reset": False,
        "scheduler_reset": False,
        "restore_hint": 0,
        "save_iter": 2000,
        "save_name": "tmp",
        "sync_BN": False,
        "total_iter": 80000,
        "sampler": {
            "batch_shuffle": False,
            "batch_size": [8, 16],
            "frames_num_fixed": 30,
            "frames_num_max": 50,
            "frames_num_min": 25,
            "sample_type": "fixed_unordered",
            "type": "TripletSampler",
        },
        "transform": [{"type": "BaseSilCuttingTransform"}],
    },
    "evaluator_cfg": {
        "enable_float16": False,
        "restore_ckpt_strict": True,
        "restore_hint": 80000,
        "save_name": "tmp",
        "eval_func": "evaluate_indoor_dataset",
        "sampler": {"batch_size": 4, "sample_type": "all_ordered", "type": "InferenceSampler"},
        "transform": [{"type": "BaseSilCuttingTransform"}],
        "metric": "euc",
        "cross_view_gallery": False,
    },
    "model_cfg": {"model": "Baseline"},
    "data_cfg": {"num_workers": 1, "remove_no_gallery": False, "cache": False},
}


def within(said, config):
    """The part of `config` that `said` speaks of."""
    return {key: within(value, config[key]) if isinstance(value, dict) else config[key] for key, value in said.items()}


def test_what_a_file_leaves_out_is_as_in_opengait(tmp_path):
    path = tmp_path / "short.yaml"
    path.write_text("data_cfg: {dataset_root: somewhere}\n")
    config = load_training_config(str(path))
    assert within(OPENGAITS_DEFAULTS, config.model_dump(mode="json")) == OPENGAITS_DEFAULTS
    (loss,) = losses_of(config.loss_cfg)
    assert (loss.name, loss.function.__name__, loss.weight) == ("triplet", "triplet", 1.0)
    network = torch.nn.Linear(1, 1)
    optimizer = optimizer_of(config.optimizer_cfg, network)
    assert isinstance(optimizer, torch.optim.SGD)
    (group,) = optimizer.param_groups
    assert (group["lr"], group["momentum"], group["weight_decay"]) == (0.1, 0.9, 0.0005)
    schedule = scheduler_of(config.scheduler_cfg, optimizer, 1)
    assert (list(schedule.milestones), schedule.gamma) == ([20000, 40000, 60000], 0.1)


def test_a_default_that_the_solver_has_not_is_not_held_against_the_file():
    unsupported: list[str] = []
    optimizer = optimizer_of({"solver": "Adam", "lr": 1e-3}, torch.nn.Linear(1, 1), unsupported)
    assert optimizer.param_groups[0]["weight_decay"] == 0.0005
    scheduler_of({"scheduler": "OneCycleLR", "max_lr": 1e-3, "total_steps": 5}, optimizer, 5, unsupported)
    assert unsupported == []


def test_a_number_that_yaml_takes_for_a_text_is_one():
    optimizer = optimizer_of({"lr": "1e-3"}, torch.nn.Linear(1, 1))
    schedule = scheduler_of({"gamma": "1e-1", "milestones": [1]}, optimizer, 2)
    optimizer.step()
    schedule.step()
    assert optimizer.param_groups[0]["lr"] == pytest.approx(1e-4)
    for wrong in ({"gamma": "x"}, {"milestones": "x"}, {"milestones": 3}):
        with pytest.raises(ConfigError, match="scheduler_cfg: MultiStepLR: "):
            scheduler_of(wrong, optimizer, 2)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("data_cfg: {dataset_root: a, dataset_name: ../../x}", "data_cfg.dataset_name"),
        ("data_cfg: {dataset_root: a, dataset_name: /tmp/x}", "data_cfg.dataset_name"),
        ("trainer_cfg: {save_name: ..}", "trainer_cfg.save_name"),
        ("trainer_cfg: {sampler: {batch_size: [0, 2]}}", "trainer_cfg.sampler.batch_size"),
        ("evaluator_cfg: {sampler: {batch_size: 0}}", "evaluator_cfg.sampler.batch_size"),
        ("model_cfg: {model: [GaitSet]}", "model_cfg.model"),
    ],
)
def test_a_setting_that_leads_out_of_the_folder_or_cannot_be_is_named(tmp_path, text, key):
    path = tmp_path / "x.yaml"
    path.write_text(text if "data_cfg" in text else f"data_cfg: {{dataset_root: a}}\n{text}")
    with pytest.raises(ConfigError, match=rf"x\.yaml: {re.escape(key)}: "):
        load_training_config(str(path))


def test_a_silhouette_file_without_transforms_trains(tmp_path):
    """As OpenGait's of GaitSet, GaitPart and GaitGL."""
    path = tmp_path / "gaitset.yaml"
    model = {"model": "GaitSet", "in_channels": [1, 4, 4, 8], "SeparateFCs": {"out_channels": 8}}
    course = {"total_iter": 1, "sampler": {"batch_size": [2, 2], "frames_num_fixed": 3}}
    root = write_dataset(tmp_path / "data", 3, held_out=1)
    data = {"dataset_name": "CASIA-B", "dataset_root": str(root), "num_workers": 0}
    path.write_text(yaml.safe_dump({"data_cfg": data, "model_cfg": model, "trainer_cfg": course}))
    lines: list[str] = []
    assert train(load_training_config(str(path)), tmp_path / "out", False, "cpu", lines.append).is_file()
    assert not [line for line in lines if line.startswith("not")]


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("BiggerGait__DINOv2", r"several\.yaml: model_cfg\.model: 'BiggerGait__DINOv2' cannot be trained"),
        ("Baseline", r"several\.yaml: data_cfg lists 2 datasets, a training with identities takes one"),
        ("GaitSSB_Pretrain", r"several\.yaml: data_cfg lists 2 datasets, a training with identities takes one"),
    ],
)
def test_several_datasets_are_refused_but_the_network_first(tmp_path, model, message):
    path = tmp_path / "several.yaml"
    nested = {"transform": [[{"type": "DA4GaitSSB"}]]}
    path.write_text(yaml.safe_dump({"data_cfg": [{}, {}], "model_cfg": {"model": model}, "trainer_cfg": nested}))
    with pytest.raises(ConfigError, match=message):
        load_training_config(str(path), ["data_cfg.dataset_root=somewhere"])


@pytest.fixture
def file(tmp_path):
    """A small configuration in OpenGait's format with settings that are unknown in several places."""
    tree = {
        "data_cfg": {"dataset_name": "CASIA-B", "dataset_root": "./there", "cache": False, "num_workers": 0},
        "evaluator_cfg": {
            "eval_func": "evaluate_indoor_dataset",
            "metric": "euc",
            "enable_float16": True,
            "sampler": {"sample_type": "fixed_ordered", "sampled_by": "hand"},
            "transform": [{"type": "BaseSilCuttingTransform", "colour": 1}],
        },
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
    (named,) = [line.partition(": ")[2] for line in lines if line.startswith("not supported, ignored: ")]
    assert sorted(named.split(", ")) == [
        "evaluator_cfg.enable_float16",
        "evaluator_cfg.sampler.sample_type",
        "evaluator_cfg.sampler.sampled_by",
        "evaluator_cfg.transform[0].colour",
        "loss_cfg[0].lazy",
        "optimizer_cfg.momentum",
        "surplus_cfg",
        "trainer_cfg.fix_layers",
        "trainer_cfg.sampler.colour",
    ]


def test_baseline_with_a_plain_backbone_trains_as_gaitbase_hid_asks_for_it(file, tmp_path):
    tree = yaml.safe_load(file.read_text())
    tree["model_cfg"] = {
        "model": "Baseline",
        "backbone_cfg": {"type": "Plain", "in_channels": 1, "layers_cfg": ["BC-4", "M", "BC-4", "M", "BC-8"]},
        "SeparateFCs": {"in_channels": 8, "out_channels": 8, "parts_num": 31},
        "SeparateBNNecks": {"class_num": 500, "in_channels": 8, "parts_num": 31},
        "bin_num": [16, 8, 4, 2, 1],
    }
    file.write_text(yaml.safe_dump(tree))
    config = load_training_config(str(file), [f"data_cfg.dataset_root={write_dataset(tmp_path / 'data', 4)}"])
    folder = train(config, tmp_path / "out", False, "cpu", [].append).parent
    checkpoint = resolve(str(folder / "Tiny.safetensors"), stage="encoder")
    encoder = open_encoder(RecognitionConfig(encoder="baseline"), RuntimeConfig(device="cpu"), checkpoint)
    (embedding,) = encoder.encode([made_up_sequence(encoder.needs, 3, 0)])
    assert embedding.parts.shape == (8, 31)


def test_an_unknown_key_given_by_hand_is_refused(file):
    with pytest.raises(ConfigError, match=r"unknown key 'trainer_cfg\.save_itr'; did you mean 'save_iter'"):
        load_training_config(str(file), ["trainer_cfg.save_itr=3"])


@pytest.mark.parametrize("text", ["[1, 2]", "a: [", "trainer_cfg: 3", "\x00", "", "heatmap_cfg: {sigma: 8}"])
def test_other_files_are_one_line(tmp_path, text):
    path = Path(tmp_path / "x.yaml")
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"x\.yaml"):
        load_training_config(str(path), ["data_cfg={dataset_root: somewhere}"])


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
