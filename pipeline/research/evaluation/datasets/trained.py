"""A training as something to evaluate: its network, its dataset's test set, and how its file says to evaluate it.

It is the folder of a `gait train`, or a training's YAML file (OpenGait's too) with a checkpoint.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.errors import CheckpointError, ConfigError, InputError
from pipeline.files import read_json
from pipeline.research.evaluation.datasets.protocols import protocol_of
from pipeline.research.training.checkpoints import card_of, checkpoint_name, latest_checkpoint
from pipeline.research.training.config import (
    DataConfig,
    EvaluatorConfig,
    TrainingConfig,
    load_training_config,
    training_config,
)
from pipeline.research.training.data.transforms import columns_cut
from pipeline.weights.checkpoints import Checkpoint, resolve
from pipeline.weights.files import sha256_of

if TYPE_CHECKING:
    from pipeline.research.training.networks import Trainable

OUTPUTS = (Path("output"), Path("output/training"))  # OpenGait's place for DATASET/MODEL/NAME, and ours
PROTOCOL_OF = {  # OpenGait's eval_func; of those that serve several datasets the name of the dataset decides
    "evaluate_CCGR_MINI": "ccgr-mini",
    "evaluate_CCPG": "ccpg",
    "evaluate_FreeGait": "freegait",
    "evaluate_Gait3D": "gait3d",
    "evaluate_scoliosis": "scoliosis1k",
    "GREW_submission": "grew-submission",
    "HID_submission": "hid",
}
BY_NAME = ("evaluate_indoor_dataset", "evaluate_real_scene")


@dataclass(frozen=True, slots=True)
class Trained:
    """encoder: its name; checkpoint: that is evaluated; config: the training's settings."""

    encoder: str
    checkpoint: Checkpoint
    config: TrainingConfig

    @property
    def data(self) -> DataConfig:
        return self.config.data_cfg

    @property
    def evaluator(self) -> EvaluatorConfig:
        return self.config.evaluator_cfg

    @property
    def cuts(self) -> tuple[int | None, ...]:
        """How many columns each transform cuts off each side; None: ten of every 64."""
        return tuple(map(columns_cut, self.evaluator.transform))

    @property
    def protocol(self) -> str | None:
        """By the file's eval_func, or by the dataset's name; None where there is none here."""
        if self.evaluator.eval_func in BY_NAME:
            return protocol_of(self.data.test_dataset_name or self.data.dataset_name)
        return PROTOCOL_OF.get(self.evaluator.eval_func)


def open_training(folder: Path, iteration: int | None = None) -> Trained:
    """What a training's folder (output/training/DATASET/MODEL/NAME) holds: its furthest checkpoint, or another.

    Raises InputError for a folder that is none or lacks that checkpoint, ConfigError for a network that there is no
    encoder for.
    """
    if not (folder / "config.json").is_file():
        raise InputError(f"{folder}: no config.json, so no training. Give output/training/DATASET/MODEL/NAME.")
    config = training_config(read_json(folder / "config.json"), str(folder / "config.json"))
    name = config.trainer_cfg.save_name
    trainable = _whole_encoder(config, f"--training {folder}")
    found = latest_checkpoint(folder / "checkpoints", name)
    if found is not None and iteration is not None:
        found = folder / "checkpoints" / checkpoint_name(name, iteration)
        if not found.is_file():
            there = ", ".join(sorted(path.stem.rpartition("-")[2] for path in found.parent.glob("*-*.pt")))
            raise InputError(f"{found}: no such checkpoint. There are those of iterations {there}.")
    if found is None:
        raise InputError(f"{folder}: no checkpoint {name}-*.pt in checkpoints/. Go on with: gait train --resume")
    return _trained(config, trainable, found)


def open_training_file(file: str, root: Path | None, checkpoint: str | int | None, folders: Sequence[Path]) -> Trained:
    """What a training's YAML file describes, with the weights in `checkpoint` or else in its evaluator's restore_hint.

    root: the dataset, instead of the file's own; checkpoint: a file, or a card's name whose file is in `folders`, or an
    iteration of this training.
    Raises ConfigError for a file that is none and a network that there is no encoder for, CheckpointError where there
    are no weights.
    """
    config = load_training_config(file, [f"data_cfg.dataset_root={json.dumps(str(root))}"] if root else [])
    trainable = _whole_encoder(config, file)
    if checkpoint is None or isinstance(checkpoint, int):
        return _trained(config, trainable, _restore_hint(config, file, checkpoint))
    path = Path(checkpoint).expanduser()
    return _trained(config, trainable, path if path.is_file() else resolve(checkpoint, folders=folders).path)


def _restore_hint(config: TrainingConfig, file: str, iteration: int | None) -> Path:
    """The checkpoint of an iteration; None: what evaluator_cfg.restore_hint means, which may be a file, too."""
    hint, name = config.evaluator_cfg.restore_hint, config.evaluator_cfg.save_name
    hint = hint if iteration is None else iteration
    if isinstance(hint, str):
        places = [Path(hint).expanduser()]
    else:
        below = Path(config.data_cfg.dataset_name, str(config.model_cfg["model"]), name, "checkpoints")
        places = [output / below / checkpoint_name(name, hint) for output in OUTPUTS]
    for place in places:
        if place.is_file():
            return place
    raise CheckpointError(
        f"{file}: evaluator_cfg.restore_hint {hint!r}: there is no {' and no '.join(map(str, places))}. "
        "Give the weights as --checkpoint FILE."
    )


def _trained(config: TrainingConfig, trainable: Trainable, checkpoint: Path) -> Trained:
    card = card_of(trainable, checkpoint, config.trainer_cfg.save_name)
    return Trained(trainable.encoder, Checkpoint(card, checkpoint, sha256_of(checkpoint)), config)


def _whole_encoder(config: TrainingConfig, origin: str) -> Trainable:
    """What model_cfg describes, without weights. Raises ConfigError where that is no whole encoder."""
    import torch

    from pipeline.research.training.networks import open_trainable

    with torch.device("meta"):
        trainable = open_trainable(config.model_cfg, identities=1)
    if not trainable.encoder:
        raise ConfigError(f"{origin}: what it trained is no whole encoder. Evaluate the training that went on from it.")
    return trainable
