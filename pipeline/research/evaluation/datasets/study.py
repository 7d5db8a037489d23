"""An evaluation by a protocol, from what the command line says to a run folder with figures and pictures."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, cast

from loguru import logger

from pipeline.config import DEFAULT_PROFILE, Config
from pipeline.engine.progress import Progress
from pipeline.errors import ConfigError, InputError
from pipeline.extraction.networks import describe_checkpoint, find_checkpoints
from pipeline.files import file_sha256, write_bytes, write_json
from pipeline.inference import runtime
from pipeline.profiles import Options, as_record, is_training_config, load_config, read_yaml
from pipeline.recognition import Encoder
from pipeline.research.arranging.partitions import probes_of
from pipeline.research.charts import as_png, curves, heat_map
from pipeline.research.evaluation.datasets.dataset import (
    Answer,
    Evaluation,
    as_tree,
    evaluate,
    listed_samples,
    samples_of_test_set,
)
from pipeline.research.evaluation.datasets.embedding import EncoderPlan, embed_dataset, is_shared
from pipeline.research.evaluation.datasets.features import (
    DatasetFeatures,
    read_dataset_features,
    write_dataset_features,
)
from pipeline.research.evaluation.datasets.figures import as_latex, as_markdown, figures_of
from pipeline.research.evaluation.datasets.protocols import PROTOCOLS
from pipeline.research.evaluation.datasets.ranking import Ranking
from pipeline.research.evaluation.datasets.retrieval import Metric
from pipeline.research.evaluation.datasets.segmentation import mean_overlap
from pipeline.research.evaluation.datasets.trained import Trained, open_training, open_training_file
from pipeline.research.training.config import YAML
from pipeline.research.training.data.dataset import Sample, read_partition
from pipeline.runs.folder import RunFolder
from pipeline.runs.record import Record
from pipeline.weights.checkpoints import Checkpoint, resolve, search_folders

FRAMES = 720  # of a walk, unless a profile says otherwise: as OpenGait tests
ENCODER = "gaitbase"  # of a checkpoint whose card does not say
METRICS: Mapping[str, Metric] = {"euc": "euclidean", "cos": "cosine"}  # OpenGait's names
REPORT, FEATURES, SUBMISSION = "evaluation.json", "features.npz", "submission.csv"
MARKDOWN, LATEX = "tables.md", "tables.tex"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the command line says; None or False where it says nothing."""

    protocol: str | None
    root: Path | None
    partition: Path | None
    training: Path | None
    features: Path | None
    profile: str | None
    encoder: str | None
    checkpoint: str | None
    card: str | None
    metric: str | None
    cross_view: bool
    rerank: bool | None
    files: str | None
    as_opengait: bool
    iteration: int | None
    processes: int
    options: Options


@dataclass(frozen=True, slots=True)
class _Subject:
    """What is evaluated: features that are there, or walks and the encoder for them; and what run.json says of it.

    encoder: where no other process opens one.
    """

    features: DatasetFeatures | None
    walks: Sequence[Sample]
    encoder: Encoder | None
    plan: EncoderPlan | None
    listed: Sequence[str]
    facts: Mapping[str, Any]


def evaluate_dataset(wanted: Wanted, bars: Progress) -> tuple[Answer, dict[str, Any], Path]:
    """Evaluate in a new run folder: the figures, as a tree, and the folder. Raises GaitError."""
    wanted, learnt = _learnt(wanted)
    if wanted.iteration is not None and learnt is None:
        raise ConfigError(f"--iter {wanted.iteration}: of which training? Give its folder as --training DIR.")
    config = load_config(wanted.profile or DEFAULT_PROFILE, _settings(wanted, learnt))
    protocol = wanted.protocol or (learnt.protocol if learnt else None)
    if protocol is None or protocol not in PROTOCOLS:
        problem = "is missing" if protocol is None else f"{protocol} is unknown"
        raise ConfigError(f"--protocol {problem}. Give one of {', '.join(PROTOCOLS)}.")
    subject = _subject(wanted, protocol, config, learnt)
    device = runtime.device(config.runtime)
    metric = _metric(wanted.metric or config.matching.metric)
    cross_view, rerank = wanted.cross_view, wanted.rerank
    if learnt is not None:
        cross_view = cross_view or (learnt.evaluator.cross_view_gallery and protocol in ("casia-b", "oumvlp"))
        rerank = learnt.evaluator.rerank if rerank is None else rerank
    asked = Evaluation(protocol, metric, cross_view, rerank, wanted.as_opengait, subject.listed)

    folder = RunFolder.create(Path(config.output.folder), datetime.now())
    facts = {"config": as_record(config), "device": device, "inputs": {}, **subject.facts}
    record = Record(folder, facts)
    with folder.working(), record.open():
        logger.info(f"run folder: {folder.path}")
        if learnt is not None and learnt.config.unsupported:
            logger.info(f"not supported, ignored: {', '.join(learnt.config.unsupported)}")
        features = subject.features
        if features is None:
            assert subject.plan is not None
            with record.meter.time("recognise", walks=len(subject.walks)):
                features = embed_dataset(subject.walks, subject.plan, bars, subject.encoder, wanted.processes)
            write_dataset_features(folder.path / FEATURES, features)
        with record.meter.time("rank", walks=len(features)):
            answered = evaluate(asked, Ranking(features, metric, device, wanted.processes, folder.path, bars))
        if subject.plan is not None:
            overlap = mean_overlap(subject.walks, subject.plan, bars, wanted.processes)
            answered = replace(answered, scores={**answered.scores, **overlap})
        tree = as_tree(asked, features, answered)
        write_json(folder.path / REPORT, tree)
        _draw(folder.path, answered)
    return answered, tree, folder.path


def _subject(wanted: Wanted, protocol: str, config: Config, learnt: Trained | None) -> _Subject:
    root, partition = wanted.root, wanted.partition
    if learnt and root is None:
        root, partition = learnt.data.dataset_root, partition or learnt.data.dataset_partition
    if root and partition is None and (root / "partition.json").is_file():
        partition = root / "partition.json"
    facts = {
        "protocol": protocol,
        "dataset": str(root.resolve()) if root else None,
        "partition": _file(partition) or (None if wanted.features else "by the names of the folders"),
        "features": _file(wanted.features),
        "training": str(wanted.training.resolve()) if wanted.training else None,
        "training_seed": learnt.config.trainer_cfg.seed if learnt else None,
    }
    if wanted.features is not None:
        listed = listed_samples(protocol, read_partition(partition)) if partition else probes_of(protocol)
        return _Subject(read_dataset_features(wanted.features), (), None, None, listed, {"evaluated": facts})
    if root is None:
        raise ConfigError(
            "--root is missing: the dataset's folder, ROOT/identity/type/view/*.pkl (or --features FILE)."
        )
    if config.recognition.mirroring == "heading":
        raise ConfigError(
            "recognition.mirroring=heading: a dataset has no boxes that tell the direction. Use off or both."
        )
    files = _files(wanted.files) if wanted.files or learnt is None else learnt.data.data_in_use
    walks, listed = samples_of_test_set(root, partition, protocol, files)
    found: Mapping[str, Checkpoint | None] = {"encoder": learnt.checkpoint} if learnt else {}
    found = found or find_checkpoints(config, wanted.options.checkpoints, ["encoder"])
    plan = EncoderPlan(config.recognition, config.runtime, found["encoder"], learnt.cuts if learnt else ())
    used = {stage: describe_checkpoint(checkpoint) for stage, checkpoint in found.items()}
    encoder = None if is_shared(walks, wanted.processes) else plan.open()
    shared = plan.shared_by(wanted.processes, runtime.device(config.runtime))
    return _Subject(None, walks, encoder, shared, listed, {"evaluated": facts, "checkpoints": used})


def _learnt(wanted: Wanted) -> tuple[Wanted, Trained | None]:
    """The training that is evaluated, if one is; a --config that is a training's file is no profile then."""
    if wanted.training is not None:
        return wanted, open_training(wanted.training, wanted.iteration)
    file = wanted.profile or ""
    if not (file.endswith(YAML) and Path(file).is_file() and is_training_config(read_yaml(Path(file)))):
        return wanted, None
    if wanted.features is not None or wanted.encoder is not None:
        raise ConfigError(f"--config {file}: a training's file names the network. Leave --features and --encoder out.")
    folders = search_folders(wanted.options.checkpoints)
    return replace(wanted, profile=None, checkpoint=None), open_training_file(
        file, wanted.root, wanted.checkpoint or wanted.iteration, folders
    )


def _settings(wanted: Wanted, learnt: Trained | None) -> list[str]:
    """The options that are settings, as --set would give them, after what holds without a profile, before --set."""
    frames = learnt.evaluator.sampler.frames_all_limit if learnt else None
    chosen = [] if wanted.profile else [f"recognition.max_frames={frames or FRAMES}", "matching.metric=euclidean"]
    chosen += [f"matching.metric={METRICS[learnt.evaluator.metric]}"] if learnt else []
    if wanted.encoder is not None and wanted.checkpoint is None:
        chosen.append("recognition.checkpoint=null")  # that of the profile is another encoder's
    if load_config(wanted.profile or DEFAULT_PROFILE).recognition.mirroring == "heading":
        chosen.append("recognition.mirroring=off")  # a dataset's walks have none
    encoder = learnt.encoder if learnt else wanted.encoder
    if encoder is None and wanted.checkpoint is not None and wanted.profile is None:
        encoder = (
            resolve(wanted.checkpoint, wanted.card, search_folders(wanted.options.checkpoints)).card.model or ENCODER
        )
    named = {
        "encoder": encoder,
        "checkpoint": wanted.checkpoint,
        "card": wanted.card,
    }
    chosen += [f"recognition.{name}={json.dumps(value)}" for name, value in named.items() if value is not None]
    return [*chosen, *wanted.options.overrides]


def _metric(name: str) -> Metric:
    if name not in ("euclidean", "cosine"):
        raise ConfigError(f"--metric {name}: datasets are evaluated by euclidean or cosine distances.")
    return cast(Metric, name)


def _files(text: str | None) -> list[int] | None:
    if text is None:
        return None
    numbers = text.split(",")
    if not all(number.strip().isdecimal() for number in numbers):
        raise ConfigError(f"--files {text}: expected places such as 1,0; a folder's files count from 0, by name.")
    return [int(number) for number in numbers]


def _file(path: Path | None) -> dict[str, str] | None:
    try:
        return {"path": str(path.resolve()), "sha256": file_sha256(path)} if path else None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}).") from None


def _draw(folder: Path, answered: Answer) -> None:
    """Tables for a paper, cmc.png, views-CONDITION.png where there are tables by view, or the file for the server."""
    if tables := figures_of(answered):
        write_bytes(folder / MARKDOWN, as_markdown(tables).encode())
        write_bytes(folder / LATEX, as_latex(tables).encode())
    if answered.submission is not None:
        write_bytes(folder / SUBMISSION, answered.submission.encode())
    if answered.conditions:
        lines = {name: one.cmc for name, one in answered.conditions.items()}
        write_bytes(folder / "cmc.png", as_png(curves("Probes whose person is among the first k walks (CMC)", lines)))
    for name, one in answered.conditions.items():
        if one.tables is not None:
            views, rank1 = one.tables.views, one.tables.ranks[1]
            picture = heat_map(
                f"{name}: rank-1 in %, views of the probe down, of the gallery across", views, views, rank1
            )
            write_bytes(folder / f"views-{name}.png", as_png(picture))
