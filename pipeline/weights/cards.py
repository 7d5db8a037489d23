"""Cards: what a checkpoint is, where it comes from, its licence, and what its network takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from pipeline.errors import CheckpointError
from pipeline.files import UNREADABLE, parse_yaml, reason_of
from pipeline.profiles import configs_dir

Stage = Literal["detector", "segmenter", "encoder", "pose"]

_LARGEST_CARD = 64 * 1024  # bytes; a longer YAML file in a checkpoint folder is something else
_NETWORK_SUFFIXES = (".onnx", ".pth", ".pt", ".tar", ".ckpt", ".safetensors", ".tflite", ".pdmodel", ".xml")


Scene = Literal["same-clothes", "changed-clothes", "street", "indoors", "walkway"]


class Measured(BaseModel):
    """How often the nearest was the right one: rank_1, in per cent, as `source` has published it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    scene: Scene
    walks: str = Field(description="of which data set, and which of it")
    rank_1: float = Field(ge=0, le=100)
    elsewhere: bool = Field(False, description="trained on other data than that, which is what a scene of yours is")
    source: str


class Card(BaseModel):
    """What a checkpoint is: origin, licence, how to read it and what its network takes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    stage: Stage
    loader: str = Field(description="yolox-onnx, yolox-torch, paddle, onnx, opengait, …: read by the stage")
    model: str = Field("", description="encoders: the name in pipeline.recognition.ENCODERS of the one that reads it")
    runs: bool = Field(True, description="encoders: whether one in ENCODERS reads it; false: not yet")
    file: str = Field(
        description="file, or folder that a zip unpacks to, below a checkpoint folder; may lie one folder deeper"
    )
    url: str | None = None
    manual: str | None = Field(None, description="how to get it by hand where no program can")
    size: int | None = Field(None, description="bytes of what is downloaded")
    sha256: str | None = Field(
        None, description="of the file itself (of model.pdiparams for Paddle); unknown ones are recorded at download"
    )
    archive_sha256: str | None = Field(None, description="of the zip that the file comes in")
    member: str = Field("", description="name or pattern of the file in its zip, where it is not that of `file`")
    licence: str = "not stated"
    warning: str = Field("", description="said by every run that uses it")
    source: str = ""
    measured: tuple[Measured, ...] = Field((), description="by others or by us, for `gait models list --for`")
    inputs: Mapping[str, Any] = Field(default_factory=dict, description="size, channel order, mean, std, output layout")
    architecture: Mapping[str, Any] = Field(default_factory=dict, description="what the network's constructor needs")

    @field_validator("file")
    @classmethod
    def _stays_inside(cls, file: str) -> str:
        posix, windows = PurePosixPath(file), PureWindowsPath(file)
        if not file or posix.is_absolute() or windows.drive or windows.root or ".." in windows.parts:
            raise ValueError(f"{file!r} must be a name below the checkpoint folder")
        return file

    @field_validator("*")
    @classmethod
    def _is_one_line(cls, value: Any) -> Any:
        if isinstance(value, str) and not value.isprintable():  # it is written to terminals
            raise ValueError(f"{value[:40]!a} is not one line of text")
        return value

    @property
    def zipped(self) -> bool:
        """Whether the download is a zip that holds the file."""
        return self.url is not None and urlsplit(self.url).path.endswith(".zip")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A card with the file that was found for it (a Paddle model: its folder).

    sha256 is that of the file itself (of model.pdiparams for Paddle).
    """

    card: Card
    path: Path
    sha256: str


def cards(folders: Sequence[Path] = (), wrong: dict[str, CheckpointError] | None = None) -> Mapping[str, Card]:
    """Every card by name: the shipped ones (configs/checkpoints/*.yaml) and the user's own in `folders`.

    A user's own card is NAME.yaml with the fields of one Card, `name` and `file` left out or not.
    wrong: gets the name and the error of each card that is wrong or takes a shipped card's name, which is passed over;
    without it the first such is raised.
    """
    shipped = _shipped(configs_dir() / "checkpoints")
    table = dict(shipped)
    for folder in folders:
        for path in sorted(folder.glob("[!.]*.yaml")):
            try:
                if (card := own_card(path)) is None:
                    continue
                if card.name in shipped:
                    raise CheckpointError(f"{path}: {card.name!r} is the name of a shipped card. Rename the file.")
                table.setdefault(card.name, card)
            except CheckpointError as error:
                if wrong is None:
                    raise
                wrong.setdefault(path.stem, error)
    return table


@cache
def _shipped(folder: Path) -> Mapping[str, Card]:
    """Read once: a run looks for several checkpoints, and reading all cards takes a twentieth of a second."""
    return {
        name: _card(family, {**fields, "name": name})
        for family in sorted(folder.glob("*.yaml"))
        for name, fields in _read(family).items()
    }


def own_card(path: Path) -> Card | None:
    """The card that a user wrote beside a checkpoint; None where the YAML is about something else."""
    if not path.is_file() or path.stat().st_size > _LARGEST_CARD:
        return None
    fields = _read(path)
    if "stage" not in fields:
        return None
    fields.setdefault("name", path.stem)
    if "file" not in fields:
        beside = [
            other.name
            for other in path.parent.glob(f"{path.stem}*")
            if other.name == path.stem or (other.suffix in _NETWORK_SUFFIXES and _stem(other) == path.stem)
        ]
        if len(beside) != 1:
            raise CheckpointError(f"{path}: `file:` must say which file it describes ({len(beside)} bear its name).")
        fields["file"] = beside[0]
    return _card(path, fields)


def _stem(path: Path) -> str:
    return path.name.split(".pth.tar")[0] if path.name.endswith(".pth.tar") else path.stem


def _read(path: Path) -> dict[str, Any]:
    try:
        tree = parse_yaml(path.read_text(encoding="utf-8")) or {}
    except UNREADABLE as error:
        raise CheckpointError(f"{path}: not a readable card ({reason_of(error)}). Correct it.") from None
    if not isinstance(tree, dict):
        return {}
    return {str(key): value for key, value in tree.items()}


def _card(path: Path, fields: Mapping[str, Any]) -> Card:
    try:
        return Card.model_validate(fields)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise CheckpointError(f"{path}: card {fields.get('name')!r}: {key}: {first['msg']}.") from None
