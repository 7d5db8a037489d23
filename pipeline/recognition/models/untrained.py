"""GaitBase with random weights: what a network's shape alone is worth. A baseline; trained weights must beat it."""

from __future__ import annotations

import torch

from pipeline.config import RecognitionConfig, RuntimeConfig
from pipeline.recognition.encoder import refuse_weights
from pipeline.recognition.models.gaitbase import Architecture, GaitBase, GaitBaseEncoder
from pipeline.weights.checkpoints import Checkpoint

SMALL = Architecture(channels=(16, 32, 64, 128), out_channels=128)


class UntrainedEncoder(GaitBaseEncoder):
    """A small GaitBase (0.5 million weights) as its training would start, drawn by `recognition.seed`."""

    def __init__(self, config: RecognitionConfig, runtime: RuntimeConfig, checkpoint: Checkpoint | None = None) -> None:
        refuse_weights("untrained", config, checkpoint)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            network = GaitBase(SMALL, head=False)
        self._set_up(network.eval(), config, runtime)
        self.model = f"untrained-{SMALL.parts}-seed{config.seed}"
        self.checkpoint_sha256 = ""
