"""A registered network run by torch, on the CPU or a GPU."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipeline.config import RuntimeConfig
from pipeline.errors import ConfigError
from pipeline.inference.runtime import device, threads
from pipeline.inference.tally import note
from pipeline.recognition.encoder import Arrays
from pipeline.recognition.network import GaitNetwork

DTYPES = {"f32": torch.float32, "bf16": torch.bfloat16, "f16": torch.float16}


class TorchEngine:
    """Batches of inputs to `features`: embeddings [n, c, p], as they are or of the neck, or logits [n, classes, p]."""

    def __init__(self, network: GaitNetwork, runtime: RuntimeConfig, features: str = "embeddings") -> None:
        """The network is not to be used elsewhere afterwards. Raises ConfigError for features that it cannot give."""
        can = {"embeddings": True, "neck": hasattr(network, "BNNecks"), "logits": bool(network.HEAD)}
        if not can[features]:
            raise ConfigError(f"recognition.features={features}: this encoder has no training head of that kind.")
        self.device = device(runtime)
        if self.device == "cpu":
            torch.set_num_threads(threads(runtime))
        if features != "logits":
            network.drop_head()
        self._network = network.to(self.device)
        self._dtype = DTYPES[runtime.precision]
        self._features = features

    def each(self, batches: Iterable[Arrays]) -> Iterator[NDArray[np.float32]]:
        """Batch after batch of inputs with the batch's axis in front; uint8 means 0–1 in 255 steps."""
        return map(self._run, batches)

    def _run(self, inputs: Arrays) -> NDArray[np.float32]:
        with torch.inference_mode(), torch.autocast(self.device, self._dtype, enabled=self._dtype != torch.float32):
            tensors = [self._tensor(array) for array in inputs]
            if len(tensors) == 1:
                note("recognise", self._network, tensors[0])
            parts = self._network.select(self._network(*tensors), self._features)
        return cast(NDArray[np.float32], parts.float().cpu().numpy())

    def _tensor(self, array: NDArray[np.generic]) -> Tensor:
        tensor = torch.from_numpy(np.ascontiguousarray(array)).to(self.device)
        return tensor.float().div_(255) if tensor.dtype == torch.uint8 else tensor.float()
