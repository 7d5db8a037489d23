"""A whole training: what is read, where it starts, what is written, and how it goes on after a kill."""

from __future__ import annotations

import logging
import sys
import time
import warnings
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Literal

import lightning
import torch
from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.strategies import DDPStrategy
from lightning.pytorch.utilities import rank_zero_only
from torch import nn

from pipeline.errors import CheckpointError, ConfigError, GaitError, Interrupted
from pipeline.files import PARTIAL, reason_of, write_json, writing
from pipeline.research.training.checkpoints import checkpoint_name, latest_checkpoint, read_checkpoint, write_weights
from pipeline.research.training.config import TrainingConfig
from pipeline.research.training.data.batches import Preparation, Samples
from pipeline.research.training.data.dataset import Frames, Partition, Sample, list_samples, partition_of
from pipeline.research.training.data.transforms import transforms_of
from pipeline.research.training.distributed import synchronise_batch_norms
from pipeline.research.training.input_files import refuse_other_files
from pipeline.research.training.module import GaitTraining, Print, TrainingProgress
from pipeline.research.training.networks import Trainable, modalities_of, open_trainable
from pipeline.research.training.precision import Precision, precision_of
from pipeline.research.training.stopping import Stopping
from pipeline.research.training.validation import validate
from pipeline.runs.record import versions
from pipeline.weights.safeload import load_strictly

LOG = "train.log"
EMBEDDINGS = ("embeddings", "neck")  # what a validation compares
LIGHTNINGS: Mapping[Precision, Literal["32-true", "16-mixed", "bf16-mixed"]] = {
    "fp32": "32-true",
    "fp16": "16-mixed",
    "bf16": "bf16-mixed",
}


def training_folder(config: TrainingConfig, output: Path) -> Path:
    """output/<dataset>/<model>/<save_name>, as OpenGait lays it out."""
    return output / config.data_cfg.dataset_name / str(config.model_cfg.get("model")) / config.trainer_cfg.save_name


def train(config: TrainingConfig, output: Path, resume: bool, device: str, say: Print, processes: int = 1) -> Path:
    """Train as configured, in training_folder(…).

    Args:
        config: All settings.
        output: Where trainings are kept.
        resume: Go on from the furthest checkpoint there (or start, when there is none). Without, a folder that holds
            checkpoints is refused.
        device: cpu or cuda.
        say: Takes a line about the progress.
        processes: That share each batch.

    Returns:
        The metrics' file.

    Raises:
        GaitError: For settings or data that cannot be used.
        Interrupted: After Ctrl-C or SIGTERM.
    """
    folder = training_folder(config, output)
    start = _start(config, folder, resume)
    data, trainer = config.data_cfg, config.trainer_cfg
    partition, *others = [partition_of(one.dataset_root, one.dataset_partition, one.dataset_name) for one in data.all]
    lists = [
        list_samples(one.dataset_root, its.train, one.data_in_use)
        for one, its in zip(data.all, (partition, *others), strict=True)
    ]
    listed = [sample for each in lists for sample in each]
    datasets = [(len(each), one.drawn_as(len(each))) for one, each in zip(data.all, lists, strict=True)]
    labels = sorted({sample.identity for sample in listed})
    torch.manual_seed(trainer.seed)
    trainable = open_trainable(config.model_cfg, len(labels))
    needs = modalities_of(trainable, trainer.transform)
    samples = Samples(listed, data.cache, needs, check_of(trainable, config), datasets)
    _ = samples[0]  # refused before anything starts, and warned of by this process instead of all that prepare batches
    module = GaitTraining(trainable, config, samples, labels)
    for path in start:
        _restore(module, config, path, resume)
    if trainer.sync_BN and processes > 1:
        module.network = trainable.network = synchronise_batch_norms(trainable.network, device)
    parameters = sum(parameter.numel() for parameter in trainable.network.parameters())
    first = getattr(rank_zero_only, "rank", 0) == 0  # Lightning starts the others as copies of this process
    if first:
        say = _also_to(folder / LOG, say)
        say(
            f"{time.strftime('%Y-%m-%d %H:%M:%S')}  seed {trainer.seed}; {', '.join(map(' '.join, versions().items()))}"
        )
        if ignored := [*config.unsupported, *module.unsupported]:
            say(f"not supported, ignored: {', '.join(dict.fromkeys(ignored))}")
        say(precision_of(trainer, device)[1])
        say(f"{len(samples)} walks of {len(labels)} people; {parameters / 1e6:.2f} M parameters; {folder}")
        if start:
            say(f"starts from {', '.join(path.name for path in start)} at iteration {module.iteration}")
        for leftover in folder.rglob(f"{PARTIAL}*"):  # of a training that was killed while it wrote
            leftover.unlink()
        write_json(folder / "config.json", config.model_dump(mode="json"))
    started = time.monotonic()
    if module.iteration < trainer.total_iter:
        rates = partial(_held_out_rates, trainable, config, partition, say)
        fit(module, config, folder, device, TrainingProgress(trainer, folder / "checkpoints", say, rates), processes)
    if first:
        weights = folder / f"{trainer.save_name}.safetensors"
        write_weights(weights, trainable)
        metrics = {
            "iterations": module.iteration,
            "parameters": parameters,
            "weights": weights.name,
            "bytes": weights.stat().st_size,
            "seconds": round(time.monotonic() - started, 1),
            "seed": trainer.seed,
            "versions": versions(),
            "last": {name: round(float(value.mean()), 6) for name, value in module.logged.items()},
            "validation": _validate(trainable, config, partition, say),
        }
        write_json(folder / "metrics.json", metrics)
        say(f"{weights}: {weights.stat().st_size / 1e6:.1f} MB")
    return folder / "metrics.json"


def _also_to(path: Path, say: Print) -> Print:
    """Lines go to a log, too; a training that goes on adds to it. Raises OutputError where it cannot be written."""
    with writing(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)

    def both(line: str) -> None:
        say(line)
        with writing(path), path.open("a", encoding="utf-8") as log:
            log.write(line + "\n")

    return both


def check_of(trainable: Trainable, config: TrainingConfig) -> Callable[[Sample, list[Frames]], None]:
    """Raises InputError for a sample that this network cannot take."""
    model = str(config.model_cfg["model"])
    other = "joint_format" if "joint_format" in config.model_cfg else "data_cfg.dataset_root"
    advice = f"Choose among a walk's files with data_cfg.data_in_use, or another {other}."
    return partial(refuse_other_files, expected=trainable.files, network=model, advice=advice)


def _start(config: TrainingConfig, folder: Path, resume: bool) -> list[Path]:
    """The checkpoint that the training begins with; several where each holds a part of the network."""
    chosen = config.trainer_cfg
    found = latest_checkpoint(folder / "checkpoints", chosen.save_name)
    if resume and found is not None:
        return [found]
    hint = chosen.restore_hint
    if isinstance(hint, int) and hint > 0:
        return [folder / "checkpoints" / checkpoint_name(chosen.save_name, hint)]
    if found is not None:
        raise ConfigError(
            f"{folder}: holds a training already ({found.name}). Go on with --resume, or choose another "
            "trainer_cfg.save_name with --set."
        )
    return [] if isinstance(hint, int) else [Path(file) for file in ([hint] if isinstance(hint, str) else hint)]


def _restore(module: GaitTraining, config: TrainingConfig, path: Path, resume: bool) -> None:
    """Load a checkpoint; one of another training (restore_hint: a file) gives its state but not its count."""
    state = read_checkpoint(path)
    network: nn.Module = module.network
    if config.trainer_cfg.restore_ckpt_strict or resume:
        load_strictly(network, state["model"], path)
    else:
        shapes = {name: tensor.shape for name, tensor in network.state_dict().items()}
        fitting = {name: tensor for name, tensor in state["model"].items() if shapes.get(name) == tensor.shape}
        if not fitting:
            raise CheckpointError(f"{path}: nothing in it fits this network. Choose another file.")
        network.load_state_dict(fitting, strict=False)
    foreign = not isinstance(config.trainer_cfg.restore_hint, int) and not resume
    try:
        module.resume({**state, "iteration": 0} if foreign else state, resets=not resume)
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        reason = reason_of(error)
        raise CheckpointError(
            f"{path}: its optimiser, schedule or count do not fit this training ({reason}). Take its weights "
            "alone: trainer_cfg.restore_hint with optimizer_reset and scheduler_reset, instead of --resume."
        ) from None


def _validate(trainable: Trainable, config: TrainingConfig, partition: Partition, say: Print) -> dict[str, Any] | None:
    """Rank-1 on the held-out identities; None where the partition has none or they cannot be used."""
    chosen, data, sampler = config.validation_cfg, config.data_cfg, config.trainer_cfg.sampler
    held_out = partition.test[: chosen.identities]
    if not held_out:
        return None
    try:
        listed = list_samples(data.dataset_root, held_out, data.data_in_use)
        needs = modalities_of(trainable, config.evaluator_cfg.transform)
        samples = Samples(listed, cache=False, needs=needs, check=check_of(trainable, config))
        transforms = transforms_of(config.evaluator_cfg.transform, "evaluator_cfg.transform")
        preparation = Preparation(transforms, trainable.joined, sampler.points_in_use)
        report = validate(trainable, samples, preparation, chosen, chosen.frames or sampler.frames_num_fixed)
    except GaitError as error:
        say(f"not validated: {error}")
        return None
    for name in (name for name in EMBEDDINGS if name in report):
        by_type = ", ".join(f"{kind} {rate:.1%}" for kind, rate in report[name]["rank1_by_type"].items())
        say(f"held-out rank-1 by {name}: {report[name]['rank1']:.1%} ({by_type})")
    return report


def _held_out_rates(trainable: Trainable, config: TrainingConfig, partition: Partition, say: Print) -> dict[str, float]:
    report = _validate(trainable, config, partition, say) or {}
    return {f"rank1_{name}": float(report[name]["rank1"]) for name in EMBEDDINGS if name in report}


def fit(
    module: GaitTraining,
    config: TrainingConfig,
    folder: Path,
    device: str,
    progress: TrainingProgress,
    processes: int = 1,
) -> None:
    """Train the module until total_iter."""
    _silence_lightning()
    _lay_out_channels_last(module.network)
    chosen, stopping = config.trainer_cfg, Stopping()
    trainer = lightning.Trainer(
        accelerator="gpu" if device == "cuda" else "cpu",
        devices=processes,
        strategy=DDPStrategy(find_unused_parameters=chosen.find_unused_parameters) if processes > 1 else "auto",
        max_steps=chosen.total_iter - module.iteration,
        precision=LIGHTNINGS[precision_of(chosen, device)[0]],
        gradient_clip_val=chosen.gradient_clip,
        logger=TensorBoardLogger(str(folder), name="summary", version=""),
        callbacks=[progress, SignalCallback(stopping)],
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        log_every_n_steps=chosen.log_iter,
        use_distributed_sampler=False,
    )
    try:
        with stopping:
            trainer.fit(module)
    except (KeyboardInterrupt, SystemExit):
        stopping.requested = True
    except GaitError as error:  # torch wraps those of the processes that prepare batches in their tracebacks
        last = str(error).strip().splitlines()[-1]
        raise type(error)(last.partition(": ")[2] if "Original Traceback" in str(error) else str(error)) from error
    except Exception:
        if not stopping.requested:  # else another process has ended first
            raise
    if stopping.requested:
        if trainer.global_rank:
            sys.exit(130)  # the first process speaks for all
        kept = latest_checkpoint(folder / "checkpoints", chosen.save_name)
        remedy = f"go on from {kept.name} with --resume" if kept is not None else "nothing was saved yet"
        raise Interrupted(f"interrupted at iteration {module.iteration}; {remedy}.")


class SignalCallback(lightning.Callback):
    """Takes the signals back from Lightning when batches begin."""

    def __init__(self, stopping: Stopping) -> None:
        self._stopping = stopping

    def on_train_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        self._stopping.listen()


def _lay_out_channels_last(network: nn.Module) -> None:
    """Lay the convolutions out so that they run twice as fast on a CPU.

    Not narrow ones: with fewer than 16 channels, torch 2.13's float32 gradient of that layout crashes the process.
    """
    layers = [layer for layer in network.modules() if isinstance(layer, nn.Conv2d)]
    if min((layer.out_channels for layer in layers), default=0) >= 16:
        for layer in layers:  # not the whole network: convolutions over time have five dimensions
            layer.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stubs lack it


def _silence_lightning() -> None:
    for name in ("lightning.pytorch", "lightning.fabric", "lightning.pytorch.utilities.rank_zero"):
        logging.getLogger(name).setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module="lightning.*")
