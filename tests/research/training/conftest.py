"""A small training that several modules look at."""

from __future__ import annotations

import pytest
import torch
from training_walks import write_dataset

from pipeline.research.training.config import load_training_config
from pipeline.research.training.fit import train

SMALL = [
    "trainer_cfg.total_iter=8",
    "trainer_cfg.save_iter=2",
    "trainer_cfg.log_iter=4",
    "trainer_cfg.precision=fp32",
    "trainer_cfg.sampler.batch_size=[3, 2]",
    "trainer_cfg.sampler.frames_num_fixed=4",
    "model_cfg.backbone_cfg.channels=[4, 4, 8, 8]",
    "model_cfg.SeparateFCs={out_channels: 8}",
    "model_cfg.SeparateBNNecks={softmax_parts: 4}",
    "scheduler_cfg.warmup=2",
]


@pytest.fixture(scope="session")
def small_settings():
    """gaitbase_synth, shrunk to eight steps of a second."""
    return list(SMALL)


@pytest.fixture(scope="session")
def walkers(tmp_path_factory):
    """Eight made-up people, three of them held out."""
    return write_dataset(tmp_path_factory.mktemp("walks") / "data", 8, held_out=3)


@pytest.fixture(scope="session")
def trained(walkers):
    """trained(output, "key=value", …, resume=False) trains the small network on the walkers; returns the folder."""

    def run(output, *more, resume=False):
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            config = load_training_config("gaitbase_synth", [*SMALL, f"data_cfg.dataset_root={walkers}", *more])
            return train(config, output, resume, "cpu", lambda line: None).parent
        finally:
            torch.set_num_threads(threads)

    return run


@pytest.fixture(scope="session")
def straight(trained, tmp_path_factory):
    """The folder of a training that nothing interrupted."""
    return trained(tmp_path_factory.mktemp("straight"))
