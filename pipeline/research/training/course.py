"""The course of a training as seen from outside: lines, TensorBoard, checkpoints, tests."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightning
import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from pipeline.research.training.checkpoints import checkpoint_name, write_checkpoint
from pipeline.research.training.config import TrainerConfig
from pipeline.research.training.data.batches import Batch
from pipeline.research.training.module import GaitTraining

Say = Callable[[str], None]
PICTURED_WALKS, PICTURED_FRAMES = 8, 10


class Course(lightning.Callback):
    """Says and logs something every log_iter batches; saves, and tests if asked, every save_iter and at the end."""

    def __init__(
        self, config: TrainerConfig, checkpoints: Path, say: Say, test: Callable[[], dict[str, float]]
    ) -> None:
        """test: figures by name, when with_test is set."""
        self._config, self._checkpoints, self._say, self._test = config, checkpoints, say, test
        self._since = (time.monotonic(), 0)

    def on_train_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        assert isinstance(pl_module, GaitTraining)
        self._since = (time.monotonic(), pl_module.iteration)

    def on_train_batch_end(
        self,
        trainer: lightning.Trainer,
        pl_module: lightning.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        assert isinstance(pl_module, GaitTraining) and isinstance(batch, Batch)
        done = pl_module.iteration
        last = done == self._config.total_iter
        if not trainer.is_global_zero:
            return
        if done % self._config.log_iter == 0 or last:
            self._log(trainer, pl_module, batch)
        if done % self._config.save_iter == 0 or last:
            path = self._checkpoints / checkpoint_name(self._config.save_name, done)
            write_checkpoint(path, pl_module.state())
            if self._config.with_test and not last:  # the end is tested anyway
                _scalars(trainer, {f"test/{name}": value for name, value in self._test().items()}, done)

    def _log(self, trainer: lightning.Trainer, module: GaitTraining, batch: Batch) -> None:
        values = {name: float(value.mean()) for name, value in module.logged.items()}
        rate = float(trainer.optimizers[0].param_groups[0]["lr"])
        now, done = time.monotonic(), module.iteration
        speed = (done - self._since[1]) / max(1e-9, now - self._since[0])
        self._since = (now, done)
        text = "  ".join(f"{name} {value:.4f}" for name, value in values.items())
        self._say(f"{done}/{self._config.total_iter}  {text}  lr {rate:.2e}  {speed:.2f} batches/s")
        _scalars(trainer, {**values, "learning_rate": rate}, done)
        picture = silhouette_grid(batch.inputs[0], batch.lengths)
        if picture is not None and trainer.logger is not None:
            board: Any = trainer.logger
            board.experiment.add_image("image/silhouettes", picture, done, dataformats="HW")


def _scalars(trainer: lightning.Trainer, values: dict[str, float], iteration: int) -> None:
    if trainer.logger is not None:
        trainer.logger.log_metrics({f"scalar/{name}": value for name, value in values.items()}, iteration)


def silhouette_grid(frames: Tensor, lengths: list[int] | None = None) -> NDArray[np.uint8] | None:
    """What the network saw: the first walks [n, s, h, w] one below another, H×W uint8; None for other than pictures.

    Of pictures with channels [n, s, c, h, w] the brightest shows.
    """
    if frames.ndim not in (4, 5) or min(frames.shape[-2:]) < 16:
        return None
    if frames.ndim == 5:
        frames = frames.amax(dim=2)
    walks = [frames[0, : lengths[0]]] if lengths is not None else list(frames[:PICTURED_WALKS])
    rows = [_row(walk[:PICTURED_FRAMES].float().cpu().numpy()) for walk in walks]
    return np.concatenate(rows)


def _row(walk: NDArray[np.float32]) -> NDArray[np.uint8]:
    brightest = max(1.0, float(walk.max(initial=0)))  # of labels; silhouettes lie in 0–1
    grey = (walk.clip(0) * (255 / brightest)).astype(np.uint8)
    framed = np.pad(grey, ((0, 0), (1, 1), (1, 1)), constant_values=64)
    return np.concatenate(list(framed), axis=1)
