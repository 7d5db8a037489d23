"""The networks of a job: which checkpoints it needs, found and verified, and the networks that extraction runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from pipeline.config import SEGMENTER, Config, PoseConfig, RecognitionConfig, SegmentationConfig, TrackingConfig
from pipeline.errors import ConfigError
from pipeline.pose import PoseEstimator, open_estimator
from pipeline.recognition import Encoder, enough_of, needs_of, open_encoder
from pipeline.recognition.encoder import refuse_missing
from pipeline.segmentation import Segmenter, open_segmenter
from pipeline.tracking import Detector, open_detector
from pipeline.types import FROM_CROPS, FROM_POSES, Modality, from_crops, from_poses
from pipeline.video import VideoInfo
from pipeline.weights.cards import Stage
from pipeline.weights.checkpoints import Card, Checkpoint, cards, locate, resolve, search_folders

PRODUCED = (Modality.SILHOUETTES, *FROM_POSES, *FROM_CROPS)  # what extraction makes of a video
SIZES_WARMED = 2  # networks are compiled in advance for so many picture sizes; for others when they come

Checkpoints = Mapping[str, Checkpoint | None]  # by stage; None where a stage needs no weights


@dataclass(frozen=True, slots=True)
class Networks:
    """The loaded networks of extraction. estimator: of poses; None where nobody wants any or the segmenter does it."""

    detector: Detector
    segmenter: Segmenter
    estimator: PoseEstimator | None

    @property
    def need_foreground(self) -> bool:
        """Whether a video can only be extracted once its background is known."""
        return "foreground" in (self.detector.looks_at, self.segmenter.view.looks_at)


def wants_poses(config: Config) -> bool:
    """Whether extraction finds joints: for the encoder, or because the settings say so."""
    return config.pose.always or from_poses(needs_of(config.recognition))


def enough_silhouettes(config: Config) -> int | None:
    """How many usable silhouettes of a track are wanted; None for all."""
    if config.segmentation.enough != "auto":
        return None if config.segmentation.enough == "all" else config.segmentation.enough
    return None if wants_poses(config) else enough_of(config.recognition)


def wants_crops(config: Config) -> bool:
    """Whether extraction keeps crops in colour, which are pictures of people: only where the encoder looks at them."""
    return from_crops(needs_of(config.recognition))


def stages_of(config: Config) -> tuple[Stage, ...]:
    """The stages of a run that may have weights, in the order of the work."""
    estimator = wants_poses(config) and config.pose.estimator != SEGMENTER
    return ("detector", "segmenter", "pose", "encoder") if estimator else ("detector", "segmenter", "encoder")


def checkpoints_of(config: Config) -> list[str]:
    """The names of the checkpoints that a run needs, in the order of its stages."""
    return [name for stage in stages_of(config) if (name := _named(config, stage)[0])]


def missing_cards(config: Config, checkpoints: Path | None) -> list[Card]:
    """The cards of the checkpoints that a run needs and that lie in no folder that is searched."""
    folders = search_folders(checkpoints)
    table = cards(folders, {})
    return [table[name] for name in checkpoints_of(config) if name in table and not locate(table[name], folders)]


def find_checkpoints(
    config: Config, checkpoints: Path | None, stages: Iterable[Stage] = ("detector", "segmenter", "encoder")
) -> dict[str, Checkpoint | None]:
    """The verified checkpoints that the configuration names, by stage; None where a stage needs no weights.

    Raises:
        CheckpointError: One is missing, damaged, or of another stage.
    """
    folders = search_folders(checkpoints)
    named = {stage: _named(config, stage) for stage in stages}
    model = {"encoder": config.recognition.encoder}
    return {
        stage: resolve(name, card, folders, stage=stage, model=model.get(stage)) if name else None
        for stage, (name, card) in named.items()
    }


def _named(config: Config, stage: Stage) -> tuple[str | None, str | None]:
    """The checkpoint and the card that a stage's settings name."""
    settings: Mapping[Stage, TrackingConfig | SegmentationConfig | PoseConfig | RecognitionConfig] = {
        "detector": config.tracking,
        "segmenter": config.segmentation,
        "pose": config.pose,
        "encoder": config.recognition,
    }
    return settings[stage].checkpoint, settings[stage].card


def open_networks(config: Config, found: Checkpoints, videos: Iterable[VideoInfo] = ()) -> Networks:
    """Load the networks of extraction side by side, compiled for pictures of the videos' sizes.

    Raises:
        CheckpointError: A checkpoint is not one that its stage reads.
        ConfigError: Joints are wanted of a segmenter that finds none, or a name is not listed.
    """
    sizes = sorted({(info.height, info.width) for info in videos})[:SIZES_WARMED]
    with ThreadPoolExecutor() as pool:
        segmenter = pool.submit(open_segmenter, config.segmentation, config.runtime, found["segmenter"])
        detector = open_detector(config.tracking, config.runtime, found["detector"])
        warmed = [pool.submit(detector.warm, *size) for size in sizes]
        estimator = None
        if "pose" in found:
            estimator = open_estimator(config.pose, config.runtime, found["pose"])
        for size in warmed:
            size.result()
        networks = Networks(detector, segmenter.result(), estimator)
    if wants_poses(config) and estimator is None and not networks.segmenter.finds_joints:
        raise ConfigError(
            "pose.estimator=segmenter: this segmenter finds no joints. Set pose.estimator=movenet, or "
            "segmentation.checkpoint=mediapipe_pose_full."
        )
    return networks


def open_fitting_encoder(config: Config, found: Checkpoints, there: Iterable[Modality] = PRODUCED) -> Encoder:
    """The encoder of the settings. Raises ConfigError where it needs a modality that is not `there`."""
    encoder = open_encoder(config.recognition, config.runtime, found["encoder"])
    refuse_missing(f"recognition.encoder={config.recognition.encoder}", encoder.needs, there)
    return encoder


def describe_checkpoint(found: Checkpoint | None) -> dict[str, str] | None:
    """A checkpoint as run.json names it."""
    return {"name": found.card.name, "file": found.path.name, "sha256": found.sha256} if found else None
