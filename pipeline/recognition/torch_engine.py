"""A registered network run by torch, on the CPU or a GPU."""

from __future__ import annotations

from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipeline.config import RuntimeConfig
from pipeline.errors import ConfigError
from pipeline.networks.checkpoints import Checkpoint
from pipeline.networks.runtime import device, threads
from pipeline.networks.tally import note
from pipeline.recognition.model import Arrays, Model
from pipeline.recognition.network import load_network

DTYPES = {"f32": torch.float32, "bf16": torch.bfloat16, "f16": torch.float16}


class TorchEngine:
    """Batches of inputs to embeddings [n, c, p], or to the training head's scores [n, classes, p]."""

    def __init__(self, model: Model, runtime: RuntimeConfig, checkpoint: Checkpoint, logits: bool) -> None:
        if logits and not model.network.HEAD:
            raise ConfigError(f"recognition.features=logits: {model.name} has no training head. Use embeddings.")
        self.device = device(runtime)
        if self.device == "cpu":
            torch.set_num_threads(threads(runtime))
        network = load_network(model.network, model.architecture, checkpoint.path, checkpoint.card.architecture, logits)
        if not logits:
            for name in {key.partition(".")[0] for key in model.network.HEAD}:
                if hasattr(network, name):
                    delattr(network, name)
        self._network = network.to(self.device)
        self._dtype = DTYPES[runtime.precision]
        self._logits = logits

    def __call__(self, inputs: Arrays) -> NDArray[np.float32]:
        """Inputs with the batch's axis in front; uint8 means 0–1 in 255 steps."""
        with torch.inference_mode(), torch.autocast(self.device, self._dtype, enabled=self._dtype != torch.float32):
            tensors = [self._tensor(array) for array in inputs]
            if len(tensors) == 1:
                note("recognise", self._network, tensors[0])
            parts: Tensor = self._network(*tensors)
            if self._logits:
                parts = self._network.logits(parts)
        return cast(NDArray[np.float32], parts.float().cpu().numpy())

    def _tensor(self, array: NDArray[np.generic]) -> Tensor:
        tensor = torch.from_numpy(np.ascontiguousarray(array)).to(self.device)
        return tensor.float().div_(255) if tensor.dtype == torch.uint8 else tensor.float()
