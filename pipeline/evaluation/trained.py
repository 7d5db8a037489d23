"""A folder of `gait train` as something to evaluate: its network, and the dataset whose test set it has not seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.errors import ConfigError, InputError
from pipeline.files import read_json
from pipeline.networks.checkpoints import Checkpoint
from pipeline.networks.hashing import sha256_of
from pipeline.training.checkpoints import card_of, latest_checkpoint
from pipeline.training.config import DataConfig, training_config

if TYPE_CHECKING:
    from pipeline.training.networks import Trainable


@dataclass(frozen=True, slots=True)
class Trained:
    """encoder: its name; checkpoint: the furthest one; data: the dataset as the training was told of it."""

    encoder: str
    checkpoint: Checkpoint
    data: DataConfig


def trained(folder: Path) -> Trained:
    """What a training's folder (output/training/DATASET/MODEL/NAME) holds.

    Raises InputError for a folder that is none, ConfigError for a network that there is no encoder for.
    """
    if not (folder / "config.json").is_file():
        raise InputError(f"{folder}: no config.json, so no training. Give output/training/DATASET/MODEL/NAME.")
    config = training_config(read_json(folder / "config.json"), str(folder / "config.json"))
    learnt = _shape_of(config.model_cfg)
    if not learnt.encoder:
        raise ConfigError(
            f"--training {folder}: what it trained is no whole encoder. Evaluate the training that went on from it."
        )
    name = config.trainer_cfg.save_name
    found = latest_checkpoint(folder / "checkpoints", name)
    if found is None:
        raise InputError(f"{folder}: no checkpoint {name}-*.pt in checkpoints/. Go on with: gait train --resume")
    checkpoint = Checkpoint(card_of(learnt, found, name), found, sha256_of(found))
    return Trained(learnt.encoder, checkpoint, config.data_cfg)


def _shape_of(model_cfg: Mapping[str, Any]) -> Trainable:
    """What model_cfg describes, without weights."""
    import torch

    from pipeline.training.networks import open_trainable

    with torch.device("meta"):
        return open_trainable(model_cfg, identities=1)
