"""Before the work starts: networks found and loaded, videos opened once, and what is known of both written down.

Everything that can be refused is refused here, before a run folder is made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline import __version__
from pipeline.config import Config, as_record
from pipeline.engine.job import Job, Video, fingerprint
from pipeline.engine.runfolder import key_of
from pipeline.errors import InputError
from pipeline.networks import runtime
from pipeline.networks.cards import Stage
from pipeline.networks.checkpoints import Checkpoint, resolve, search_folders
from pipeline.recognition import Encoder, open_encoder
from pipeline.segmentation import Segmenter, open_segmenter
from pipeline.tracking import Detector, open_detector, open_tracker
from pipeline.video import VideoInfo, open_video


@dataclass(frozen=True, slots=True)
class Networks:
    """The loaded backends, and the checkpoints behind them (None where one needs no weights)."""

    detector: Detector
    segmenter: Segmenter
    encoder: Encoder
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


def open_networks(config: Config, checkpoints: Path | None) -> Networks:
    """Find, verify and load every network that the configuration names; the three stages side by side."""
    folders = search_folders(checkpoints)

    def find(stage: Stage, name: str | None, card: str | None) -> Checkpoint | None:
        return resolve(name, card, folders, stage=stage) if name else None

    detector, segmenter, encoder = config.tracking, config.segmentation, config.recognition
    open_tracker(detector, 25.0)  # each video gets its own; a wrong name is refused now
    found = {
        "detector": find("detector", detector.checkpoint, detector.card),
        "segmenter": find("segmenter", segmenter.checkpoint, segmenter.card),
        "encoder": find("encoder", encoder.checkpoint, encoder.card),
    }
    with ThreadPoolExecutor() as pool:
        opened = (
            pool.submit(open_detector, detector, config.runtime, found["detector"]),
            pool.submit(open_segmenter, segmenter, config.runtime, found["segmenter"]),
            pool.submit(open_encoder, encoder, config.runtime, found["encoder"]),
        )
        return Networks(opened[0].result(), opened[1].result(), opened[2].result(), found)


def readable(job: Job, config: Config, networks: Networks) -> tuple[Job, list[Source], list[str]]:
    """The job without the probes that cannot be read, its sources, and why the others cannot.

    Raises InputError for the gallery, and when no probe is left.
    """
    gallery = inspect(job.gallery, config, networks)
    sources, problems = {job.gallery: gallery}, list[InputError]()
    for probe in job.probes:
        try:
            sources.setdefault(probe, gallery if probe == job.gallery else inspect(probe, config, networks))
        except InputError as error:
            problems.append(error)
    probes = tuple(probe for probe in job.probes if probe in sources)
    if not probes:
        raise problems[0]
    return Job(job.gallery, probes), list(sources.values()), [str(problem) for problem in problems]


def inspect(video: Video, config: Config, networks: Networks) -> Source:
    """Open the video once, to see that it can be read and to take its measure. Raises InputError."""
    with open_video(video.source, video.name) as opened:
        info = opened.info
    sha256 = fingerprint(video)
    settings = as_record(config)
    weights = {stage: found.sha256 if found else "" for stage, found in networks.checkpoints.items()}
    walks = [__version__, sha256, config.output.silhouettes]
    how = {name: value for name, value in settings["runtime"].items() if name not in ("threads", "workers")}
    walks += [settings["tracking"], settings["segmentation"], how, weights["detector"], weights["segmenter"]]
    features = [*walks, settings["recognition"], weights["encoder"]]
    return Source(video, info, sha256, key_of(walks), key_of(features))


def facts(
    job: Job, config: Config, networks: Networks, sources: Sequence[Source], unreadable: Sequence[str]
) -> dict[str, Any]:
    """What run.json says of the settings, the weights and the inputs."""
    inputs = {source.name: _input(source) for source in sources}
    return {
        "config": as_record(config),
        "device": runtime.device(config.runtime),
        "checkpoints": {
            stage: {"name": found.card.name, "file": found.path.name, "sha256": found.sha256} if found else None
            for stage, found in networks.checkpoints.items()
        },
        "inputs": {"gallery": inputs[job.gallery.name], "probes": [inputs[probe.name] for probe in job.probes]},
        "unreadable": list(unreadable),
    }


def _input(source: Source) -> dict[str, Any]:
    info = source.info
    return {
        "name": source.name,
        "path": source.video.absolute,
        "sha256": source.sha256,
        "frames": info.frame_count,
        "fps": round(info.fps, 6),
        "size": [info.width, info.height],
        "rotation": info.rotation,
        "codec": info.codec,
    }
