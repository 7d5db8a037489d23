"""Labelled clips: their videos are extracted as in the main job, and each clip's silhouettes and poses are kept."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.config import Config
from pipeline.engine.progress import Progress
from pipeline.engine.stream import portions
from pipeline.errors import ConfigError, InputError
from pipeline.extraction.networks import describe_checkpoint, find_checkpoints, open_fitting_encoder, wants_poses
from pipeline.files import file_sha256
from pipeline.jobs.analyse import extract_all, noted_extraction
from pipeline.jobs.session import Session
from pipeline.pose.storage import read_poses
from pipeline.profiles import as_record
from pipeline.recognition import Encoder, needs_of
from pipeline.research.evaluation.clip_walks import ClipFolder, crop_poses, sequence_of_clip
from pipeline.research.evaluation.manifest import Clip
from pipeline.runs.folder import key_of
from pipeline.runs.job import Source, Video, plan
from pipeline.runs.tracks import SILHOUETTES_AT_ONCE, read_tracks
from pipeline.segmentation.storage import read_sequence
from pipeline.types import FROM_POSES, Embedding, Modality, from_crops

CLIPS = "clips"  # in the run folder, unless another place was given


@dataclass(frozen=True, slots=True)
class Study:
    """Clips whose silhouettes are there: kept has them; session is the run that made them."""

    kept: ClipFolder
    session: Session


@contextlib.contextmanager
def clip_study(
    manifest: Path,
    clips: Sequence[Clip],
    session: Session,
    sequences: Path | None,
    facts: Mapping[str, Any],
) -> Iterator[Study]:
    """Extract every video of the clips, crop each clip, and keep the run's record open for what is done next.

    Args:
        manifest: The table of clips.
        clips: Its rows.
        session: Of the clips' videos (`open_study`).
        sequences: A folder that keeps the silhouettes clip by clip; where it already has them, no video is read again.
        facts: What run.json says besides.

    Raises:
        GaitError: Whatever a user can mend, before the work begins.
    """
    videos, config = videos_of(clips, session.config), session.config
    for clip in clips:
        frames = session.videos[videos[clip.video]].frame_count
        if frames is not None and clip.last > frames:
            beyond = clip.first if clip.first > frames else clip.last
            raise InputError(
                f"{manifest}, line {clip.row}: {clip.video.name} has {frames} frames, none at {beyond}. "
                "Correct first and last."
            )
    sources = {video: session.source(video) for video in session.videos}
    kept_key = key_of([[clip.row, clip.first, clip.last, sources[videos[clip.video]].tracks_key] for clip in clips])
    given = ClipFolder(sequences) if sequences else None
    known = given is not None and given.holds(kept_key)
    if not known:
        session.load()
    how = {
        "config": as_record(config),
        "checkpoints": {stage: describe_checkpoint(found) for stage, found in session.checkpoints.items()},
    }
    table = {"path": manifest.name, "sha256": file_sha256(manifest)}
    with session.working(list(sources.values()), {"videos": list(sources)}, manifest=table, **facts):
        kept = given or ClipFolder(session.folder.path / CLIPS)
        if not known:
            upright = dict(zip(sources, extract_all(session, list(sources.values())), strict=True))
            of_path = {path: upright[video] for path, video in videos.items()}
            for clip in clips:  # what a file claims may be more than it holds, or nothing
                seen = noted_extraction(of_path[clip.video], session.folder)
                if seen is not None and clip.last > seen.frames:
                    name = clip.video.name
                    session.record.warn(
                        f"line {clip.row}: {name} ends after {seen.frames} frames, before its clip does"
                    )
            crop_clips(clips, of_path, session, kept)
            kept.finish(kept_key, how)
        yield Study(kept, session)


def open_study(
    clips: Sequence[Clip], config: Config, checkpoints: Path | None, progress: Progress | None = None
) -> Session:
    """A session of the clips' videos, whose networks are loaded when they are needed. Raises GaitError."""
    config = config.model_copy(update={"output": config.output.model_copy(update={"silhouettes": False})})
    videos = dict.fromkeys(videos_of(clips, config).values())
    return Session.open({video: video.inspect() for video in videos}, config, checkpoints, progress, load=False)


def videos_of(clips: Sequence[Clip], config: Config) -> dict[Path, Video]:
    """Every video of the clips under its name in the run, by its path in the manifest."""
    paths = list(dict.fromkeys(clip.video for clip in clips))
    job = plan(str(paths[0]), [str(path) for path in paths]).turned(config.video.rotate)
    by_file = {Path(video.source).resolve(): video for video in job.videos}
    return {path: by_file[path.resolve()] for path in paths}


def crop_clips(clips: Sequence[Clip], sources: Mapping[Path, Source], session: Session, kept: ClipFolder) -> None:
    """Keep of every clip the silhouettes, and the poses if there are any, of the track that is meant."""
    folder = session.folder
    for path, source in sources.items():
        tracks = [
            (track.tracklet, read_sequence(folder.sequence(*track.key), *track.key))
            for track in read_tracks(source.name, source.info.fps, folder, (Modality.SILHOUETTES,), session.config)
        ]
        for clip in (clip for clip in clips if clip.video == path):
            walk, poses = sequence_of_clip(tracks, clip, (source.info.width, source.info.height)), None
            if walk is not None and wants_poses(session.config):
                key = source.name, walk.track_id
                poses = crop_poses(read_poses(folder.poses(*key), *key), clip)
            kept.add(clip, walk, poses)


def open_clip_encoder(config: Config, checkpoints: Path | None, kept: Config) -> Encoder:
    """The encoder of these settings, for what extraction under the settings `kept` leaves of a clip.

    Raises:
        ConfigError: It needs something else.
    """
    if from_crops(needs_of(config.recognition)):
        raise ConfigError(
            f"recognition.encoder={config.recognition.encoder} looks at pictures of people, and of labelled clips none "
            "are kept. Choose an encoder for silhouettes or joints."
        )
    found = find_checkpoints(config, checkpoints, ["encoder"])
    there = (Modality.SILHOUETTES, *(FROM_POSES if wants_poses(kept) else ()))
    return open_fitting_encoder(config, found, there)


def encode_clips(
    clips: Sequence[Clip], kept: ClipFolder, encoder: Encoder, config: Config
) -> tuple[NDArray[np.int64], list[Embedding]]:
    """Which of the clips have enough frames with what the encoder needs, and the embeddings of those."""
    frames = kept.usable(clips, encoder.needs, config)
    rows = [row for row, count in enumerate(frames) if count >= config.recognition.min_frames]
    found: list[Embedding] = []
    for some in portions(rows, lambda row: frames[row], SILHOUETTES_AT_ONCE):
        found += encoder.encode([kept.read(clips[row], encoder.needs, config) for row in some])
    return np.array(rows, np.int64), found
