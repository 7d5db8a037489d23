"""Everybody in the videos of a job: tracked, segmented and embedded. The middle of every job, written once.

Each stage reads what the one before wrote into the run folder, and skips what is already there and still valid.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial

from loguru import logger

from pipeline import registry
from pipeline.engine.progress import Pace
from pipeline.engine.stream import portions
from pipeline.extraction.extract import Extracted, extract
from pipeline.extraction.processes import Task, extract_in_processes
from pipeline.extraction.stretches import DoneStretches
from pipeline.extraction.upright import look_around
from pipeline.jobs.session import Session
from pipeline.recognition.features import read_features, write_features
from pipeline.runs.folder import RunFolder
from pipeline.runs.job import Source, Video
from pipeline.runs.results import TrackSummary
from pipeline.runs.tracks import SILHOUETTES_AT_ONCE, Unusable, read_input, read_tracks, size_of, unusable_tracks
from pipeline.types import Embedding, TrackKey
from pipeline.video.source import is_file

CLUSTERS = {"ray": "pipeline.cluster.ray:extract_on_cluster"}  # runtime.cluster


@dataclass(frozen=True, slots=True)
class Analysis:
    """Everybody in some videos.

    Attributes:
        sources: The videos as they were extracted; those that lay on their side are turned.
        tracks: The tracks of each video.
        unusable: Why a track has no embedding.
        embeddings: Of all other tracks.
    """

    sources: Mapping[str, Source]
    tracks: Mapping[str, Sequence[TrackSummary]]
    unusable: Unusable
    embeddings: Mapping[TrackKey, Embedding]

    def of(self, video: str) -> list[Embedding]:
        """The embeddings of one video's tracks."""
        return [self.embeddings[track.key] for track in self.tracks[video] if track.key in self.embeddings]


def analyse(session: Session, sources: Sequence[Source]) -> Analysis:
    """Track, segment and embed everybody; what earlier runs have done is taken from the cache."""
    sources = extract_all(session, sources)
    needs = session.encoder.needs
    tracks = {
        source.name: read_tracks(source.name, source.info.fps, session.folder, needs, session.config)
        for source in sources
    }
    unusable = unusable_tracks((track for found in tracks.values() for track in found), needs, session.config)
    usable = {video: [track for track in found if track.key not in unusable] for video, found in tracks.items()}
    embed_all(session, sources, usable)
    if not session.keeps_crops:
        _drop_crops(session, sources)
    keys = [track.key for found in usable.values() for track in found]
    embeddings = {key: read_features(session.folder.features(*key), *key) for key in keys}
    return Analysis({source.name: source for source in sources}, tracks, unusable, embeddings)


def extract_all(session: Session, sources: Sequence[Source]) -> list[Source]:
    """Extract every video that is not extracted yet.

    Returns the sources; videos that lie on their side or upside down, so that nobody was found in them, are turned.
    """
    _extract_missing(session, sources)
    if session.config.video.rotate == "auto":
        upright = [_upright(session, source) for source in sources]
        _extract_missing(session, [new for new, old in zip(upright, sources, strict=True) if new is not old])
        sources = upright
    for source in sources:
        known = noted_extraction(source, session.folder)
        if known is not None:
            session.record.note(source.name, frames=known.frames, tracks=known.tracks)
            if known.warning:
                session.record.warn(known.warning)
    return list(sources)


def noted_extraction(source: Source, folder: RunFolder) -> Extracted | None:
    """What an earlier extraction of this very video, under these very settings, has noted."""
    noted = folder.done("extraction", source.name, source.tracks_key)
    return Extracted(**noted) if noted is not None else None


def embed_all(session: Session, sources: Sequence[Source], usable: Mapping[str, Sequence[TrackSummary]]) -> None:
    """Write the embedding of every usable track that has none yet. usable: by video."""
    folder, encoder = session.folder, session.encoder
    todo = [source for source in sources if not _restored(session, "features", source, source.features_key)]
    if not todo:
        return
    size = partial(size_of, needs=encoder.needs, config=session.config)
    session.bars.start("recognition", sum(len(usable[source.name]) for source in todo), "tracks")
    for source in todo:
        for some in portions(usable[source.name], size, SILHOUETTES_AT_ONCE):
            inputs = [read_input(track.key, folder, encoder.needs, session.config) for track in some]
            frames = sum(len(one.modalities[encoder.needs[0]]) for one in inputs)
            with session.record.meter.time("recognise", tracks=len(some), silhouettes=frames):
                embeddings = encoder.encode(inputs)
            for embedding in embeddings:
                write_features(folder.features(source.name, embedding.track_id), embedding)
            session.bars.advance("recognition", len(some))
        _keep(session, "features", source, source.features_key)
    session.bars.finish("recognition")


def _restored(session: Session, stage: str, source: Source, key: str) -> bool:
    """Whether a stage's results of a video are there already, or could be taken from an earlier run."""
    folder = session.folder
    if folder.done(stage, source.name, key) is not None:
        return True
    if stage == "extraction" and DoneStretches(folder, source.name, key).any():
        return False
    folder.clear(stage, source.name)
    if not source.sha256:  # a camera or a stream
        return False
    noted = session.cache.restore(stage, key, folder.made_by(stage, source.name))
    if noted is None:
        return False
    folder.mark_done(stage, source.name, key, **noted)
    return True


def _keep(session: Session, stage: str, source: Source, key: str, found: Extracted | None = None) -> None:
    """Note that a stage is done with a video, and let later runs have its results."""
    noted = asdict(found) if found else {}
    session.folder.mark_done(stage, source.name, key, **noted)
    if source.sha256 and (session.keeps_crops or stage != "extraction"):
        session.cache.store(stage, key, session.folder.made_by(stage, source.name), **noted)


def _drop_crops(session: Session, sources: Sequence[Source]) -> None:
    """Remove the pictures of people, which everybody's embedding is made of by now."""
    noted = [(source, noted_extraction(source, session.folder)) for source in sources]
    session.folder.remove(session.folder.path / "crops")
    for source, known in noted:
        if known is not None:
            session.folder.mark_done("extraction", source.name, source.tracks_key, **asdict(known))


def _extract_missing(session: Session, sources: Sequence[Source]) -> None:
    todo = []
    for source in sources:
        if noted_extraction(source, session.folder) is not None:
            continue
        if _restored(session, "extraction", source, source.tracks_key):
            logger.info(f"{source.name}: tracks and silhouettes taken from an earlier run")
            session.record.note(source.name, reused=True)
        else:
            todo.append(source)
    if not todo:
        return
    lengths = [source.info.frame_count for source in todo]
    session.bars.start("tracking", sum(n or 0 for n in lengths) if all(lengths) else None, "frames")
    session.bars.start("segmentation", None, "crops")
    of = {source.video: source for source in todo}
    keys = {source.name: source.tracks_key for source in todo if source.sha256}
    pace = Pace([source.info.duration_s for source in todo])
    for video, found in _extractions(session, list(of), keys):
        if len(todo) > 1:
            seconds = found.frames / of[video].info.fps
            logger.success(f"{video.name}: {pace.after(found.frames, seconds)}")
        _keep(session, "extraction", of[video], of[video].tracks_key, found)
        session.record.write()
    session.bars.finish("tracking")
    session.bars.finish("segmentation")


def _extractions(
    session: Session, videos: Sequence[Video], keys: Mapping[str, str]
) -> Iterator[tuple[Video, Extracted]]:
    """Extract video after video here, several at a time in processes of their own, or on a cluster."""
    settings, bars = session.config.runtime, session.bars
    workers = min(settings.workers, len(videos))
    if workers <= 1 and settings.cluster == "local":
        for video in videos:
            yield video, extract(video, replace(session.extraction, keys=keys))
        return
    task = Task(session.config, session.checkpoints, session.folder.path, keys)
    if settings.cluster == "local":
        extractions = extract_in_processes(videos, task, workers)
    else:
        extractions = registry.load(CLUSTERS, settings.cluster, "runtime.cluster")(videos, task, settings.address)
    for video, found, stages in extractions:
        session.record.meter.merge(stages)
        bars.advance("tracking", found.frames)
        bars.advance("segmentation", int(stages.get("segment", {}).get("crops", 0)))
        yield video, found


def _upright(session: Session, source: Source) -> Source:
    """The source, turned where nobody was found in it as it is, but people are there when it is turned."""
    known = noted_extraction(source, session.folder)
    if known is None or known.tracks or not is_file(source.video.source):
        return source
    turn = look_around(source.video, session.networks.detector, session.config.tracking).turn
    if not turn:
        return source
    video = replace(source.video, turn=(source.video.turn + turn) % 360)
    turned = session.source(video, video.inspect())
    lies = "is upside down" if turn == 180 else "lies on its side"
    session.record.warn(f"{source.name}: the picture {lies}; turned by {turn}° clockwise (--rotate 0 leaves it)")
    session.record.note(source.name, **turned.as_json())
    return turned
