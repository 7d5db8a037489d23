"""A whole training: what is read, how far it has come, what is written, and how it goes on after a kill."""

from __future__ import annotations

import logging
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import lightning
import torch
from lightning.pytorch.loggers import TensorBoardLogger
from torch import nn

from pipeline.errors import ConfigError, GaitError, Interrupted
from pipeline.files import write_json
from pipeline.networks.strict import load_strictly
from pipeline.training.batches import Walks
from pipeline.training.checkpoints import (
    checkpoint_name,
    latest_checkpoint,
    read_checkpoint,
    write_checkpoint,
    write_weights,
)
from pipeline.training.config import TrainingConfig
from pipeline.training.dataset import Partition, list_walks, read_partition
from pipeline.training.module import GaitTraining
from pipeline.training.networks import Trainable, open_trainable
from pipeline.training.transforms import transforms_of
from pipeline.training.validation import validate


def training_folder(config: TrainingConfig, output: Path) -> Path:
    """output/<dataset>/<model>/<save_name>, as OpenGait lays it out."""
    return output / config.data_cfg.dataset_name / str(config.model_cfg.get("model")) / config.trainer_cfg.save_name


def train(config: TrainingConfig, output: Path, resume: bool, device: str, say: Callable[[str], None]) -> Path:
    """Train as configured, in training_folder(…); returns the metrics' file.

    resume: go on from the furthest checkpoint there (or start, when there is none). Without, a folder that holds
    checkpoints is refused. device: cpu or cuda. say: takes a line about the progress.
    Raises GaitError for settings or data that cannot be used, Interrupted after Ctrl-C or SIGTERM.
    """
    folder = training_folder(config, output)
    checkpoints, name = folder / "checkpoints", config.trainer_cfg.save_name
    found = latest_checkpoint(checkpoints, name)
    if found is not None and not resume:
        raise ConfigError(
            f"{folder}: holds a training already ({found.name}). Go on with --resume, or choose another "
            "trainer_cfg.save_name with --set."
        )
    partition = _partition(config)
    data = config.data_cfg
    walks = Walks(list_walks(data.dataset_root, partition.train, data.data_in_use), data.cache)
    labels = sorted({walk.identity for walk in walks.walks})
    torch.manual_seed(config.trainer_cfg.seed)
    trainable = open_trainable(config.model_cfg, len(labels))
    _channels_last(trainable.network)
    module = GaitTraining(trainable, config, walks, labels)
    if found is not None:
        state = read_checkpoint(found)
        load_strictly(trainable.network, state["model"], found)
        module.resume(state)
    parameters = sum(parameter.numel() for parameter in trainable.network.parameters())
    say(f"{len(walks)} walks of {len(labels)} people; {parameters / 1e6:.2f} M parameters; {folder}")
    if found is not None:
        say(f"goes on from {found.name}")
    write_json(folder / "config.json", config.model_dump(mode="json"))
    started = time.monotonic()
    if module.iteration < config.trainer_cfg.total_iter:
        _fit(module, config, folder, device, say)
    weights = folder / f"{name}.safetensors"
    write_weights(weights, trainable.network, trainable.spare)
    metrics = {
        "iterations": module.iteration,
        "parameters": parameters,
        "weights": weights.name,
        "bytes": weights.stat().st_size,
        "seconds": round(time.monotonic() - started, 1),
        "last": {name: round(float(value.mean()), 6) for name, value in module.logged.items()},
        "validation": _validated(trainable, config, partition, say),
    }
    write_json(folder / "metrics.json", metrics)
    say(f"{weights}: {weights.stat().st_size / 1e6:.1f} MB")
    return folder / "metrics.json"


def _partition(config: TrainingConfig) -> Partition:
    data = config.data_cfg
    return read_partition(data.dataset_partition or data.dataset_root / "partition.json")


def _validated(
    trainable: Trainable, config: TrainingConfig, partition: Partition, say: Callable[[str], None]
) -> dict[str, Any] | None:
    """Rank-1 on the held-out identities; None where the partition has none."""
    chosen = config.validation_cfg
    held_out = partition.test[: chosen.identities]
    if not held_out:
        return None
    data = config.data_cfg
    try:
        walks = Walks(list_walks(data.dataset_root, held_out, data.data_in_use), cache=False)
        frames = chosen.frames or config.trainer_cfg.sampler.frames_num_fixed
        (transform,) = transforms_of([{"type": "BaseSilCuttingTransform"}])
        report = validate(trainable, walks, transform, chosen, frames)
    except GaitError as error:
        say(f"not validated: {error}")
        return None
    for name in ("embeddings", "neck"):
        if name in report:
            by_type = ", ".join(f"{kind} {rate:.1%}" for kind, rate in report[name]["rank1_by_type"].items())
            say(f"held-out rank-1 by {name}: {report[name]['rank1']:.1%} ({by_type})")
    return report


def _fit(module: GaitTraining, config: TrainingConfig, folder: Path, device: str, say: Callable[[str], None]) -> None:
    _quiet()
    chosen = config.trainer_cfg
    trainer = lightning.Trainer(
        accelerator="gpu" if device == "cuda" else "cpu",
        devices=1,
        max_steps=chosen.total_iter - module.iteration,
        precision=_precision(config, device),
        gradient_clip_val=chosen.gradient_clip,
        logger=TensorBoardLogger(str(folder), name="summary", version=""),
        callbacks=[_Course(config, folder, say)],
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        log_every_n_steps=chosen.log_iter,
        use_distributed_sampler=False,
    )
    try:
        trainer.fit(module)
    except (KeyboardInterrupt, SystemExit):
        trainer.strategy.teardown()
        raise Interrupted(f"interrupted at iteration {module.iteration}; go on with --resume.") from None
    if trainer.interrupted:
        raise Interrupted(f"interrupted at iteration {module.iteration}; go on with --resume.")


def _channels_last(network: nn.Module) -> None:
    """Lay the convolutions out so that they run twice as fast on a CPU.

    Not narrow ones: with fewer than 16 channels, torch 2.13's float32 gradient of that layout crashes the process.
    """
    narrowest = min((layer.out_channels for layer in network.modules() if isinstance(layer, nn.Conv2d)), default=0)
    if narrowest >= 16:
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stubs lack it


def _precision(config: TrainingConfig, device: str) -> Literal["32-true", "16-mixed", "bf16-mixed"]:
    chosen = config.trainer_cfg
    wanted = chosen.precision
    if wanted == "auto":
        wanted = ("fp16" if device == "cuda" else "bf16") if chosen.enable_float16 else "fp32"
    if wanted == "fp16" and device == "cpu":
        raise ConfigError("trainer_cfg.precision: fp16 needs a GPU; use bf16 or fp32 on a CPU.")
    names: dict[str, Literal["32-true", "16-mixed", "bf16-mixed"]] = {
        "fp32": "32-true",
        "fp16": "16-mixed",
        "bf16": "bf16-mixed",
    }
    return names[wanted]


def _quiet() -> None:
    for name in ("lightning.pytorch", "lightning.fabric", "lightning.pytorch.utilities.rank_zero"):
        logging.getLogger(name).setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module="lightning.*")


class _Course(lightning.Callback):
    """Log lines and scalars every log_iter batches, a checkpoint every save_iter and at the end."""

    def __init__(self, config: TrainingConfig, folder: Path, say: Callable[[str], None]) -> None:
        self._config, self._folder, self._say = config, folder, say
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
        assert isinstance(pl_module, GaitTraining)
        chosen, done = self._config.trainer_cfg, pl_module.iteration
        last = done == chosen.total_iter
        if done % chosen.log_iter == 0 or last:
            self._log(trainer, pl_module)
        if (done % chosen.save_iter == 0 or last) and trainer.is_global_zero:
            path = self._folder / "checkpoints" / checkpoint_name(chosen.save_name, done)
            write_checkpoint(path, pl_module.state())

    def _log(self, trainer: lightning.Trainer, module: GaitTraining) -> None:
        values = {name: float(value.mean()) for name, value in module.logged.items()}
        rate = float(trainer.optimizers[0].param_groups[0]["lr"])
        if not trainer.is_global_zero:
            return
        now, done = time.monotonic(), module.iteration
        speed = (done - self._since[1]) / max(1e-9, now - self._since[0])
        self._since = (now, done)
        text = "  ".join(f"{name} {value:.4f}" for name, value in values.items())
        total = self._config.trainer_cfg.total_iter
        self._say(f"{done}/{total}  {text}  lr {rate:.2e}  {speed:.2f} batches/s")
        if trainer.logger is not None:
            trainer.logger.log_metrics({f"scalar/{name}": value for name, value in values.items()}, step=done)
            trainer.logger.log_metrics({"scalar/learning_rate": rate}, step=done)
