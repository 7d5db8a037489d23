"""A registered network that `gait export` has written, run by OpenVINO or ONNX Runtime in torch's place."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from pipeline.config import RuntimeConfig
from pipeline.errors import CheckpointError, ConfigError
from pipeline.inference.runtime import device, open_network
from pipeline.inference.tally import note
from pipeline.recognition.encoder import Arrays
from pipeline.weights.checkpoints import Checkpoint


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
