"""The main job. Read `run` from top to bottom: it is the whole program.

    follow   frames → detections → tracks → silhouettes          (one pass over each video)
    embed    silhouettes → gait embeddings
    match    probe embeddings against the gallery's → names
    draw     frames + stored tracks + names → annotated videos   (a second pass)
    report   all of it, to look at → report.html

Each stage reads what the one before wrote into the run folder, and skips what is already there and still valid.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, astuple, dataclass, replace
from datetime import datetime
from pathlib import Path

from loguru import logger

from pipeline.config import Config
from pipeline.engine.memory import return_freed_pictures
from pipeline.engine.progress import Progress, Silent
from pipeline.engine.stream import in_portions
from pipeline.extraction.extract import Followed, follow
from pipeline.extraction.processes import Task, follow_in_processes
from pipeline.extraction.upright import look_around
from pipeline.files import write_json
from pipeline.jobs.draw import Drawing, draw, gallery_labels, probe_labels
from pipeline.jobs.portraits import portraits_taken, take_missing_portraits, wanted_portraits
from pipeline.jobs.prepare import (
    Networks,
    Source,
    cautions,
    described,
    facts,
    inspect,
    keyed,
    open_networks,
    readable,
    refuse_streams,
)
from pipeline.matching import match_probes
from pipeline.profiles import as_record
from pipeline.recognition.features import read_features, write_features
from pipeline.report import Roster, write_report
from pipeline.runs.cache import Cache
from pipeline.runs.folder import RunFolder, key_of
from pipeline.runs.job import Job, Video
from pipeline.runs.record import Record
from pipeline.runs.results import Walk, results_tree
from pipeline.runs.tracks import SILHOUETTES_AT_ONCE, Unusable, find_unusable, read_walk, read_walks
from pipeline.types import Embedding, Match
from pipeline.video.source import is_file

Walks = Mapping[str, Sequence[Walk]]  # by video


@dataclass(frozen=True, slots=True)
class Work:
    """What every stage works with."""

    config: Config
    networks: Networks
    folder: RunFolder
    cache: Cache
    record: Record
    bars: Progress


def run(
    job: Job,
    config: Config,
    checkpoints: Path | None = None,
    resume: Path | None = None,
    progress: Progress | None = None,
) -> Path:
    """Do the whole job and return the run folder.

    Everything that can be refused (settings, checkpoints, videos) is refused before a folder is made.
    checkpoints: a folder to search first; resume: an earlier run folder to go on in, keeping what is valid there.
    Raises GaitError for whatever a user can mend.
    """
    return_freed_pictures()
    job, infos, unreadable = readable(job.turned(config.video.rotate))
    networks = open_networks(config, checkpoints, infos.values())
    refuse_streams(infos, networks)
    sources = keyed(infos, config, networks.checkpoints)
    folder = RunFolder.open(resume) if resume else RunFolder.create(Path(config.output.folder), datetime.now())
    record = Record(folder, facts(job, config, networks, sources, unreadable), resumed=resume is not None)
    cache = Cache(folder.path.resolve().parent, int(config.output.cache_gb * 1e9))
    work = Work(config, networks, folder, cache, record, progress or Silent())

    with folder.working(), record.following():
        folder.keep_for_resuming(as_record(config), [job.gallery, *job.probes, *unreadable])  # may be mended
        for line in (f"run folder: {folder.path}", *job.namesakes):
            logger.info(line)
        for problem in (*unreadable.values(), *cautions(networks.checkpoints)):
            record.warn(problem)
        sources = follow_all(sources, work)
        turned = {source.name: source.video for source in sources}
        watched = [turned[video.name] for video in (job.gallery, *job.probes)]
        folder.keep_for_resuming(as_record(config), [*watched, *unreadable])
        needs = networks.encoder.needs
        walks = {source.name: read_walks(source, folder, needs, config) for source in sources}
        unusable = find_unusable(walks, needs, config)
        embed_all(sources, walks, unusable, work)
        matches = match_all(job, walks, unusable, work)
        write_json(folder.results, results_tree(job.gallery.name, walks, matches, unusable))
        if config.output.videos:
            draw_all(job, sources, walks, matches, unusable, work)
        if config.output.report:
            report_all(sources, walks, work)
    return folder.path


def follow_all(sources: Sequence[Source], work: Work) -> list[Source]:
    """Track and cut out everybody, in every video where that has not been done yet.

    Returns the sources: those that lie on their side or upside down, so that nobody was found in them, are turned.
    """
    _follow_missing(sources, work)
    if work.config.video.rotate == "auto":
        upright = [_upright(source, work) for source in sources]
        _follow_missing([new for new, old in zip(upright, sources, strict=True) if new is not old], work)
        sources = upright
    for source in sources:
        known = followed(source, work.folder)
        if known is not None:
            work.record.counted(source.name, frames=known.frames, tracks=known.tracks)
            if known.warning:
                work.record.warn(known.warning)
    return list(sources)


def _follow_missing(sources: Sequence[Source], work: Work) -> None:
    todo = [source for source in sources if followed(source, work.folder) is None and not _restored(source, work)]
    if todo:
        _follow(todo, work)


def _upright(source: Source, work: Work) -> Source:
    """The source, turned where nobody was found in it as it is, but people are there when it is turned."""
    known = followed(source, work.folder)
    if known is None or known.tracks or not is_file(source.video.source):
        return source
    turn = look_around(source.video, work.networks.detector, work.config.tracking).turn
    if not turn:
        return source
    video = replace(source.video, turn=(source.video.turn + turn) % 360)
    (turned,) = keyed({video: inspect(video)}, work.config, work.networks.checkpoints)
    lies = "is upside down" if turn == 180 else "lies on its side"
    work.record.warn(f"{source.name}: the picture {lies}; turned by {turn}° clockwise (--rotate 0 leaves it)")
    work.record.counted(source.name, **described(turned))
    return turned


def _restored(source: Source, work: Work) -> bool:
    """Take the tracks and silhouettes of a video that was followed in an earlier run from the cache."""
    work.folder.clear("walks", source.name)
    noted = work.cache.restore("walks", source.walks_key, work.folder.made_by("walks", source.name))
    if source.sha256 and noted is not None:
        logger.info(f"{source.name}: tracks and silhouettes taken from an earlier run")
        work.record.counted(source.name, reused=True)
        work.folder.mark_done("walks", source.name, source.walks_key, **noted)
        return True
    return False


def _follow(todo: Sequence[Source], work: Work) -> None:
    lengths = [source.info.frame_count for source in todo]
    work.bars.start("tracking", sum(n or 0 for n in lengths) if all(lengths) else None, "frames")
    work.bars.start("segmentation", None, "crops")
    of = {source.video: source for source in todo}
    for video, found in _followings(list(of), work):
        source = of[video]
        work.folder.mark_done("walks", source.name, source.walks_key, **asdict(found))
        if source.sha256:
            made = work.folder.made_by("walks", source.name)
            work.cache.store("walks", source.walks_key, made, **asdict(found))
        work.record.write()
    work.bars.finish("tracking")
    work.bars.finish("segmentation")


def _followings(videos: Sequence[Video], work: Work) -> Iterator[tuple[Video, Followed]]:
    """Follow video after video here, several at a time in processes of their own, or on a cluster."""
    config, networks, meter = work.config, work.networks, work.record.meter
    workers = min(config.runtime.workers, len(videos))
    if workers <= 1 and config.runtime.engine == "local":
        for video in videos:
            found = follow(
                video,
                networks.detector,
                networks.segmenter,
                networks.estimator,
                config,
                work.folder,
                meter,
                work.bars,
            )
            yield video, found
        return
    weights = networks.checkpoints
    task = Task(config, weights["detector"], weights["segmenter"], weights.get("pose"), work.folder.path)
    if config.runtime.engine == "ray":
        from pipeline.cluster.ray import follow_on_cluster

        following = follow_on_cluster(videos, task, config.runtime.address)
    else:
        following = follow_in_processes(videos, task, workers)
    for video, found, stages in following:
        for stage, amounts in stages.items():
            meter.add(stage, **amounts)
        work.bars.advance("tracking", found.frames)
        work.bars.advance("segmentation", int(stages.get("segment", {}).get("crops", 0)))
        yield video, found


def followed(source: Source, folder: RunFolder) -> Followed | None:
    """What an earlier pass over this very video, under these very settings, has noted."""
    noted = folder.done("walks", source.name, source.walks_key)
    return Followed(**noted) if noted is not None else None


def embed_all(sources: Sequence[Source], walks: Walks, unusable: Unusable, work: Work) -> None:
    """Turn the silhouettes of every usable track into an embedding."""
    todo = []
    for source in sources:
        if work.folder.done("features", source.name, source.features_key) is None:
            work.folder.clear("features", source.name)
            made = work.folder.made_by("features", source.name)
            if source.sha256 and work.cache.restore("features", source.features_key, made) is not None:
                work.folder.mark_done("features", source.name, source.features_key)
            else:
                todo.append(source)
    if not todo:
        return
    encoder = work.networks.encoder
    usable = {s.name: [w for w in walks[s.name] if w.track not in unusable] for s in todo}
    work.bars.start("recognition", sum(map(len, usable.values())), "tracks")
    for source in todo:
        for some in in_portions(usable[source.name], lambda walk: walk.silhouettes, SILHOUETTES_AT_ONCE):
            found = [read_walk(walk.track, work.folder, encoder.needs, work.config) for walk in some]
            frames = sum(len(walk.modalities[encoder.needs[0]]) for walk in found)
            with work.record.meter.time("recognise", tracks=len(some), silhouettes=frames):
                embeddings = encoder.encode(found)
            for embedding in embeddings:
                write_features(work.folder.features(source.name, embedding.track_id), embedding)
            work.bars.advance("recognition", len(some))
        work.folder.mark_done("features", source.name, source.features_key)
        if source.sha256:
            work.cache.store("features", source.features_key, work.folder.made_by("features", source.name))
    work.bars.finish("recognition")


def match_all(job: Job, walks: Walks, unusable: Unusable, work: Work) -> dict[str, list[Match]]:
    """Name every track of every probe, or say why it has no name."""

    def embeddings(video: str) -> list[Embedding]:
        usable = [walk.track for walk in walks[video] if walk.track not in unusable]
        return [read_features(work.folder.features(*track), *track) for track in usable]

    gallery = embeddings(job.gallery.name)
    matches = {}
    for probe in job.probes:
        tracklets = [walk.tracklet for walk in walks[probe.name]]
        reasons = {track: reason for track, reason in unusable.items() if track[0] == probe.name}
        with work.record.meter.time("match", tracks=len(tracklets)):
            matches[probe.name] = match_probes(
                embeddings(probe.name), gallery, tracklets, reasons, work.config.matching
            )
    return matches


def draw_all(
    job: Job,
    sources: Sequence[Source],
    walks: Walks,
    matches: Mapping[str, Sequence[Match]],
    unusable: Unusable,
    work: Work,
) -> None:
    """Draw the stored tracks on the frames, decoded again: in the gallery who is who, in a probe who was found."""
    folder, gallery = work.folder, job.gallery.name
    source_of = {source.name: source for source in sources}
    labels = gallery_labels(walks[gallery], unusable)
    titles = {folder.gallery_video(gallery): (gallery, labels)}
    for probe, answers in matches.items():
        titles[folder.probe_video(gallery, probe)] = (probe, probe_labels(answers, gallery, labels))

    drawings, keys = [], {}
    for path, (name, shown) in titles.items():
        source = source_of[name]
        how = work.config.output.crf, work.config.output.blur_faces
        keys[path] = key_of(source.walks_key, *how, sorted((k, astuple(v)) for k, v in shown.items()))
        if folder.done("video", path.stem, keys[path]) is None:
            folder.clear("video", path.stem)
            frames = known.frames if (known := followed(source, folder)) else 0
            tracklets = [walk.tracklet for walk in walks[name]]
            portraits = None
            if work.config.output.report:
                portraits = wanted_portraits(source, walks[name], folder, work.config)
            drawings.append(Drawing(path, source.video, frames, tracklets, shown, portraits))

    def done(drawing: Drawing) -> None:
        folder.mark_done("video", drawing.path.stem, keys[drawing.path])
        if drawing.portraits is not None:
            portraits_taken(source_of[titles[drawing.path][0]], folder, work.config)

    draw(drawings, work.config, work.record.meter, work.bars, done)


def report_all(sources: Sequence[Source], walks: Walks, work: Work, roster: Roster | None = None) -> None:
    """Write report.html; it is cheap, so it is written anew each time.

    roster: the people that probes were compared with, where they are not those of the run's own gallery.
    """
    with work.record.meter.time("report"):
        for source in sources:
            take_missing_portraits(source, walks[source.name], work.folder, work.config)
        work.record.write()  # the report tells what it says
        write_report(work.folder, roster)
