"""The Lightning module, any trainable network with OpenGait's losses, optimiser and schedule; and its progress."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import lightning
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader

from pipeline.errors import ConfigError
from pipeline.research.training.checkpoints import checkpoint_name, write_checkpoint
from pipeline.research.training.config import TrainerConfig, TrainingConfig
from pipeline.research.training.data.batches import Batch, Batches, Preparation, Samples
from pipeline.research.training.data.dataset import warned
from pipeline.research.training.data.transforms import transforms_of
from pipeline.research.training.distributed import gather_outputs
from pipeline.research.training.losses import losses_of, total_loss
from pipeline.research.training.networks import Trainable
from pipeline.research.training.optim import optimizer_of, scheduler_of, stepped_cosine
from pipeline.research.training.stopping import leave_to_main_process

Print = Callable[[str], None]

SHOWN_SAMPLES, SHOWN_FRAMES = 8, 10  # on TensorBoard
_SIGNATURE = frozenset(("momentum", "betas", "alpha", "rho", "etas", "lambd", "max_iter"))
"""Settings by which kinds of optimisers differ."""


class GaitTraining(lightning.LightningModule):
    """Trains a network on batches of samples.

    iteration: batches that have been trained on, in this process and in those that it goes on from. logged: the last
    batch's loss and what its terms have to log. unsupported: settings that were passed over.
    """

    def __init__(self, trainable: Trainable, config: TrainingConfig, samples: Samples, labels: list[str]) -> None:
        super().__init__()
        self.network = trainable.network
        self.iteration = 0
        self.logged: dict[str, Tensor] = {}
        self.unsupported: list[str] = []
        self._trainable, self._config, self._samples, self._labels = trainable, config, samples, labels
        trainer = config.trainer_cfg
        if not trainable.any_length and not trainer.sampler.sample_type.startswith("fixed_"):
            raise ConfigError(  # one after another, samples would leak into each other through convolutions over time
                "trainer_cfg.sampler.sample_type: this network trains on fixed_ordered or fixed_unordered."
            )
        self._terms = losses_of(config.loss_cfg, self.unsupported)
        transforms = transforms_of(trainer.transform, "trainer_cfg.transform", self.unsupported)
        transforms_of(config.evaluator_cfg.transform, "evaluator_cfg.transform", self.unsupported)
        self._preparation = Preparation(transforms, trainable.joined, trainer.sampler.points_in_use)
        self._resumed: dict[str, Any] = {}
        self._optimisation(self.unsupported)  # so that wrong settings show before anything starts

    def train_dataloader(self) -> DataLoader[Batch]:
        trainer, data = self._config.trainer_cfg, self._config.data_cfg
        share = self.global_rank, self.trainer.world_size
        batches = Batches(self._samples, self._labels, trainer.sampler, self._preparation, trainer.seed, share)
        workers = 0 if data.cache else data.num_workers
        remaining = range(self.iteration, trainer.total_iter)
        return DataLoader(
            batches, batch_size=None, sampler=remaining, num_workers=workers,
            worker_init_fn=partial(leave_to_main_process, frozenset(warned)),
            persistent_workers=workers > 0,  # those Lightning ends, also after an error; torch's own way waits for ever
            multiprocessing_context="spawn" if workers else None,  # a copy may wait for ever for a thread's lock
        )  # fmt: skip

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:
        for group in self.trainer.optimizers[0].param_groups:
            group["lr"] = max(group["lr"], self._trainable.least_rate)
        torch.manual_seed(self._config.trainer_cfg.seed + self.iteration)  # dropout; so it goes on exactly after a kill
        if self._config.trainer_cfg.fix_BN:
            for module in self.network.modules():
                if isinstance(module, torch.nn.modules.batchnorm._BatchNorm):
                    module.eval()

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        outputs = self._trainable.outputs(self.network, batch).losses
        processes = self.trainer.world_size
        loss, logged = total_loss(self._terms, gather_outputs(outputs) if processes > 1 else outputs)
        self.logged = {"loss": loss.detach(), **logged}
        return loss * processes  # their gradients are averaged

    def optimizer_step(self, *args: Any, **kwargs: Any) -> None:
        super().optimizer_step(*args, **kwargs)
        self.iteration += 1
        if self._trainable.after_step is not None:
            self._trainable.after_step(self.network, self.iteration, self._config.trainer_cfg.total_iter)

    def configure_optimizers(self) -> Any:
        optimizer, scheduler = self._resumed_optimisation()
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}

    def _resumed_optimisation(self) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler]:
        optimizer, scheduler = self._optimisation([])
        if (state := self._resumed.get("optimizer")) is not None:
            for ours, theirs in zip(optimizer.param_groups, state["param_groups"], strict=False):
                if _SIGNATURE & ours.keys() != _SIGNATURE & theirs.keys():  # torch itself does not look
                    raise ValueError("the state of another kind of optimiser")
            optimizer.load_state_dict(state)
        if (state := self._resumed.get("scheduler")) is not None:
            scheduler.load_state_dict(state)
        return optimizer, scheduler

    def _optimisation(
        self, unsupported: list[str]
    ) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler]:
        config, trainer = self._config, self._config.trainer_cfg
        optimizer = optimizer_of(config.optimizer_cfg, self.network, unsupported, self._trainable.groups)
        if trainer.T_max_iter is not None:
            unsupported += [f"scheduler_cfg.{key}" for key in config.scheduler_cfg]
            return optimizer, stepped_cosine(optimizer, trainer.T_max_iter)
        return optimizer, scheduler_of(config.scheduler_cfg, optimizer, trainer.total_iter, unsupported)

    def state(self) -> dict[str, Any]:
        """What a checkpoint holds, in OpenGait's format."""
        scheduler: Any = self.lr_schedulers()
        optimizer: Any = self.optimizers(use_pl_optimizer=False)
        return {
            "model": self.network.state_dict(),
            "optimizer": optimizer.state_dict(),
            "scheduler": scheduler.state_dict(),
            "iteration": self.iteration,
        }

    def resume(self, state: Mapping[str, Any], resets: bool = False) -> None:
        """Go on from a checkpoint's state, its model's weights being loaded already.

        resets: start optimiser and schedule afresh where optimizer_reset and scheduler_reset say so.
        Raises what torch raises for states of another optimiser or schedule.
        """
        trainer = self._config.trainer_cfg
        fresh = {
            "optimizer": resets and trainer.optimizer_reset,
            "scheduler": resets and (trainer.scheduler_reset or trainer.T_max_iter is not None),  # no other network's
        }
        self._resumed = {name: value for name, value in state.items() if not fresh.get(name)}
        self.iteration = int(state.get("iteration", 0))
        self._resumed_optimisation()  # so that a state that does not fit shows before anything starts


class TrainingProgress(lightning.Callback):
    """Prints and logs every log_iter batches; saves, and tests if configured, every save_iter and at the end."""

    def __init__(
        self, config: TrainerConfig, checkpoints: Path, say: Print, test: Callable[[], dict[str, float]]
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
            write_checkpoint(self._checkpoints / checkpoint_name(self._config.save_name, done), pl_module.state())
            if self._config.with_test and not last:  # the end is tested anyway
                _log_scalars(trainer, {f"test/{name}": value for name, value in self._test().items()}, done)

    def _log(self, trainer: lightning.Trainer, module: GaitTraining, batch: Batch) -> None:
        values = {name: float(value.mean()) for name, value in module.logged.items()}
        rate = float(trainer.optimizers[0].param_groups[0]["lr"])
        now, done = time.monotonic(), module.iteration
        speed = (done - self._since[1]) / max(1e-9, now - self._since[0])
        self._since = (now, done)
        text = "  ".join(f"{name} {value:.4f}" for name, value in values.items())
        self._say(f"{done}/{self._config.total_iter}  {text}  lr {rate:.2e}  {speed:.2f} batches/s")
        _log_scalars(trainer, {**values, "learning_rate": rate}, done)
        picture = silhouette_grid(batch.inputs[0], batch.lengths)
        if picture is not None and trainer.logger is not None:
            board: Any = trainer.logger
            board.experiment.add_image("image/silhouettes", picture, done, dataformats="HW")


def _log_scalars(trainer: lightning.Trainer, values: dict[str, float], iteration: int) -> None:
    if trainer.logger is not None:
        trainer.logger.log_metrics({f"scalar/{name}": value for name, value in values.items()}, iteration)


def silhouette_grid(frames: Tensor, lengths: list[int] | None = None) -> NDArray[np.uint8] | None:
    """What the network saw: the first samples [n, s, h, w] one below another, H×W uint8; None for other than images.

    Of images with channels [n, s, c, h, w] the brightest shows.
    """
    if frames.ndim not in (4, 5) or min(frames.shape[-2:]) < 16:
        return None
    if frames.ndim == 5:
        frames = frames.amax(dim=2)
    samples = [frames[0, : lengths[0]]] if lengths is not None else list(frames[:SHOWN_SAMPLES])
    rows = []
    for sample in (one[:SHOWN_FRAMES].float().cpu().numpy() for one in samples):
        brightest = max(1.0, float(sample.max(initial=0)))  # of labels; silhouettes lie in 0–1
        grey = (sample.clip(0) * (255 / brightest)).astype(np.uint8)
        rows.append(np.concatenate(list(np.pad(grey, ((0, 0), (1, 1), (1, 1)), constant_values=64)), axis=1))
    return np.concatenate(rows)
