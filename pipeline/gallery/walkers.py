"""Everybody in some videos, through the main job's own stages: followed, cut out and embedded in a run folder."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from loguru import logger

from pipeline.config import Config
from pipeline.drawing.annotate import Label
from pipeline.engine.memory import return_freed_pictures
from pipeline.engine.progress import Progress, Silent
from pipeline.errors import GalleryError
from pipeline.gallery.template import Stored
from pipeline.jobs.draw import Drawing, draw
from pipeline.jobs.portraits import portraits_taken, wanted_portraits
from pipeline.jobs.prepare import (
    Networks,
    Source,
    cautions,
    facts,
    inspect,
    keyed,
    open_networks,
    refuse_streams,
)
from pipeline.recognition import Encoder
from pipeline.recognition.features import read_features
from pipeline.run import Walks, Work, embed_all, follow_all, followed
from pipeline.runs.cache import Cache
from pipeline.runs.folder import RunFolder
from pipeline.runs.job import Job, plan
from pipeline.runs.record import Record
from pipeline.runs.tracks import Unusable, find_unusable, read_walks
from pipeline.types import Embedding


@dataclass(frozen=True, slots=True)
class Prepared:
    """Videos and networks that can be used; nothing has been written yet."""

    job: Job
    config: Config
    networks: Networks
    sources: Sequence[Source]

    @property
    def encoder(self) -> Encoder:
        return self.networks.encoder

    def begin(self, progress: Progress | None) -> Work:
        """Make the run folder and what the stages work with."""
        config = self.config
        folder = RunFolder.create(Path(config.output.folder), datetime.now())
        folder.hide_paths_of(self.job.videos)
        record = Record(folder, facts(self.job, config, self.networks, self.sources, {}))
        cache = Cache(folder.path.resolve().parent, int(config.output.cache_gb * 1e9))
        return Work(config, self.networks, folder, cache, record, progress or Silent())


@dataclass(frozen=True, slots=True)
class Walkers:
    """Everybody in the videos. embeddings: by (video, track), of those who can be recognised; unusable: why not.

    sources: the videos as they were followed, turned where they lie on their side.
    """

    sources: Sequence[Source]
    walks: Walks
    unusable: Unusable
    embeddings: Mapping[tuple[str, int], Embedding]


def prepare(videos: Sequence[str], config: Config, checkpoints: Path | None) -> Prepared:
    """Open the videos and the networks. Raises GaitError for whatever a user can mend."""
    return_freed_pictures()
    job = plan(videos[0], videos)
    job = Job(job.gallery, tuple(video for video in job.probes if video != job.gallery)).turned(config.video.rotate)
    infos = {video: inspect(video) for video in job.videos}
    networks = open_networks(config, checkpoints, infos.values())
    refuse_streams(infos, networks)
    return Prepared(job, config, networks, keyed(infos, config, networks.checkpoints))


def look_at(prepared: Prepared, work: Work) -> Walkers:
    """Follow, cut out and embed everybody, as `gait run` does; results of earlier runs are taken from the cache."""
    sources, config, folder = prepared.sources, prepared.config, work.folder
    for line in (f"run folder: {folder.path}", *prepared.job.namesakes):
        logger.info(line)
    for problem in cautions(prepared.networks.checkpoints):
        work.record.warn(problem)
    sources = follow_all(sources, work)
    needs = prepared.encoder.needs
    walks = {source.name: read_walks(source, folder, needs, config) for source in sources}
    unusable = find_unusable(walks, needs, config)
    embed_all(sources, walks, unusable, work)
    tracks = [walk.track for video in walks.values() for walk in video if walk.track not in unusable]
    return Walkers(
        sources, walks, unusable, {track: read_features(folder.features(*track), *track) for track in tracks}
    )


def path_from(gallery: Path, folder: RunFolder) -> str:
    """The run folder as a gallery's templates name it: relative to the gallery, so that no path of the machine is."""
    return os.path.relpath(folder.path.resolve(), gallery.resolve()).encode("utf-8", "replace").decode()


def stored_walk(track: tuple[str, int], folder: RunFolder) -> Stored:
    """What a walk can be embedded from anew, as it lies in the run folder."""
    poses = folder.poses(*track)
    return Stored(folder.sequence(*track).read_bytes(), poses.read_bytes() if poses.is_file() else b"")


def draw_videos(prepared: Prepared, walkers: Walkers, labels: Mapping[str, Mapping[int, Label]], work: Work) -> None:
    """One annotated video for each: the stored tracks with the labels of its tracks."""
    if not prepared.config.output.videos:
        return
    drawings = []
    for source in walkers.sources:
        known = followed(source, work.folder)
        tracklets = [walk.tracklet for walk in walkers.walks[source.name]]
        path = work.folder.gallery_video(source.name)
        frames = known.frames if known else 0
        portraits = None
        if prepared.config.output.report:
            portraits = wanted_portraits(source, walkers.walks[source.name], work.folder, prepared.config)
        drawings.append(Drawing(path, source.video, frames, tracklets, labels[source.name], portraits))
    of = {drawing.path: source for drawing, source in zip(drawings, walkers.sources, strict=True)}

    def done(drawing: Drawing) -> None:
        if drawing.portraits is not None:
            portraits_taken(of[drawing.path], work.folder, prepared.config)

    draw(drawings, prepared.config, work.record.meter, work.bars, done)


def refuse_other_encoder(encoder: Encoder, origins: Iterable[tuple[str, str]], gallery: Path, profile: str) -> None:
    """Raise GalleryError where the gallery's embeddings are of another encoder or checkpoint than this one.

    origins: as in `Template`, of the gallery's templates.
    """
    for origin in origins:
        if origin != (encoder.model, encoder.checkpoint_sha256):
            theirs, ours = _described(*origin), _described(encoder.model, encoder.checkpoint_sha256)
            raise GalleryError(
                f"{gallery}: its embeddings are of {theirs}, these are of {ours}, and the two cannot be compared. "
                f"Use the settings it was made with, or embed its stored silhouettes anew: "
                f"gait gallery reenrol --db {gallery} --config {profile}"
            )


def _described(model: str, checkpoint_sha256: str) -> str:
    return f"{model} (checkpoint {checkpoint_sha256[:12]})" if checkpoint_sha256 else f"{model} (no checkpoint)"
