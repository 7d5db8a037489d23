"""The main job. Read `run` from top to bottom: it is the whole program.

    open      videos, settings and networks are looked at before anything is written
    analyse   frames → tracklets → silhouettes → gait embeddings          (one pass over each video)
    match     probe embeddings against the gallery video's people → names
    draw      frames + stored tracks + names → annotated videos           (a second pass)
    report    all of it, to look at → report.html

Each stage reads what the one before wrote into the run folder, and skips what is already there and still valid.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from loguru import logger

from pipeline.config import Config
from pipeline.engine.progress import Progress
from pipeline.files import write_json
from pipeline.jobs.analyse import Analysis, analyse
from pipeline.jobs.draw import draw_videos
from pipeline.jobs.people import Matches, People
from pipeline.jobs.report import report
from pipeline.jobs.session import Roles, Session, readable
from pipeline.profiles import as_record
from pipeline.runs.job import Job
from pipeline.runs.results import TrackResult, results_tree


def run(
    job: Job,
    config: Config,
    checkpoints: Path | None = None,
    resume: Path | None = None,
    progress: Progress | None = None,
) -> Path:
    """Do the whole job and return the run folder.

    Everything that can be refused (settings, checkpoints, videos) is refused before a folder is made.

    Args:
        job: The gallery video and the probe videos.
        config: The settings.
        checkpoints: A folder that is searched for weights first.
        resume: An earlier run folder to go on in, keeping what is valid there.
        progress: Where progress is shown; nowhere by default.

    Raises:
        GaitError: Whatever a user can mend.
    """
    job, infos, unreadable = readable(job.turned(config.video.rotate))
    session = Session.open(infos, config, checkpoints, progress)
    sources = [session.source(video) for video in infos]
    roles: Roles = {"gallery": job.gallery, "probes": job.probes}
    problems = [{"name": video.name, "path": video.file, "problem": problem} for video, problem in unreadable.items()]

    with session.working(sources, roles, resume, unreadable=problems):
        folder = session.folder
        folder.keep_for_resuming(as_record(config), [job.gallery, *job.probes, *unreadable])  # may be mended
        for line in job.namesakes:
            logger.info(line)
        for problem in unreadable.values():
            session.record.warn(problem)

        found = analyse(session, sources)
        turned = [found.sources[video.name].video for video in (job.gallery, *job.probes)]
        folder.keep_for_resuming(as_record(config), [*turned, *unreadable])

        people = People.of_tracks(found.of(job.gallery.name), config.matching, session.cohort)
        matches = people.match_videos(session, found, [probe.name for probe in job.probes])
        write_json(folder.results, results_of(job.gallery.name, found, people, matches))
        draw(session, job, found, people, matches)
        report(session, found)
    return session.folder.path


def results_of(gallery: str, found: Analysis, people: People, matches: Matches) -> dict[str, Any]:
    """The content of results.json: what became of every track, and why. gallery: the name of its video."""
    enrolled = [TrackResult.of_gallery(track, found.unusable.get(track.key)) for track in found.tracks[gallery]]
    probes = {video: people.results(answers, found.tracks[video]) for video, answers in matches.items()}
    seen = sum(track.key in found.embeddings for video in matches for track in found.tracks[video])
    return {**results_tree({gallery: enrolled}, probes), "unknown": people.decision(seen)}


def draw(session: Session, job: Job, found: Analysis, people: People, matches: Matches) -> None:
    """Draw the annotated videos: in the gallery who is who, in a probe who was recognised."""
    folder, gallery = session.folder, job.gallery.name
    labels = {folder.gallery_video(gallery): (gallery, people.gallery_labels(found.tracks[gallery]))}
    for video, answers in matches.items():
        labels[folder.probe_video(gallery, video)] = video, people.labels(answers)
    draw_videos(session, found, labels)
