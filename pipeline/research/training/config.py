"""The settings of a training: OpenGait's own YAML format, and a few keys more.

Every key is known here by name and type. What a file leaves out is as in OpenGait's configs/default.yaml, but for where
the data lie. What it holds besides is named when the training starts. An unknown key that is given by hand is refused
with the nearest name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from pipeline.errors import ConfigError
from pipeline.files import from_home
from pipeline.profiles import (
    apply_override,
    configs_dir,
    is_training_config,
    nearest,
    read_yaml,
    shorten_value,
    with_base,
)
from pipeline.research.training.lightning import as_opengaits, is_lightnings
from pipeline.research.training.zoo import refuse_unknown

SAMPLE_TYPE = "^(fixed|unfixed|all)_(unordered|ordered|allordered)$"
FOLDER_NAME = r"^[\w+-][\w.+* -]*$"  # one folder, none that leads out of where trainings are kept
MODEL = "Baseline"
SamplerType = Literal["TripletSampler", "CommonSampler", "BilateralSampler", "InferenceSampler"]


class Section(BaseModel):
    """A group of settings: immutable, unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Dataset(Section):
    """What is trained on, or a part of it."""

    dataset_name: str = Field("dataset", pattern=FOLDER_NAME)
    dataset_root: Path
    dataset_partition: Path | None = Field(
        None, description="default: partition.json in the root, or the authors' rule for CASIA-B and OUMVLP"
    )
    data_in_use: list[bool] | list[int] | None = None
    cache: bool = Field(False, description="keep every sample in memory once it has been read")
    num_workers: int = Field(1, ge=0, description="processes that prepare batches; 0, or cache: none")
    test_dataset_name: str | None = None
    remove_no_gallery: bool = False
    self_supervised: bool = Field(False, description="every walk is its own person, as it is with BilateralSampler")

    def drawn_as(self, samples: int) -> float:
        """The length that this dataset is drawn by: GaitLU-1M counts a tenth, as in OpenGait."""
        return samples / 10 if "gaitlu" in self.dataset_name.lower() else float(samples)


class DataConfig(Dataset):
    """The dataset, and those that are listed behind it."""

    further: list[Dataset] = Field([], description="other datasets, of which each batch may be; BilateralSampler only")

    @property
    def all(self) -> list[Dataset]:
        """This one and the further ones."""
        return [self, *self.further]


class PointsInUse(Section):
    """Of a modality that is a cloud of points: how many are drawn from every frame."""

    pointcloud_index: int = Field(0, ge=0)
    points_num: int = Field(1024, ge=1)


class SamplerConfig(Section):
    """How a batch is put together; see pipeline/research/training/data/sampling.py."""

    type: SamplerType = "TripletSampler"
    batch_size: int | tuple[int, int] = (8, 16)
    batch_shuffle: bool = False
    sample_type: str = Field("fixed_unordered", pattern=SAMPLE_TYPE)
    frames_num_fixed: int = Field(30, ge=1)
    frames_num_min: int = Field(25, ge=1)
    frames_num_max: int = Field(50, ge=1)
    frames_skip_num: int = Field(0, ge=0)
    frames_all_limit: int | None = Field(None, ge=1)
    points_in_use: PointsInUse | None = None

    @field_validator("batch_size")
    @classmethod
    def _refuse_empty(cls, size: int | tuple[int, int]) -> int | tuple[int, int]:
        if min(size if isinstance(size, tuple) else (size,)) < 1:
            raise ValueError("must be 1 or more")
        return size


class InferenceConfig(SamplerConfig):
    """Which frames of a sample an evaluation sees; how many samples it takes at once does not matter here."""

    type: SamplerType = "InferenceSampler"
    batch_size: int | tuple[int, int] = 4
    sample_type: str = Field("all_ordered", pattern=SAMPLE_TYPE)


Transforms = list[dict[str, Any]]
CUTTING: Transforms = [{"type": "BaseSilCuttingTransform"}]


class TrainerConfig(Section):
    """The course of the training."""

    total_iter: int = Field(80000, ge=1)
    save_iter: int = Field(2000, ge=1)
    save_name: str = Field("tmp", pattern=FOLDER_NAME)
    log_iter: int = Field(100, ge=1)
    restore_hint: int | str | list[str] = Field(
        0, description="an iteration of this training, or a file or several, to start from; 0: none"
    )
    restore_ckpt_strict: bool = True
    optimizer_reset: bool = False
    scheduler_reset: bool = False
    with_test: bool = Field(False, description="validate whenever a checkpoint is saved")
    enable_float16: bool = Field(True, description="mixed precision; see `precision`")
    T_max_iter: int | None = Field(
        None, ge=1, description="SwinGait's own schedule: half a cosine until this batch, in place of scheduler_cfg"
    )
    fix_BN: bool = False  # noqa: N815  OpenGait's name
    sync_BN: bool = False  # noqa: N815  OpenGait's name
    find_unused_parameters: bool = False
    sampler: SamplerConfig = SamplerConfig()
    transform: Transforms = CUTTING
    # ours
    precision: Literal["auto", "fp32", "fp16", "bf16"] = Field(
        "auto", description="auto: with enable_float16 fp16 on a GPU and bf16 on a CPU that has it, else fp32"
    )
    gradient_clip: float | None = Field(None, gt=0, description="largest L2 norm of all gradients")
    seed: int = Field(0, ge=0)

    @field_validator("transform", mode="before")
    @classmethod
    def _one_for_both_views(cls, entries: Any) -> Any:
        if not isinstance(entries, list):
            return entries
        pairs = (isinstance(entry, list) and entry and entry == [entry[0]] * len(entry) for entry in entries)
        return [entry[0] if is_pair else entry for entry, is_pair in zip(entries, pairs, strict=True)]


class EvaluatorConfig(Section):
    """How OpenGait evaluates: `gait evaluate dataset` follows it, and the validation uses its transform."""

    restore_hint: int | str = Field(80000, description="an iteration of the training, or a checkpoint's file")
    restore_ckpt_strict: bool = True
    save_name: str = Field("tmp", pattern=FOLDER_NAME)
    eval_func: str = "evaluate_indoor_dataset"
    metric: Literal["euc", "cos"] = "euc"
    cross_view_gallery: bool = False
    rerank: bool | None = None
    enable_float16: bool = False
    sampler: InferenceConfig = InferenceConfig()
    transform: Transforms = CUTTING


class ValidationConfig(Section):
    """Ours: rank-1 on samples that were held out, by a simple retrieval."""

    gallery_type: str = Field("nm-01", description="the type whose samples are the gallery; all others are probes")
    identities: int = Field(100, ge=2, description="how many of the held-out identities, at most")
    frames: int = Field(0, ge=0, description="silhouettes in a window; 0: as in training")
    windows: int = Field(3, ge=1, description="interleaved windows of a sample whose embeddings are averaged, at most")


YAML = (".yaml", ".yml")


class TrainingConfig(Section):
    """All settings of a training, in OpenGait's sections."""

    data_cfg: DataConfig
    model_cfg: dict[str, Any] = Field({}, validate_default=True)
    loss_cfg: list[dict[str, Any]] = Field({}, validate_default=True)
    optimizer_cfg: dict[str, Any] = Field({}, description="over optim.OPTIMIZER")
    scheduler_cfg: dict[str, Any] = Field({}, description="over optim.SCHEDULER")
    trainer_cfg: TrainerConfig = TrainerConfig()
    evaluator_cfg: EvaluatorConfig = EvaluatorConfig()
    validation_cfg: ValidationConfig = ValidationConfig()
    unsupported: tuple[str, ...] = Field((), description="keys of the file that nothing here reads or follows")

    @field_validator("model_cfg", mode="before")
    @classmethod
    def _with_model(cls, model: Any) -> Any:
        return {"model": MODEL, **model} if isinstance(model, dict) else model

    @field_validator("loss_cfg", mode="before")
    @classmethod
    def _as_list(cls, losses: Any) -> Any:
        return [{"type": "TripletLoss", "log_prefix": "triplet", **losses}] if isinstance(losses, dict) else losses


def load_training_config(config: str, overrides: Sequence[str] = ()) -> TrainingConfig:
    """Read a training's YAML (a file, or the name of one in configs/train) and apply `a.b=c` overrides.

    A file whose `base` names another, by its name or by a path from its own folder, says only what it changes there.
    Keys of the file that are unknown here, or not followed, are collected in `unsupported`: OpenGait's files have some.
    GaitGraph2's files for Lightning's command line are read, too.
    Raises ConfigError for a file that is none, a network that is not here, several datasets, files that are each
    other's base, an unknown key among the overrides (with the nearest name) or a value out of range.
    """
    path = _path(config)
    tree, unsupported = with_base(read_yaml(path), path, _path, null_removes=True), list[str]()
    if is_lightnings(tree):
        theirs, unsupported = as_opengaits(tree, path.name)
        tree = with_base(theirs, path, _path, null_removes=True)
    _refuse_other_files(tree, path.name)
    if isinstance(tree.get("data_cfg"), list):
        first, *rest = tree["data_cfg"]
        unsupported += [name for one in rest for name in _pop_unknown(one, Dataset, "data_cfg.")]
        tree["data_cfg"] = {**first, "further": rest}
    unsupported += _pop_unknown(tree, TrainingConfig)
    for override in overrides:
        apply_override(tree, override)
    _refuse_several(tree, path.name)
    read = training_config({**tree, "unsupported": unsupported}, path.name)
    return read.model_copy(update={"unsupported": (*unsupported, *_not_followed(read))})


def training_config(tree: Mapping[str, Any], origin: str) -> TrainingConfig:
    """The settings in `tree`. Raises ConfigError, naming `origin`."""
    try:
        return TrainingConfig.model_validate(tree)
    except ValidationError as error:
        raise ConfigError(f"{origin}: {_message_of(error)}") from None


def _refuse_other_files(tree: Mapping[str, Any], origin: str) -> None:
    """Before anything else: OpenGait's networks that are not here have formats of their own, too."""
    if not is_training_config(tree):
        raise ConfigError(f"{origin}: not the file of a training; expected sections such as model_cfg and trainer_cfg.")
    model, data = tree.get("model_cfg"), tree.get("data_cfg")
    try:
        refuse_unknown({"model": MODEL, **model} if isinstance(model, dict) else {"model": MODEL})
    except ConfigError as error:
        raise ConfigError(f"{origin}: {error}") from None
    if isinstance(data, list) and not (data and all(isinstance(one, dict) for one in data)):
        raise ConfigError(f"{origin}: data_cfg: expected settings, or a list of them, one for each dataset.")


def _refuse_several(tree: Mapping[str, Any], origin: str) -> None:
    """Only where batches are of walks, not of people, does it not matter who is the same in two datasets."""
    data, trainer = tree.get("data_cfg"), tree.get("trainer_cfg")
    further = data.get("further") if isinstance(data, dict) else None
    sampler = trainer.get("sampler") if isinstance(trainer, dict) else None
    if (
        isinstance(further, list)
        and further
        and not (isinstance(sampler, dict) and sampler.get("type") == "BilateralSampler")
    ):
        raise ConfigError(
            f"{origin}: data_cfg lists {len(further) + 1} datasets, a training with identities takes one. "
            "Make one of them the whole section."
        )


def _not_followed(config: TrainingConfig) -> list[str]:
    """Keys that are known, but whose values here nothing follows."""
    evaluator = config.evaluator_cfg
    points = evaluator.sampler.points_in_use
    ignored = {
        "data_cfg.remove_no_gallery": config.data_cfg.remove_no_gallery,
        "data_cfg.self_supervised": config.data_cfg.self_supervised
        and config.trainer_cfg.sampler.type != "BilateralSampler",
        "evaluator_cfg.enable_float16": evaluator.enable_float16,
        "evaluator_cfg.restore_ckpt_strict": not evaluator.restore_ckpt_strict,
        "evaluator_cfg.sampler.sample_type": evaluator.sampler.sample_type != "all_ordered",
        "evaluator_cfg.sampler.points_in_use": points is not None and points != PointsInUse(),
    }
    return [key for key, is_ignored in ignored.items() if is_ignored]


def _pop_unknown(tree: dict[str, Any], section: type[BaseModel], prefix: str = "") -> list[str]:
    """Remove what `section` does not know from `tree`, and name it."""
    unknown = []
    for key in list(tree):
        if key not in section.model_fields:
            del tree[key]
            unknown.append(f"{prefix}{key}")
        elif key in _SECTIONS and isinstance(tree[key], dict):
            unknown += _pop_unknown(tree[key], _SECTIONS[key], f"{prefix}{key}.")
    return unknown


def shipped_configs() -> list[str]:
    """Names of the training configurations that come with the project."""
    return sorted(path.stem for path in (configs_dir() / "train").glob("*.yaml"))


def _path(config: str) -> Path:
    if config.endswith(YAML):
        path = from_home(config)
        if not path.is_file():
            raise ConfigError(f"{config}: no such training configuration. Shipped: {', '.join(shipped_configs())}.")
        return path
    path = configs_dir() / "train" / f"{config}.yaml"
    if config not in shipped_configs():
        raise ConfigError(
            f"no training configuration {config!r}{nearest(config, shipped_configs())} Or give a .yaml file."
        )
    return path


def _message_of(error: ValidationError) -> str:
    first = error.errors()[0]
    where = [str(part) for part in first["loc"]]
    key = ".".join(where)
    if first["type"] == "extra_forbidden":
        section: type[BaseModel] = TrainingConfig
        for part in where[:-1]:
            section = _SECTIONS.get(part, section)
        return f"unknown key {key!r}{nearest(where[-1], list(section.model_fields))}"
    if first["type"] == "missing":
        return f"{key} is missing."
    return f"{key}: {first['msg']} (got {shorten_value(first.get('input'))})."


_SECTIONS: Mapping[str, type[BaseModel]] = {
    "data_cfg": DataConfig,
    "trainer_cfg": TrainerConfig,
    "evaluator_cfg": EvaluatorConfig,
    "sampler": SamplerConfig,
    "points_in_use": PointsInUse,
    "validation_cfg": ValidationConfig,
}
