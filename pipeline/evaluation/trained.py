"""A folder of `gait train` as something to evaluate: its network, and the dataset whose test set it has not seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.errors import ConfigError, InputError
from pipeline.files import read_json
from pipeline.networks.cards import Card
from pipeline.networks.checkpoints import Checkpoint
from pipeline.networks.hashing import sha256_of
from pipeline.recognition.models.gaitbase import Architecture
from pipeline.training.checkpoints import latest_checkpoint
from pipeline.training.config import DataConfig, training_config

ENCODERS: Mapping[str, str] = {"Baseline": "gaitbase"}  # model_cfg.model → encoder


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
    model = str(config.model_cfg.get("model"))
    if model not in ENCODERS:
        raise ConfigError(
            f"--training {folder}: there is no encoder for {model!r} yet. Use --config with an encoder of its own."
        )
    name = config.trainer_cfg.save_name
    found = latest_checkpoint(folder / "checkpoints", name)
    if found is None:
        raise InputError(f"{folder}: no checkpoint {name}-*.pt in checkpoints/. Go on with: gait train --resume")
    card = Card(
        name=name,
        stage="encoder",
        loader="opengait",
        model=ENCODERS[model],
        file=found.name,
        licence="as the data it was trained on",
        source="gait train",
        architecture=_architecture(config.model_cfg),
    )
    return Trained(ENCODERS[model], Checkpoint(card, found, sha256_of(found)), config.data_cfg)


def _architecture(model_cfg: Mapping[str, Any]) -> dict[str, Any]:
    """What the weights do not tell of themselves."""
    backbone = model_cfg.get("backbone_cfg", {})
    return {
        "strides": list(backbone.get("strides", Architecture().strides)),
        "maxpool": bool(backbone.get("maxpool", True)),  # OpenGait's ResNet9 has one unless it is told not to
    }
