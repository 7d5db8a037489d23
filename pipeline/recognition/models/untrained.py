"""GaitBase with random weights: what a network's shape alone is worth. A baseline; trained weights must beat it."""

from __future__ import annotations

import torch

from pipeline.config import RecognitionConfig, RuntimeConfig
from pipeline.recognition.encoder import refuse_weights
from pipeline.recognition.engines.gaitbase_openvino import OpenVinoGaitBase
from pipeline.recognition.engines.gaitbase_torch import TorchGaitBase
from pipeline.recognition.layers.gaitbase import Architecture
from pipeline.recognition.models.gaitbase import Engine, GaitBaseEncoder, in_openvino
from pipeline.recognition.models.gaitbase_network import GaitBase
from pipeline.weights.checkpoints import Checkpoint

SMALL = Architecture(channels=(16, 32, 64, 128), out_channels=128)


class UntrainedEncoder(GaitBaseEncoder):
    """A small GaitBase (0.5 million weights) as its training would start, drawn by `recognition.seed`."""

    def __init__(self, config: RecognitionConfig, runtime: RuntimeConfig, checkpoint: Checkpoint | None = None) -> None:
        refuse_weights("untrained", config, checkpoint)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            network = GaitBase(SMALL, head=False)
        self._set_up(_engine(network.eval(), runtime), SMALL.parts, config)
        self.model = f"untrained-{SMALL.parts}-seed{config.seed}"
        self.checkpoint_sha256 = ""


def _engine(network: GaitBase, runtime: RuntimeConfig) -> Engine:
    if not in_openvino(runtime):
        return TorchGaitBase(network, "embeddings", runtime)
    weights = {name: value.numpy() for name, value in network.state_dict().items() if not value.is_meta}
    return OpenVinoGaitBase(weights, SMALL, "embeddings", runtime)
