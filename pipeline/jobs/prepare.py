"""Before the work starts: networks found and loaded, videos opened once, and what is known of both written down.

Everything that can be refused is refused here, before a run folder is made.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline import __version__
from pipeline.config import Config
from pipeline.errors import InputError
from pipeline.extraction.extract import needs_foreground
from pipeline.inference import runtime
from pipeline.pose import PoseEstimator, open_estimator
from pipeline.profiles import as_record
from pipeline.recognition import Encoder, needs_of, open_encoder
from pipeline.recognition.encoder import refuse_missing
from pipeline.runs.folder import key_of
from pipeline.runs.job import Job, Video, fingerprint
from pipeline.segmentation import Segmenter, open_segmenter
from pipeline.tracking import Detector, open_detector, open_tracker
from pipeline.types import FROM_POSES, Modality, from_poses
from pipeline.video import VideoInfo
from pipeline.video.source import is_file
from pipeline.weights.cards import Stage
from pipeline.weights.checkpoints import Checkpoint, resolve, search_folders

PRODUCED = (Modality.SILHOUETTES, *FROM_POSES)  # what the stages before the encoder can make of a video
WHEREABOUTS = ("threads", "workers", "cluster", "address")  # settings of the runtime that results do not depend on
WALKS_FORMAT = 3  # of stored tracks and silhouettes; 2: sequences know their heading; 3: in square pixels
SIZES_WARMED = 2  # networks are compiled for a picture size in advance for so many of them; others when they come


@dataclass(frozen=True, slots=True)
class Networks:
    """The loaded backends, and the checkpoints behind them (None where one needs no weights)."""

    detector: Detector
    segmenter: Segmenter
    encoder: Encoder
    estimator: PoseEstimator | None  # of poses, where the encoder looks at them or they are asked for
    checkpoints: Mapping[str, Checkpoint | None]


@dataclass(frozen=True, slots=True)
class Source:
    """A video of the job: what is known of it before the work starts, and the keys of what its results depend on."""

    video: Video
    info: VideoInfo
    sha256: str
    walks_key: str  # of its tracks and silhouettes
    features_key: str  # of its embeddings

    @property
    def name(self) -> str:
        return self.video.name


def readable(job: Job) -> tuple[Job, dict[Video, VideoInfo], dict[Video, str]]:
    """Open every video once: the job without the probes that cannot be read, the videos' measures, and what is wrong.

    Raises InputError for the gallery, and when no probe is left.
    """
    infos, problems = {job.gallery: inspect(job.gallery)}, dict[Video, InputError]()
    for probe in job.probes:
        try:
            if probe not in infos:
                infos[probe] = inspect(probe)
        except InputError as error:
            problems[probe] = error
    probes = tuple(probe for probe in job.probes if probe in infos)
    if not probes:
        raise next(iter(problems.values()))
    return Job(job.gallery, probes), infos, {video: str(problem) for video, problem in problems.items()}


def inspect(video: Video) -> VideoInfo:
    """What a video says of itself, its first frame decoded. Raises InputError."""
    with video.open() as opened:
        return opened.info


def stages_of(config: Config) -> tuple[Stage, ...]:
    """The stages of a run that may have weights, in the order of the work."""
    poses = config.pose.always or from_poses(needs_of(config.recognition))
    return ("detector", "segmenter", "pose", "encoder") if poses else ("detector", "segmenter", "encoder")


def checkpoints_of(config: Config) -> list[str]:
    """The checkpoints that a run asks for, in the order of its stages."""
    return [name for stage in stages_of(config) for name, _ in _named(config, stage) if name]


def find_checkpoints(
    config: Config, checkpoints: Path | None, stages: Iterable[Stage] = ("detector", "segmenter", "encoder")
) -> dict[str, Checkpoint | None]:
    """The verified checkpoints that the configuration names, by stage; None where a stage needs no weights.

    Where encoders are fused, those after the first are "encoder2", "encoder3" and so on.
    """
    folders = search_folders(checkpoints)
    found: dict[str, Checkpoint | None] = {}
    for stage in stages:
        for number, (name, card) in enumerate(_named(config, stage), start=1):
            key = stage if number == 1 else f"{stage}{number}"
            found[key] = resolve(name, card, folders, stage=stage) if name else None
    return found


def _named(config: Config, stage: Stage) -> Sequence[tuple[str | None, str | None]]:
    """The checkpoint and the card that a stage's settings name; several where encoders are fused."""
    if stage == "encoder":
        return [(one.checkpoint, one.card) for one in config.recognition.each()]
    of_others: Mapping[Stage, tuple[str | None, str | None]] = {
        "detector": (config.tracking.checkpoint, config.tracking.card),
        "segmenter": (config.segmentation.checkpoint, config.segmentation.card),
        "pose": (config.pose.checkpoint, config.pose.card),
    }
    return [of_others[stage]]


def of_encoders(checkpoints: Mapping[str, Checkpoint | None]) -> list[Checkpoint | None]:
    """The checkpoints of the encoders, as `open_encoder` takes them."""
    return [found for key, found in checkpoints.items() if key.startswith("encoder")]


def open_networks(config: Config, checkpoints: Path | None, videos: Iterable[VideoInfo] = ()) -> Networks:
    """Find, verify and load every network that the configuration names, ready for pictures of the videos' sizes.

    The three stages are loaded side by side.
    """
    tracking, segmentation, recognition = config.tracking, config.segmentation, config.recognition
    open_tracker(tracking, 25.0)  # each video gets its own; a wrong name is refused now
    found = find_checkpoints(config, checkpoints, stages_of(config))

    def warm_detector() -> Detector:
        detector = open_detector(tracking, config.runtime, found["detector"])
        for height, width in sorted({(info.height, info.width) for info in videos})[:SIZES_WARMED]:
            detector.warm(height, width)
        return detector

    def fitting_encoder() -> Encoder:
        encoder = open_encoder(recognition, config.runtime, *of_encoders(found))
        names = " and ".join(one.encoder for one in recognition.each())
        refuse_missing(f"recognition.encoder={names}", encoder.needs, PRODUCED)
        return encoder

    with ThreadPoolExecutor() as pool:
        detector = pool.submit(warm_detector)
        segmenter = pool.submit(open_segmenter, segmentation, config.runtime, found["segmenter"])
        encoder = pool.submit(fitting_encoder)
        opened = encoder.result()
        estimator = None
        if "pose" in found:
            estimator = open_estimator(config.pose, config.runtime, found["pose"])
        return Networks(detector.result(), segmenter.result(), opened, estimator, found)


def refuse_streams(videos: Iterable[Video], networks: Networks) -> None:
    """Raise InputError for a camera or a stream where a video is seen twice, the first time to its end."""
    if not needs_foreground(networks.detector, networks.segmenter):
        return
    for video in videos:
        if not is_file(video.source):
            raise InputError(
                f"{video.name}: a background is learnt from a whole video before it is searched, which a camera or a "
                "stream does not allow. Record it to a file first, or choose a profile with networks, such as light."
            )


def keyed(
    infos: Mapping[Video, VideoInfo], config: Config, checkpoints: Mapping[str, Checkpoint | None]
) -> list[Source]:
    """The videos with the keys of what their results depend on."""
    settings = as_record(config)
    weights = {stage: found.sha256 if found else "" for stage, found in checkpoints.items()}
    how = {name: value for name, value in settings["runtime"].items() if name not in WHEREABOUTS}
    sources = []
    for video, info in infos.items():
        sha256 = fingerprint(video)
        walks = [
            __version__,
            WALKS_FORMAT,
            sha256,
            video.turn,
            config.output.silhouettes,
            settings["background"],
            settings["tracking"],
            settings["segmentation"],
            how,
        ]
        walks += [weights["detector"], weights["segmenter"]]
        if "pose" in weights:
            walks += [settings["pose"], weights["pose"]]
        encoders = [weights[key] for key in weights if key.startswith("encoder")]
        features = [*walks, settings["recognition"], *encoders]
        sources.append(Source(video, info, sha256, key_of(walks), key_of(features)))
    return sources


def facts(
    job: Job, config: Config, networks: Networks, sources: Sequence[Source], unreadable: Mapping[Video, str]
) -> dict[str, Any]:
    """What run.json says of the settings, the weights and the inputs."""
    inputs = {source.name: described(source) for source in sources}
    return {
        "config": as_record(config),
        "device": runtime.device(config.runtime),
        "checkpoints": {stage: shown(found) for stage, found in networks.checkpoints.items()},
        "inputs": {"gallery": inputs[job.gallery.name], "probes": [inputs[probe.name] for probe in job.probes]},
        "unreadable": [
            {"name": video.name, "path": video.file, "problem": problem} for video, problem in unreadable.items()
        ],
    }


def cautions(checkpoints: Mapping[str, Checkpoint | None]) -> list[str]:
    """A line for each card that warns of its weights, and for each file that is not the one its card describes."""
    used = [found for found in checkpoints.values() if found is not None]
    warned = [f"{found.path.name}: {found.card.warning}" for found in used if found.card.warning]
    return warned + [
        f"{found.path.name}: not the published {found.card.name} (its sha256 differs): results say nothing of that one"
        for found in used
        if found.card.sha256 is not None and found.sha256 != found.card.sha256
    ]


def shown(found: Checkpoint | None) -> dict[str, str] | None:
    """A checkpoint as run.json names it."""
    return {"name": found.card.name, "file": found.path.name, "sha256": found.sha256} if found else None


def described(source: Source) -> dict[str, Any]:
    """A video as run.json describes it."""
    info = source.info
    return {
        "name": source.name,
        "path": source.video.file,
        "sha256": source.sha256,
        "frames": info.frame_count,
        "fps": round(info.fps, 6),
        "size": [info.width, info.height],
        "rotation": info.rotation,
        "turn": source.video.turn,
        "codec": info.codec,
    }
