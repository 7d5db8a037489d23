"""`gait train` on made-up walkers: it learns, writes what it promises, and goes on exactly after a kill."""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import pickle
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from odd_checkpoints import as_opengait_saves
from processes import finish, wait_until
from safetensors.torch import load_file
from training_walks import silhouettes, write_dataset

from pipeline.errors import CheckpointError, ConfigError, GaitError, InputError
from pipeline.extraction.networks import find_checkpoints
from pipeline.files import file_sha256
from pipeline.profiles import load_config
from pipeline.recognition import open_encoder
from pipeline.types import SilhouetteSequence

pytestmark = pytest.mark.slow


def checkpoint(folder, iteration):
    return torch.load(folder / f"checkpoints/gaitbase_synth-{iteration:0>5}.pt", weights_only=True)


def same(one, other):
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other


def test_checkpoints_are_in_the_format_of_opengait(straight):
    assert sorted(path.name for path in (straight / "checkpoints").iterdir()) == [
        f"gaitbase_synth-{iteration:0>5}.pt" for iteration in (2, 4, 6, 8)
    ]
    state = checkpoint(straight, 8)
    assert set(state) == {"model", "optimizer", "scheduler", "iteration"} and state["iteration"] == 8
    assert "Backbone.forward_block.conv1.conv.weight" in state["model"] and "BNNecks.fc_bin" in state["model"]


def test_weights_lack_the_classifier_and_figures_come_with_them(straight):
    weights = load_file(straight / "gaitbase_synth.safetensors")
    assert "BNNecks.fc_bin" not in weights and weights["FCs.fc_bin"].shape == (16, 8, 8)
    kept = checkpoint(straight, 8)["model"]
    assert all(torch.equal(tensor, kept[name]) for name, tensor in weights.items())
    metrics = json.loads((straight / "metrics.json").read_text())
    assert metrics["iterations"] == 8 and metrics["bytes"] < 8e6
    assert metrics["seed"] == 0 and metrics["versions"]["torch"] == torch.__version__
    validation = metrics["validation"]
    assert validation["identities"] == 3 and validation["probe_walks"] == 12 and validation["gallery_walks"] == 6
    assert set(validation["embeddings"]["rank1_by_type"]) == {"nm-02", "bg-01"}


def test_what_is_printed_stands_in_a_log_too(trained, tmp_path):
    folder = trained(tmp_path, "trainer_cfg.total_iter=4")
    (folder / "checkpoints/gaitbase_synth-00004.pt").unlink()
    trained(tmp_path, "trainer_cfg.total_iter=4", resume=True)
    lines = (folder / "train.log").read_text().splitlines()
    assert sum("seed 0; gait " in line for line in lines) == 2  # the second run went on in it
    assert sum(line.startswith("4/4  loss ") for line in lines) == 2 and "at iteration 2" in " ".join(lines)


def test_tensorboard_gets_the_scalars(straight):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(straight / "summary")).Reload()
    assert {"scalar/loss", "scalar/softmax/accuracy", "scalar/learning_rate"} <= set(events.Tags()["scalars"])
    assert [event.step for event in events.Scalars("scalar/loss")] == [4, 8]
    (picture, _) = events.Images("image/silhouettes")
    assert (picture.height, picture.width) == (6 * 66, 4 * 46)  # six walks of four framed silhouettes


def test_an_interrupted_training_goes_on_exactly(trained, straight, tmp_path):
    folder = trained(tmp_path)
    for iteration in (6, 8):  # as if it had been killed after iteration 5
        (folder / f"checkpoints/gaitbase_synth-{iteration:0>5}.pt").unlink()
    again = trained(tmp_path, resume=True)
    assert again == folder
    assert same(checkpoint(folder, 8), checkpoint(straight, 8))


@pytest.fixture
def stopped(walkers, small_settings, tmp_path):
    """stopped(stop, "key=value", …, processes=1): a training in a group of its own, stopped after its first checkpoint.

    stop is called with the process, which ends with `status`. Returns what was said.
    """

    def run(stop, *more, processes=1, status=130):
        settings = [*small_settings, f"data_cfg.dataset_root={walkers}", *more]
        command = [sys.executable, "-m", "pipeline", "train", "--config", "gaitbase_synth", "--output", str(tmp_path)]
        command += ["--processes", str(processes), "--device", "cpu"]
        command += [part for setting in settings for part in ("--set", setting)]
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(__file__).parents[3])}
        environment |= {"PYTHONFAULTHANDLER": "1"}  # `wait_until` asks where it hangs
        pipes = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
        cores = os.sched_getaffinity(0)
        os.sched_setaffinity(0, {min(cores)})  # one thread there too: the order of sums decides the last digits
        process = subprocess.Popen(command, env=environment, text=True, start_new_session=True, **pipes)
        os.sched_setaffinity(0, cores)
        checkpoints = tmp_path / "synth/Baseline/gaitbase_synth/checkpoints"
        wait_until(lambda: any(checkpoints.glob("gaitbase_synth-*.pt")), process, 240)
        stop(process)
        _, said = finish(process, status=status)
        assert any(checkpoints.glob("gaitbase_synth-*.pt"))
        return said

    return run


INTERRUPTED = r"gait: interrupted at iteration \d+; go on from gaitbase_synth-\d+\.pt with --resume\."


def test_a_killed_process_leaves_whole_checkpoints_and_goes_on_exactly(stopped, trained, straight, tmp_path):
    stopped(lambda process: process.kill(), status=-signal.SIGKILL)
    folder = trained(tmp_path, resume=True)
    assert same(checkpoint(folder, 8), checkpoint(straight, 8))


LONG = ("trainer_cfg.total_iter=100000", "trainer_cfg.log_iter=1000", "data_cfg.cache=false")


def members(group):
    """The processes of a group that have not ended."""
    found = [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]
    for pid in found:
        with contextlib.suppress(OSError):  # ended meanwhile
            if os.getpgid(pid) == group and ") Z " not in Path(f"/proc/{pid}/stat").read_text():
                yield pid


@pytest.mark.parametrize("processes", [1, 2])
def test_a_group_of_processes_is_stopped_as_one(stopped, tmp_path, processes):
    """As timeout, systemd and batch systems stop it: all are told, in any order, and all of them twice."""

    def stop(process):
        if processes == 1:  # those that prepare batches before the main process, which notices when one is gone
            helpers = set(members(process.pid)) - {process.pid}
            assert helpers
            for pid in helpers:
                os.kill(pid, signal.SIGTERM)
            deadline = time.monotonic() + 0.5  # one that has begun ignores it: the main process decides when it ends
            while helpers & set(members(process.pid)) and time.monotonic() < deadline:
                time.sleep(0.01)
        for _ in range(2):
            os.killpg(process.pid, signal.SIGTERM)

    said = stopped(stop, *LONG, f"data_cfg.num_workers={2 - processes}", processes=processes)
    assert re.search(INTERRUPTED, said) and said.count("gait:") == 1
    folder = tmp_path / "synth/Baseline/gaitbase_synth"
    kept = sorted((folder / "checkpoints").iterdir())
    assert all(path.name.startswith("gaitbase_synth-") for path in kept)  # whole ones
    assert checkpoint(folder, int(kept[-1].stem.rpartition("-")[2]))["model"]


def test_a_folder_with_checkpoints_is_not_overwritten(trained, straight):
    with pytest.raises(
        ConfigError, match=r"holds a training already \(gaitbase_synth-00008\.pt\)\. Go on with --resume"
    ):
        trained(straight.parents[2])


def of_other_values(walkers, root, alter):
    shutil.copytree(walkers, root)
    for path in root.glob("*/*/*/*.pkl"):
        path.write_bytes(pickle.dumps(alter(pickle.loads(path.read_bytes()))))
    return f"data_cfg.dataset_root={root}"


def test_masks_of_0_and_1_train_as_silhouettes_of_0_to_255_do(walkers, trained, straight, tmp_path, capfd):
    other = of_other_values(walkers, tmp_path / "data", lambda masks: masks > 0)
    folder = trained(tmp_path, other, "data_cfg.cache=false", "data_cfg.num_workers=1")
    assert same(checkpoint(folder, 8), checkpoint(straight, 8))  # whichever processes prepare the batches
    assert capfd.readouterr().err.count("are read as 0 to 255") == 1  # by this process and those


def test_no_training_starts_on_pictures_in_colours(walkers, trained, tmp_path):
    other = of_other_values(walkers, tmp_path / "data", lambda masks: np.repeat(masks[:, None], 3, axis=1))
    with pytest.raises(InputError, match=r"000\.pkl: 13 frames of 3×64×44; Baseline takes silhouettes T×H×W"):
        trained(tmp_path / "out", other)
    assert not (tmp_path / "out").exists()


def test_it_learns_to_tell_people_apart(trained, tmp_path):
    more = [
        "trainer_cfg.total_iter=100",
        "trainer_cfg.save_iter=100",
        "trainer_cfg.log_iter=5",
        "scheduler_cfg.warmup=5",
    ]
    folder = trained(tmp_path, *more)
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    losses = [event.value for event in EventAccumulator(str(folder / "summary")).Reload().Scalars("scalar/loss")]
    assert sum(losses[-3:]) < sum(losses[:3]) * 0.8
    validation = json.loads((folder / "metrics.json").read_text())["validation"]
    assert validation["embeddings"]["rank1"] >= 0.7  # three people: chance is 0.33


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("trainer_cfg.total_itr=3", r"unknown key 'trainer_cfg\.total_itr'; did you mean 'total_iter'"),
        ("model_cfg.backbone_cfg.colour=red", r"model_cfg\.backbone_cfg: unknown 'colour'"),
        ("model_cfg.model=GaitBse", r"model_cfg\.model: 'GaitBse' cannot be trained"),
        ("loss_cfg=[{type: TripletLos}]", r"loss_cfg\[0\]: no loss 'TripletLos'; did you mean 'TripletLoss'"),
        (
            "loss_cfg=[{type: TripletLoss, log_prefix: tripel}]",
            r"no output 'tripel' of the network; did you mean 'triplet'",
        ),
        ("trainer_cfg.transform=[{type: Flip}]", r"trainer_cfg\.transform\[0\]: no transform 'Flip'"),
        ("optimizer_cfg.solver=AdamX", r"torch has no 'AdamX'; did you mean 'Adam"),
        ("trainer_cfg.sampler.batch_size=[6, 2]", r"6 people a batch, but the dataset has 5"),
        ("data_cfg.dataset_root=/nowhere", r"/nowhere"),
    ],
)
def test_settings_that_make_no_sense_are_one_line(trained, tmp_path, override, message):
    with pytest.raises(GaitError, match=message):
        trained(tmp_path, override)


def test_gradients_are_clipped(trained, tmp_path):
    from pipeline.research.training.checkpoints import read_checkpoint

    def moved(output, *more):
        folder = trained(output, "trainer_cfg.total_iter=1", "optimizer_cfg={solver: SGD, lr: 1.0}", *more)
        return read_checkpoint(folder / "checkpoints/gaitbase_synth-00001.pt")["model"]

    clipped, free = moved(tmp_path / "a", "trainer_cfg.gradient_clip=1.0e-6"), moved(tmp_path / "b")
    other = moved(tmp_path / "c", "trainer_cfg.gradient_clip=2.0e-6")
    name = "FCs.fc_bin"
    assert (clipped[name] - free[name]).abs().max() > 1e-3
    assert 0 < (clipped[name] - other[name]).abs().max() < 3e-6


def test_sixteen_bits_are_for_devices_that_have_them(trained, tmp_path, monkeypatch):
    """auto takes what is fastest here; what this processor can do is the one thing that no test can change."""
    from pipeline.research.training.config import TrainerConfig
    from pipeline.research.training.precision import precision_of

    auto, fp16, bf16 = (TrainerConfig(enable_float16=True, precision=name) for name in ("auto", "fp16", "bf16"))
    assert precision_of(TrainerConfig(enable_float16=False), "cuda") == ("fp32", "precision fp32")
    assert precision_of(auto, "cuda")[0] == "fp16"
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx2": True, "avx512_bf16": True}, raising=False)
    assert [precision_of(one, "cpu")[0] for one in (auto, fp16, bf16)] == ["bf16"] * 3
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx2": True, "avx512_bf16": False})
    assert [precision_of(one, "cpu")[0] for one in (auto, fp16, bf16)] == ["fp32", "fp32", "bf16"]
    assert precision_of(auto, "cpu")[1].endswith("16 bits would be slower, this processor has no bf16")
    assert precision_of(bf16, "cpu")[1].endswith("trainer_cfg.precision=fp32 is far faster")
    monkeypatch.delattr(torch.cpu, "get_capabilities")  # torch 2.6 has none
    assert precision_of(auto, "cpu")[0] == "fp32"


@pytest.mark.parametrize("precision", ["bf16", "auto"])
def test_mixed_precision_keeps_the_weights_in_full(trained, straight, tmp_path, precision):
    folder = trained(tmp_path, f"trainer_cfg.precision={precision}", "trainer_cfg.enable_float16=true")
    mixed, full = checkpoint(folder, 8)["model"], checkpoint(straight, 8)["model"]
    assert all(tensor.dtype == full[name].dtype for name, tensor in mixed.items())
    stem = "Backbone.forward_block.conv1.conv.weight"
    assert 0 < (mixed[stem] - full[stem]).abs().max() < 0.05


@pytest.mark.parametrize("file", ["checkpoints/gaitbase_synth-00008.pt", "gaitbase_synth.safetensors"])
def test_a_training_starts_from_the_weights_of_another(trained, straight, tmp_path, file):
    still = ["trainer_cfg.total_iter=1", "optimizer_cfg.lr=0", "optimizer_cfg.weight_decay=0"]
    resets = ["trainer_cfg.optimizer_reset=true", "trainer_cfg.scheduler_reset=true"]
    strict = f"trainer_cfg.restore_ckpt_strict={file.endswith('.pt')}"  # the other one has no classifier
    hint = [f"trainer_cfg.restore_hint={straight / file}", strict, *resets]
    started = checkpoint(trained(tmp_path, *still, *hint), 1)
    assert started["iteration"] == 1
    assert torch.equal(started["model"]["FCs.fc_bin"], checkpoint(straight, 8)["model"]["FCs.fc_bin"])


def test_a_training_starts_from_a_file_with_the_objects_of_another_training(trained, straight, tmp_path):
    theirs = {f"module.{name}": tensor for name, tensor in checkpoint(straight, 8)["model"].items()}
    hint = f"trainer_cfg.restore_hint={as_opengait_saves(theirs, tmp_path / 'theirs.pt')}"
    still = ["trainer_cfg.total_iter=1", "optimizer_cfg.lr=0", "optimizer_cfg.weight_decay=0"]
    resets = ["trainer_cfg.optimizer_reset=true", "trainer_cfg.scheduler_reset=true"]
    started = checkpoint(trained(tmp_path, *still, *resets, hint), 1)
    assert torch.equal(started["model"]["FCs.fc_bin"], theirs["module.FCs.fc_bin"])
    with pytest.raises(CheckpointError, match=r"theirs\.pt: its optimiser, schedule or count do not fit"):
        trained(tmp_path / "other", *still, hint)


def test_a_training_that_diverged_is_not_gone_on_with(trained, straight, tmp_path):
    state = checkpoint(straight, 8)
    state["model"]["FCs.fc_bin"].fill_(float("nan"))
    torch.save(state, path := tmp_path / "diverged.pt")
    with pytest.raises(CheckpointError, match=r"diverged\.pt: its weights are no finite numbers \('FCs\.fc_bin'\)"):
        trained(tmp_path, f"trainer_cfg.restore_hint={path}")


def test_its_weights_come_with_a_card_by_which_a_run_finds_them(straight):
    weights = straight / "gaitbase_synth.safetensors"
    config = load_config("light", ["recognition.encoder=gaitbase", f"recognition.checkpoint={weights}"])
    found = find_checkpoints(config, None, ["encoder"])
    assert found["encoder"].card.architecture["channels"] == [4, 4, 8, 8]
    encoder = open_encoder(config.recognition, config.runtime, found["encoder"])
    walk = SilhouetteSequence("walk", 1, silhouettes(1), np.arange(12))
    (embedding,) = encoder.encode([walk])
    assert embedding.parts.shape == (8, 16) and embedding.checkpoint_sha256 == file_sha256(weights)


def test_batch_norms_are_fixed_when_asked(trained, tmp_path):
    model = checkpoint(trained(tmp_path, "trainer_cfg.fix_BN=true", "trainer_cfg.total_iter=2"), 2)["model"]
    assert model["Backbone.forward_block.bn1.num_batches_tracked"] == 0
    assert torch.equal(model["Backbone.forward_block.bn1.running_mean"], torch.zeros(4))


def test_a_training_is_tested_on_its_way(trained, tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    folder = trained(tmp_path, "trainer_cfg.with_test=true", "trainer_cfg.save_iter=4")
    events = EventAccumulator(str(folder / "summary")).Reload()
    assert [event.step for event in events.Scalars("scalar/test/rank1_embeddings")] == [4]


def test_walks_of_different_lengths_train_one_after_another(trained, tmp_path):
    """Unfixed numbers of frames, as the configurations for datasets in the wild have it."""
    unfixed = (
        "trainer_cfg.sampler={batch_size: [3, 2], sample_type: unfixed_unordered, frames_num_min: 3, frames_num_max: 6}"
    )
    folder = trained(tmp_path, unfixed, "trainer_cfg.total_iter=2", "validation_cfg.frames=4")
    metrics = json.loads((folder / "metrics.json").read_text())
    assert metrics["iterations"] == 2 and 0 < metrics["last"]["loss"] < 20


@pytest.mark.parametrize("workers", [0, 1])
def test_a_damaged_walk_is_one_line_whichever_process_reads_it(trained, tmp_path, workers):
    root = write_dataset(tmp_path / "data", 4, ("nm-01", "nm-02"), ("000",))
    for path in root.glob("*/nm-02/000/000.pkl"):
        path.write_bytes(b"damaged")
    settings = [f"data_cfg.dataset_root={root}", "data_cfg.cache=false", f"data_cfg.num_workers={workers}"]
    before = multiprocessing.active_children()
    with pytest.raises(InputError, match=r"^\S+/nm-02/000/000\.pkl: damaged or no pickle[^\n]*$") as kept:
        trained(tmp_path / "out", *settings, "trainer_cfg.sampler.batch_size=[2, 2]")
    assert multiprocessing.active_children() == before, f"whoever ends waits for them, and something keeps {kept}"


def test_a_checkpoint_of_another_optimiser_is_refused_before_anything_starts(trained, tmp_path):
    folder = trained(tmp_path, "trainer_cfg.total_iter=2")
    with pytest.raises(CheckpointError, match=r"gaitbase_synth-00002\.pt: its optimiser, schedule or count do not fit"):
        trained(tmp_path, "optimizer_cfg={solver: LBFGS}", resume=True)
    other = "model_cfg.backbone_cfg.channels=[4, 4, 8, 16]"
    with pytest.raises(CheckpointError, match=r"gaitbase_synth-00002\.pt: not a checkpoint for this network"):
        trained(tmp_path, other, resume=True)
    (folder / "checkpoints/gaitbase_synth-00002.pt").write_bytes(b"PK damaged")
    with pytest.raises(CheckpointError, match=r"gaitbase_synth-00002\.pt: "):
        trained(tmp_path, resume=True)
