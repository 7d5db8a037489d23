"""How a registered network is executed: by torch, or, where `gait export` wrote it, by OpenVINO or ONNX Runtime."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipeline.config import RuntimeConfig
from pipeline.errors import CheckpointError, ConfigError
from pipeline.inference.runtime import device, open_network, threads
from pipeline.inference.tally import note
from pipeline.recognition.encoder import Arrays
from pipeline.recognition.engines.sixteen_bits import SixteenBits, has_bf16
from pipeline.recognition.network import GaitNetwork, PooledNetwork
from pipeline.weights.checkpoints import Checkpoint

DTYPES = {"f32": torch.float32, "bf16": torch.bfloat16, "f16": torch.float16, "auto": torch.float32}


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
        self._look: Callable[..., Tensor] = self._network
        if isinstance(network, PooledNetwork):
            if self.device == "cuda" and runtime.precision == "auto":
                self._dtype = torch.float16
            elif self.device == "cpu" and runtime.precision in ("auto", "bf16") and has_bf16():
                self._look = SixteenBits(network, runtime, check=runtime.precision == "auto")
                self._dtype = torch.float32
        self._features = features

    def each(self, batches: Iterable[Arrays]) -> Iterator[NDArray[np.float32]]:
        """Batch after batch of inputs with the batch's axis in front; uint8 means 0–1 in 255 steps."""
        return map(self._run, batches)

    def _run(self, inputs: Arrays) -> NDArray[np.float32]:
        with torch.inference_mode(), torch.autocast(self.device, self._dtype, enabled=self._dtype != torch.float32):
            tensors = [self._tensor(array) for array in inputs]
            if len(tensors) == 1:
                note("recognise", self._network, tensors[0])
            parts = self._network.select(self._look(*tensors), self._features)
        return cast(NDArray[np.float32], parts.float().cpu().numpy())

    def _tensor(self, array: NDArray[np.generic]) -> Tensor:
        tensor = torch.from_numpy(np.ascontiguousarray(array)).to(self.device)
        return tensor.float().div_(255) if tensor.dtype == torch.uint8 else tensor.float()


class ExportedEngine:
    """Batches of inputs to the features that the file was exported with."""

    def __init__(self, runtime: RuntimeConfig, checkpoint: Checkpoint, features: str) -> None:
        """Raises ConfigError for features that are not the file's, CheckpointError for a file that is no network."""
        written = checkpoint.card.inputs.get("features", "embeddings")
        if features != written:
            raise ConfigError(f"{checkpoint.path}: exported to give {written}, not {features}. Export it again.")
        self._path = checkpoint.path
        self.device = device(runtime)
        self._network = open_network(checkpoint.path, runtime)

    def each(self, batches: Iterable[Arrays]) -> Iterator[NDArray[np.float32]]:
        """Batch after batch, several at a time where there are cores for it."""
        for answers in self._network.each(self._noted(batch) for batch in batches):
            if answers[0].ndim != 3:
                raise CheckpointError(f"{self._path}: answers {answers[0].shape}, no embeddings. Export it again.")
            yield answers[0].astype(np.float32, copy=False)

    def _noted(self, batch: Arrays) -> tuple[NDArray[np.generic], ...]:
        fed = tuple(np.ascontiguousarray(array) for array in batch)
        if len(fed) == 1:
            note("recognise", lambda given: self._network((given,)), fed[0])
        return fed
