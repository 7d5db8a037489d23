"""Checkpoints: cards that say what a file is, and the finding, fetching, verifying and safe loading of the file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    import torch


class Card(BaseModel):
    """What a checkpoint is: origin, licence, how to read it and what its network wants to see."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    stage: Literal["detector", "segmenter", "encoder", "pose"]
    loader: str = Field(description="yolox-onnx, yolox-torch, paddle, onnx, opengait, …: read by the stage's backend")
    file: str = Field(description="name of the file, or of the folder a zip unpacks to")
    url: str | None = None
    manual: str | None = Field(None, description="how to get it by hand where no program can")
    size: int | None = None
    sha256: str | None = Field(
        None, description="of the file, or of the zip; unknown ones are recorded at first download"
    )
    licence: str
    source: str = ""
    inputs: Mapping[str, Any] = Field(default_factory=dict, description="size, channel order, mean, std, output layout")
    architecture: Mapping[str, Any] = Field(default_factory=dict, description="what the network's constructor needs")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A card with the file that was found for it. sha256 is that of the file itself (of model.pdiparams for Paddle)."""

    card: Card
    path: Path
    sha256: str


def cards() -> Mapping[str, Card]:
    """Every card that is shipped (configs/checkpoints/*.yaml), by name."""
    raise NotImplementedError


def resolve(name_or_path: str, card: str | None, folders: Sequence[Path]) -> Checkpoint:
    """Find the checkpoint: a card's name, or a file whose conventions are those of `card`; verify its sha256."""
    raise NotImplementedError


def load_state_dict(path: Path, key: str | None = None) -> dict[str, torch.Tensor]:
    """Read tensors and nothing else from .pt/.pth/.pth.tar/.ckpt/.safetensors (weights_only always)."""
    raise NotImplementedError
