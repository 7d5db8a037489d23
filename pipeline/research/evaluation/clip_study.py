"""Labelled clips as walks: their videos followed by the main job's own stages, each clip's walk cut out and kept."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from loguru import logger
from numpy.typing import NDArray

from pipeline.config import Config
from pipeline.engine.memory import return_freed_pictures
from pipeline.engine.progress import Progress, Silent
from pipeline.engine.stream import in_portions
from pipeline.errors import InputError
from pipeline.files import file_sha256
from pipeline.inference import runtime
from pipeline.jobs.prepare import Source, described, find_checkpoints, inspect, keyed, open_networks, shown
from pipeline.profiles import as_record
from pipeline.recognition import Encoder, open_encoder
from pipeline.recognition.encoder import refuse_missing
from pipeline.research.evaluation.clip_walks import ClipFolder, walk_of_clip
from pipeline.research.evaluation.manifest import Clip
from pipeline.run import Work, follow_all, followed
from pipeline.runs.cache import Cache
from pipeline.runs.folder import RunFolder, key_of
from pipeline.runs.job import Video, plan
from pipeline.runs.record import Record
from pipeline.runs.tracks import SILHOUETTES_AT_ONCE, read_walks
from pipeline.segmentation.storage import read_sequence
from pipeline.types import Embedding, Modality

CLIPS = "clips"  # in the run folder, unless another place was given


@dataclass(frozen=True, slots=True)
class Study:
    """Clips whose walks are there: kept has them, folder and record are of the run that made them."""

    kept: ClipFolder
    folder: RunFolder
    record: Record
    bars: Progress


@contextlib.contextmanager
def studied(
    manifest: Path,
    clips: Sequence[Clip],
    config: Config,
    checkpoints: Path | None,
    sequences: Path | None,
    noted: Mapping[str, Any],
    progress: Progress | None,
) -> Iterator[Study]:
    """Follow every video of the clips, cut each clip's walk out, and keep the run's record open for what is done next.

    config: how people are found and cut out. sequences: a folder that keeps the silhouettes clip by clip; where it
    already has them, no video is looked at again. noted: what run.json tells besides.
    Raises GaitError for whatever a user can mend, before the work begins.
    """
    return_freed_pictures()
    config = config.model_copy(update={"output": config.output.model_copy(update={"silhouettes": False})})
    found = find_checkpoints(config, checkpoints)
    videos = videos_of(clips, config)
    infos = {video: inspect(video) for video in dict.fromkeys(videos.values())}
    for clip in clips:
        frames = infos[videos[clip.video]].frame_count
        if frames is not None and clip.last > frames:
            beyond = clip.first if clip.first > frames else clip.last
            raise InputError(
                f"{manifest}, line {clip.row}: {clip.video.name} has {frames} frames, none at {beyond}. "
                "Correct first and last."
            )
    sources = {video: source for source in keyed(infos, config, found) for video in [source.video]}
    kept_key = key_of([[clip.row, clip.first, clip.last, sources[videos[clip.video]].walks_key] for clip in clips])
    given = ClipFolder(sequences) if sequences else None
    known = given is not None and given.holds(kept_key)
    networks = None if known else open_networks(config, checkpoints, infos.values())

    folder = RunFolder.create(Path(config.output.folder), datetime.now())
    kept = given or ClipFolder(folder.path / CLIPS)
    how = {
        "config": as_record(config),
        "checkpoints": {stage: shown(checkpoint) for stage, checkpoint in found.items()},
    }
    folder.hide_paths_of(infos)
    facts = {
        **how,
        "manifest": {"path": manifest.name, "sha256": file_sha256(manifest)},
        **noted,
        "device": runtime.device(config.runtime),
        "inputs": {"videos": [described(source) for source in sources.values()]},
    }
    record = Record(folder, facts)
    with folder.working(), record.following():
        logger.info(f"run folder: {folder.path}")
        bars = progress or Silent()
        if networks is not None:
            cache = Cache(folder.path.resolve().parent, int(config.output.cache_gb * 1e9))
            upright = follow_all(list(sources.values()), Work(config, networks, folder, cache, record, bars))
            of_video = dict(zip(sources, upright, strict=True))
            of_path = {path: of_video[video] for path, video in videos.items()}
            for clip in clips:  # what a file claims may be more than it holds, or nothing
                seen = followed(of_path[clip.video], folder)
                if seen is not None and clip.last > seen.frames:
                    name = clip.video.name
                    record.warn(f"line {clip.row}: {name} ends after {seen.frames} frames, before its clip does")
            cut_clips(clips, of_path, folder, kept, config)
            kept.finish(kept_key, how)
        yield Study(kept, folder, record, bars)


def videos_of(clips: Sequence[Clip], config: Config) -> dict[Path, Video]:
    """Every video of the clips under its name in the run, by its path in the manifest."""
    paths = list(dict.fromkeys(clip.video for clip in clips))
    job = plan(str(paths[0]), [str(path) for path in paths]).turned(config.video.rotate)
    by_file = {Path(video.source).resolve(): video for video in job.videos}
    return {path: by_file[path.resolve()] for path in paths}


def cut_clips(
    clips: Sequence[Clip], sources: Mapping[Path, Source], folder: RunFolder, kept: ClipFolder, config: Config
) -> None:
    """Cut every clip's walk out of the tracks of its video and keep it."""
    for path, source in sources.items():
        tracks = [
            (walk.tracklet, read_sequence(folder.sequence(*walk.track), *walk.track))
            for walk in read_walks(source, folder, (Modality.SILHOUETTES,), config)
        ]
        for clip in (clip for clip in clips if clip.video == path):
            kept.add(clip, walk_of_clip(tracks, clip, (source.info.width, source.info.height)))


def open_clip_encoder(config: Config, checkpoints: Path | None) -> Encoder:
    """The encoder of these settings. Raises ConfigError for one that wants more than silhouettes."""
    found = find_checkpoints(config, checkpoints, ["encoder"])
    encoder = open_encoder(config.recognition, config.runtime, found["encoder"])
    refuse_missing(config.recognition.encoder, encoder.needs, [Modality.SILHOUETTES])  # all that is kept of a clip
    return encoder


def encode_clips(
    clips: Sequence[Clip], kept: ClipFolder, encoder: Encoder, config: Config
) -> tuple[NDArray[np.int64], list[Embedding]]:
    """Which of the clips have enough silhouettes, and the embeddings of those."""
    silhouettes = kept.silhouettes()
    rows = [row for row, clip in enumerate(clips) if silhouettes[clip.row] >= config.recognition.min_frames]
    found: list[Embedding] = []
    for some in in_portions([clips[row] for row in rows], lambda clip: silhouettes[clip.row], SILHOUETTES_AT_ONCE):
        found += encoder.encode([kept.read(clip) for clip in some])
    return np.array(rows, np.int64), found
