"""OpenGait's own YAML files are accepted as they are; what nothing here reads is named."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from modal_walks import write_modalities
from training_walks import write_dataset

from pipeline.config import RecognitionConfig, RuntimeConfig
from pipeline.errors import ConfigError
from pipeline.recognition import open_encoder
from pipeline.recognition.layers.graph_inputs import middle_frames
from pipeline.recognition.made_up import made_up_sequence
from pipeline.research.evaluation.datasets.embedding import read_sequence
from pipeline.research.training.checkpoints import read_checkpoint
from pipeline.research.training.config import load_training_config
from pipeline.research.training.data.batches import Batch
from pipeline.research.training.data.dataset import list_samples
from pipeline.research.training.data.transforms import transforms_of
from pipeline.research.training.fit import train
from pipeline.research.training.losses import losses_of
from pipeline.research.training.networks import open_trainable
from pipeline.research.training.optim import optimizer_of, scheduler_of
from pipeline.types import Modality
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
    ("losses", "message"),
    [
        ([{"type": "TripletLoss", "margin": "wide"}], r"loss_cfg\[0\]\.margin: expected a number, got 'wide'"),
        ([{"type": "TripletLoss", "loss_term_weight": None}], r"loss_cfg\[0\]\.loss_term_weight: expected a number"),
    ],
)
def test_a_loss_whose_setting_is_no_number_is_named(losses, message):
    with pytest.raises(ConfigError, match=message):
        losses_of(losses)
    (loss,) = losses_of([{"type": "TripletLoss", "margin": "1e-1"}])
    assert loss.settings == {"margin": 0.1}


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("data_cfg: {dataset_root: a, dataset_name: ../../x}", "data_cfg.dataset_name"),
        ("data_cfg: {dataset_root: a, dataset_name: /tmp/x}", "data_cfg.dataset_name"),
        ("trainer_cfg: {save_name: ..}", "trainer_cfg.save_name"),
        ("trainer_cfg: {sampler: {batch_size: [0, 2]}}", "trainer_cfg.sampler.batch_size"),
        ("evaluator_cfg: {sampler: {batch_size: 0}}", "evaluator_cfg.sampler.batch_size"),
        ("model_cfg: {model: [GaitSet]}", "model_cfg.model"),
        ("data_cfg: {dataset_root: a, further: 5}", "data_cfg.further"),
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


GAITGRAPH2 = {  # as its casia_b.yaml, oumvlp.yaml and oumvlp_ablation_st_gcn.yaml, smaller where that is the user's
    "casia_b": {
        "trainer": {"gpus": 1, "max_epochs": 2, "callbacks": [{"class_path": "LearningRateMonitor"}]},
        "model": {"backend_name": "resgcn-n21-r8", "loss_temperature": 0.01, "tta": True},
        "data": {"data_path": "../data", "batch_size": 5000, "num_workers": 0, "sequence_length": 9},
    },
    "oumvlp": {
        "seed_everything": 3,
        "model": {"backend_name": "resgcn-n51-r4", "learning_rate": 0.005, "embedding_layer_size": 16, "tta": False},
        "data": {"keypoints": "openpose", "num_workers": 0, "sequence_length": 9},
    },
    "st_gcn": {
        "model": {"backend_name": "st-gcn", "multi_input": False},
        "data": {"keypoints": "alphapose", "multi_input": False, "num_workers": 0, "sequence_length": 9},
    },
}
NAMED = {
    "casia_b": ["data.data_path", "trainer.callbacks", "trainer.gpus"],
    "oumvlp": ["data.keypoints"],
    "st_gcn": ["data.keypoints"],
}


def gaitgraph2_file(folder, name, **changes):
    path = folder / f"{name}.yaml"
    tree = GAITGRAPH2[name]
    path.write_text(yaml.safe_dump({**tree, **{key: {**tree[key], **value} for key, value in changes.items()}}))
    return path


@pytest.mark.parametrize("name", GAITGRAPH2)
def test_gaitgraph2s_own_files_train(name, tmp_path, assert_close_to_rms):
    """Two steps; and the encoder makes of a walk what the training makes of it."""
    joints = "keypoints" if name == "casia_b" else "keypoints18"
    root = write_modalities(tmp_path / "data", (joints,), 3, ("nm-01",), ("080", "100"))
    few = ["trainer_cfg.total_iter=2", "trainer_cfg.sampler.batch_size=6", "data_cfg.dataset_partition=null"]
    config = load_training_config(str(gaitgraph2_file(tmp_path, name)), [f"data_cfg.dataset_root={root}", *few])
    assert sorted(config.unsupported) == NAMED[name]
    metrics = train(config, tmp_path / "out", False, "cpu", lambda line: None)
    (weights,) = metrics.parent.glob("*.safetensors")
    found = resolve(str(weights), stage="encoder")
    walk = list_samples(root)[0]
    settings, runtime = RecognitionConfig(encoder=found.card.model), RuntimeConfig(device="cpu", threads=1)
    sequence = read_sequence(walk, 1, (Modality.KEYPOINTS,))
    (embedding,) = open_encoder(settings, runtime, found).encode([sequence])
    trained = open_trainable(config.model_cfg, 3)
    trained.network.load_state_dict(read_checkpoint(next((metrics.parent / "checkpoints").iterdir()))["model"])
    (shown,) = transforms_of(config.evaluator_cfg.transform)
    poses = middle_frames(torch.from_numpy(sequence.modalities[Modality.KEYPOINTS].data)[None], 9)[0].numpy()
    inputs = torch.from_numpy(shown(poses, None)).float()[None]
    batch = Batch([inputs], torch.zeros(1, dtype=torch.long), [walk.type], [walk.view])
    with torch.inference_mode():
        seen = trained.outputs(trained.network.eval(), batch).embeddings[0].numpy()
    assert_close_to_rms(embedding.parts[: len(seen)], seen)


def test_fastposegaits_file_of_gpgait_trains(tmp_path):
    """As its gpgait.yaml, narrower."""
    hot = [
        {"type": "RescaleCenter", "center": "neck", "scale": 225},
        {"type": "HOD_MultiInput", "joint_format": "coco"},
    ]
    tree = {
        "data_cfg": {"dataset_name": "CASIA-B", "dataset_root": "your_path", "num_workers": 0, "frame_threshold": 0},
        "model_cfg": {"model": "gpgait", "in_channels": [2, 8, 8, 16], "num_class": 74, "share_num": 2},
        "loss_cfg": [
            {"type": "TripletLoss", "log_prefix": "triplet", "margin": 0.3, "is_hard_loss": True},
            {"type": "CrossEntropyLoss", "log_prefix": "softmax", "scale": 16, "label_smooth": False},
        ],
        "optimizer_cfg": {"solver": "Adam", "lr": 0.001, "momentum": 0.9, "weight_decay": 0.00002},
        "scheduler_cfg": {"scheduler": "OneCycleLR", "max_lr": 0.001, "total_steps": 40000, "three_phase": True},
        "trainer_cfg": {
            "total_iter": 2,
            "save_iter": 2,
            "sampler": {"type": "TripletSampler", "batch_size": [2, 2], "frames_num_fixed": 5},
            "transform": [{"type": "Compose", "trf_cfg": [*hot, {"type": "SkeletonInput"}]}],
        },
    }
    path = tmp_path / "gpgait.yaml"
    path.write_text(yaml.safe_dump(tree))
    root = write_modalities(tmp_path / "data", ("keypoints",), 3, ("nm-01",), ("080", "100"))
    lines: list[str] = []
    settings = [f"data_cfg.dataset_root={root}", "data_cfg.dataset_partition=null"]
    assert train(load_training_config(str(path), settings), tmp_path / "out", False, "cpu", lines.append).is_file()
    (named,) = [line.partition(": ")[2] for line in lines if line.startswith("not supported, ignored: ")]
    assert sorted(named.split(", ")) == [
        "data_cfg.frame_threshold",
        "loss_cfg[0].is_hard_loss",
        "optimizer_cfg.momentum",
    ]
    for wrong in ({"center": "hip"}, {"scale": 100}):
        transform = transforms_of([{"type": "RescaleCenter", **wrong}])[0]
        with pytest.raises(ConfigError, match="RescaleCenter: center must be neck and scale 225"):
            transform(np.ones((2, 17, 3)), None)


def test_of_gaitgraph2s_files_epochs_are_batches_and_what_they_leave_out_is_theirs(tmp_path):
    config = load_training_config(str(gaitgraph2_file(tmp_path, "casia_b")))
    course = config.trainer_cfg
    assert (course.total_iter, course.save_iter, course.log_iter, course.seed) == (4, 2, 50, 5318008)
    assert (config.optimizer_cfg["solver"], config.optimizer_cfg["weight_decay"]) == ("AdamW", 1e-5)
    assert (config.model_cfg["input_num"], config.model_cfg["input_branch"]) == (1, [15, 64, 32])
    config = load_training_config(str(gaitgraph2_file(tmp_path, "oumvlp")))
    assert (config.trainer_cfg.seed, config.trainer_cfg.sampler.batch_size) == (3, 512)
    assert (config.optimizer_cfg["solver"], config.optimizer_cfg["weight_decay"]) == ("Adam", 0)
    assert config.model_cfg["main_stream"] == [32, 128, 128, 128, 256, 256, 256]
    ablation = gaitgraph2_file(tmp_path, "st_gcn")  # says what it changes, as theirs, which are given second
    ablation.write_text("base: oumvlp.yaml\n" + ablation.read_text())
    config = load_training_config(str(ablation))
    assert (config.model_cfg["model"], config.model_cfg["num_class"], config.trainer_cfg.seed) == ("STGCN", 16, 3)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model": {"backend_name": "pa-resgcn-b29"}}, r"casia_b\.yaml: model\.backend_name: pa-resgcn-b29 with multi"),
        ({"model": {"multi_input": False}, "data": {"multi_input": False}}, "resgcn-n21-r8 without multi_input cannot"),
        ({"model": {"multi_branch": True}}, "must be the same in model and in data"),
        ({"data": {"joint_noise": "much"}}, r"casia_b\.yaml: data\.joint_noise: expected a number, got 'much'"),
        ({"data": {"batch_size": 0}}, "batch_size: Value error, must be 1 or more"),
    ],
)
def test_gaitgraph2s_files_are_refused_in_one_line(changes, message, tmp_path):
    with pytest.raises(ConfigError, match=message):
        load_training_config(str(gaitgraph2_file(tmp_path, "casia_b", **changes)))


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
