"""The Lightning module: any trainable network with OpenGait's losses, optimiser and schedule."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import lightning
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from pipeline.research.training.config import TrainingConfig
from pipeline.research.training.data.batches import Batch, Batches, Walks
from pipeline.research.training.data.transforms import transforms_of
from pipeline.research.training.distributed import gathered
from pipeline.research.training.networks import Trainable
from pipeline.research.training.optim import losses_of, optimizer_of, scheduler_of, stepped_cosine, total_loss
from pipeline.research.training.stopping import leave_to_main_process

_TELLING = frozenset(("momentum", "betas", "alpha", "rho", "etas", "lambd", "max_iter"))
"""Settings by which optimisers are told apart."""


class GaitTraining(lightning.LightningModule):
    """Trains a network on batches of walks.

    iteration: batches that have been trained on, in this process and in those that it goes on from. logged: the last
    batch's loss and what its terms had to say. unsupported: settings that were passed over.
    """

    def __init__(self, trainable: Trainable, config: TrainingConfig, walks: Walks, labels: list[str]) -> None:
        super().__init__()
        self.network = trainable.network
        self.iteration = 0
        self.logged: dict[str, Tensor] = {}
        self.unsupported: list[str] = []
        self._outputs = trainable.outputs
        self._groups, self._least_rate, self._joined = trainable.groups, trainable.least_rate, trainable.joined
        self._config, self._walks, self._labels = config, walks, labels
        self._terms = losses_of(config.loss_cfg, self.unsupported)
        self._transforms = transforms_of(config.trainer_cfg.transform, "trainer_cfg.transform", self.unsupported)
        transforms_of(config.evaluator_cfg.transform, "evaluator_cfg.transform", self.unsupported)
        self._resumed: dict[str, Any] = {}
        self._optimisation(self.unsupported)  # so that wrong settings show before anything starts

    def train_dataloader(self) -> DataLoader[Batch]:
        trainer, data = self._config.trainer_cfg, self._config.data_cfg
        batches = Batches(
            self._walks,
            self._labels,
            trainer.sampler,
            self._transforms,
            trainer.seed,
            self.global_rank,
            self.trainer.world_size,
            self._joined,
        )
        workers = 0 if data.cache else data.num_workers
        remaining = range(self.iteration, trainer.total_iter)
        return DataLoader(
            batches, batch_size=None, sampler=remaining, num_workers=workers, worker_init_fn=leave_to_main_process
        )

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:
        for group in self.trainer.optimizers[0].param_groups:
            group["lr"] = max(group["lr"], self._least_rate)
        torch.manual_seed(self._config.trainer_cfg.seed + self.iteration)  # dropout; so it goes on exactly after a kill
        if self._config.trainer_cfg.fix_BN:
            for module in self.network.modules():
                if isinstance(module, torch.nn.modules.batchnorm._BatchNorm):
                    module.eval()

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        outputs = self._outputs(self.network, batch).losses
        processes = self.trainer.world_size
        loss, logged = total_loss(self._terms, gathered(outputs) if processes > 1 else outputs)
        self.logged = {"loss": loss.detach(), **logged}
        return loss * processes  # their gradients are averaged

    def optimizer_step(self, *args: Any, **kwargs: Any) -> None:
        super().optimizer_step(*args, **kwargs)
        self.iteration += 1

    def configure_optimizers(self) -> Any:
        optimizer, scheduler = self._resumed_optimisation()
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}

    def _resumed_optimisation(self) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler]:
        optimizer, scheduler = self._optimisation()
        if (state := self._resumed.get("optimizer")) is not None:
            for ours, theirs in zip(optimizer.param_groups, state["param_groups"], strict=False):
                if _TELLING & ours.keys() != _TELLING & theirs.keys():  # torch itself does not look
                    raise ValueError("the state of another kind of optimiser")
            optimizer.load_state_dict(state)
        if (state := self._resumed.get("scheduler")) is not None:
            scheduler.load_state_dict(state)
        return optimizer, scheduler

    def _optimisation(
        self, unsupported: list[str] | None = None
    ) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler]:
        config = self._config
        optimizer = optimizer_of(config.optimizer_cfg, self.network, unsupported, self._groups)
        if config.trainer_cfg.T_max_iter is not None:
            if unsupported is not None:
                unsupported += [f"scheduler_cfg.{key}" for key in config.scheduler_cfg]
            return optimizer, stepped_cosine(optimizer, config.trainer_cfg.T_max_iter)
        return optimizer, scheduler_of(config.scheduler_cfg, optimizer, config.trainer_cfg.total_iter, unsupported)

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
        chosen = self._config.trainer_cfg
        fresh = [
            name
            for name, reset in (
                ("optimizer", chosen.optimizer_reset),
                ("scheduler", chosen.scheduler_reset or chosen.T_max_iter is not None),  # which no other network has
            )
            if reset and resets
        ]
        self._resumed = {name: value for name, value in state.items() if name not in fresh}
        self.iteration = int(state.get("iteration", 0))
        self._resumed_optimisation()  # so that a state that does not fit shows before anything starts
