"""Two processes that share each batch train as one does on the whole."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from processes import finish, run_program
from torch import nn

from pipeline.research.training.checkpoints import read_checkpoint
from pipeline.research.training.distributed import SyncedBatchNorm, synchronise_batch_norms


@pytest.mark.slow
def test_two_processes_equal_one(walkers, small_settings, trained, tmp_path, assert_close_to_rms):
    """By gloo, with synchronised batch normalisation.

    The first step's gradients agree to 1e-4 of their rms. Later a maximum may fall on another frame because of the last
    digit, so after three steps it is the weights and the losses themselves that agree to 1e-4.
    """
    more = ["trainer_cfg.sync_BN=true", "trainer_cfg.total_iter=3", "trainer_cfg.sampler.batch_size=[4, 2]"]
    more += ["optimizer_cfg={solver: SGD, lr: 0.0005, momentum: 0.9}", "trainer_cfg.save_iter=1"]
    more += [
        "loss_cfg=[{type: TripletLoss, log_prefix: triplet}, {type: CrossEntropyLoss, log_prefix: softmax, scale: 1}]"
    ]
    settings = [*small_settings, f"data_cfg.dataset_root={walkers}", *more]
    command = [sys.executable, "-m", "pipeline", "train", "--config", "gaitbase_synth", "--device", "cpu"]
    command += ["--processes", "2", "--output", str(tmp_path / "two")]
    command += [part for setting in settings for part in ("--set", setting)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(__file__).parents[3])}
    environment |= {"PYTHONFAULTHANDLER": "1"}
    pipe = subprocess.PIPE
    process = subprocess.Popen(command, env=environment, stdout=pipe, stderr=pipe, text=True)
    said, _ = finish(process, 240)  # before the test itself is ended, so that it tells where it hangs
    assert said.count("3/3  loss") == 1  # one process speaks
    one, two = trained(tmp_path / "one", *more), tmp_path / "two/synth/Baseline/gaitbase_synth"

    def weights(iteration):
        name = f"checkpoints/gaitbase_synth-{iteration:0>5}.pt"
        ours, theirs = read_checkpoint(one / name)["model"], read_checkpoint(two / name)["model"]
        assert list(ours) == list(theirs)
        return [(ours[key].numpy(), theirs[key].numpy()) for key in ours]

    for alone, shared in weights(1):
        assert_close_to_rms(shared, alone, 1e-4)
    for alone, shared in weights(3):
        np.testing.assert_allclose(shared, alone, atol=1e-4, rtol=0)
    alone, shared = (json.loads((folder / "metrics.json").read_text())["last"] for folder in (one, two))
    assert shared == pytest.approx(alone, rel=1e-4)


def test_synchronised_batch_norms_keep_keys_and_values():
    plain = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Sequential(nn.BatchNorm1d(3)))
    plain[1](torch.randn(2, 4, 5, 5))
    plain[1].bias.requires_grad_(False)
    before = {name: tensor.clone() for name, tensor in plain.state_dict().items()}
    synced = synchronise_batch_norms(plain, "cpu")
    assert isinstance(synced[1], SyncedBatchNorm) and isinstance(synced[2][0], SyncedBatchNorm)
    assert synced[1].weight.requires_grad and not synced[1].bias.requires_grad
    after = synced.state_dict()
    assert list(after) == list(before) and all(torch.equal(after[name], before[name]) for name in before)


def test_alone_a_synchronised_batch_norm_is_a_plain_one():
    values = torch.randn(6, 4, 5, 5)
    plain, synced = nn.BatchNorm2d(4), SyncedBatchNorm(4)
    torch.testing.assert_close(synced(values), plain(values))
    torch.testing.assert_close(synced.running_var, plain.running_var)


def test_who_was_told_to_stop_is_not_killed_because_others_have_ended():
    """Lightning's thread would: the last line of an interrupted training was lost now and then."""
    assert run_program("stop_while_observed").stdout == "told where to go on\n"
