"""`gait identify`: who of the gallery's people is in these videos, and who is nobody of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from pipeline.config import Config
from pipeline.drawing.annotate import Label
from pipeline.drawing.colours import identity_colour
from pipeline.engine.progress import Progress
from pipeline.files import write_json
from pipeline.gallery.calibration import calibration_as_json, read_calibration, with_expected_threshold
from pipeline.gallery.discriminant import discriminant_as_json, stored_discriminant, usable_calibration
from pipeline.gallery.people import Person, people_of
from pipeline.gallery.search import KEPT, Search
from pipeline.gallery.store import Gallery
from pipeline.gallery.template import moments, refuse_other_encoder
from pipeline.jobs.analyse import Analysis, analyse
from pipeline.jobs.draw import Labels, draw_videos
from pipeline.jobs.enrol import template_of, there_already
from pipeline.jobs.people import Matches, People
from pipeline.jobs.report import report
from pipeline.jobs.roster import MOST_CANDIDATES, roster_of_gallery
from pipeline.jobs.session import Session
from pipeline.jobs.strangers import Newcomer, newcomers, refuse_no_threshold
from pipeline.runs.job import Job, plan
from pipeline.runs.results import TrackResult, results_tree

UnknownAs = Literal["unknown", "new"]


def identify(
    videos: Sequence[str],
    path: Path,
    config: Config,
    unknown_as: UnknownAs = "unknown",
    checkpoints: Path | None = None,
    progress: Progress | None = None,
) -> Path:
    """Name everybody in the videos after the gallery at `path`; returns the run folder.

    Templates past their expiry are not compared with.

    Args:
        videos: Paths, addresses or patterns.
        path: The gallery.
        config: The settings.
        unknown_as: "new" keeps people who are nobody of the gallery in it, under a label of their own, so that they are
            recognised when they come again.
        checkpoints: A folder that is searched for weights first.
        progress: Where progress is shown; nowhere by default.

    Raises:
        GaitError: Whatever a user can mend, before the work begins.
    """
    gallery = Gallery.open(path)
    templates = Search(gallery, config.matching).at_first()
    job = _job_of(videos).turned(config.video.rotate)
    session = Session.open({video: video.inspect() for video in job.videos}, config, checkpoints, progress)
    encoder = (session.encoder.model, session.encoder.checkpoint_sha256)
    refuse_other_encoder(session.encoder, {template.origin for template in templates}, path, config.profile)
    stored, unused = stored_discriminant(path, config.matching, encoder)
    search = Search(gallery, config.matching, fitted=stored)
    if unknown_as == "new":  # refused now rather than after the work
        refuse_no_threshold(with_expected_threshold(path, config.matching, *encoder))
        with gallery.writing():
            pass
    sources = [session.source(video) for video in job.videos]
    with session.working(sources, {"gallery": job.gallery, "probes": job.probes}):
        if not gallery.facts().rows:
            session.record.warn(f"{path}: nobody is enrolled, so everybody is unknown")
        found = analyse(session, sources)
        current = search.shortlist(list(found.embeddings.values()))  # others may have enrolled meanwhile
        enrolled = None
        if not search.whole:
            current, enrolled = search.among(current)
        refuse_other_encoder(session.encoder, {template.origin for template in current}, path, config.profile)
        calibration, doubts = read_calibration(path), list[str]()
        if calibration is not None or stored is not None:
            calibration, doubts = usable_calibration(
                calibration, stored, search.everybody(current), config.matching, path
            )
        for caution in (*search.cautions(), *([unused] if unused else []), *doubts):
            session.record.warn(caution)
        transform = stored.discriminant if stored else None
        people = People.of_gallery(current, config.matching, calibration, transform, session.made_up)
        if enrolled is not None:
            people = dataclasses.replace(people, enrolled=enrolled, aside=KEPT)
        persons = people_of(current)
        matches = people.match_videos(session, found, [video.name for video in job.videos])
        new = _keep_unknown(gallery, session, found, people, persons, matches) if unknown_as == "new" else []
        results = _results(found, people, persons, matches, new)
        facts = {"db": path.name, "rule": config.matching.templates, "calibration": calibration_as_json(calibration)}
        facts["unknown"] = people.decision(len(found.embeddings))
        write_json(session.folder.results, {**results, **facts, "backend": discriminant_as_json(stored)})
        labels = _labels(people, matches, new)
        draw_videos(session, found, {session.folder.gallery_video(video): (video, labels[video]) for video in matches})
        report(session, found, roster_of_gallery(gallery, people, persons, matches, found.embeddings, new))
    return session.folder.path


def _job_of(videos: Sequence[str]) -> Job:
    """The videos, the first in the gallery's place and no longer among the probes."""
    job = plan(videos[0], videos)
    return Job(job.gallery, tuple(video for video in job.probes if video != job.gallery))


def _keep_unknown(
    gallery: Gallery,
    session: Session,
    found: Analysis,
    people: People,
    persons: Sequence[Person],
    matches: Matches,
) -> list[Newcomer]:
    """Keep the unknown under labels of their own, and further tracks of those who have one already; one commit.

    Returns who is new; tracks of one person share a label.
    """
    answers = {(match.video, match.track_id): match for answered in matches.values() for match in answered}
    unnamed = {people.names[p.identity]: p for p in persons if not p.templates[-1].named}
    tracks = [track for of in found.tracks.values() for track in of if answers[track.key].status == "unknown"]
    embeddings = [found.embeddings[track.key] for track in tracks]
    tracklets = [track.tracklet for track in tracks]
    new = newcomers(embeddings, tracklets, *people.alike(embeddings, tracklets))
    labels = {track: (newcomer.identity, newcomer.name) for newcomer in new for track in newcomer.tracks}
    for key, match in answers.items():
        if match.identity in unnamed:
            labels[key] = unnamed[match.identity].identity, unnamed[match.identity].name
    made = [
        template_of(found, key, session.folder, gallery.path, identity=whose, name=name, named=False, enrolled=moment)
        for (key, (whose, name)), moment in zip(sorted(labels.items()), moments(), strict=False)
    ]
    with gallery.writing() as writer:
        there = there_already(gallery, made)
        writer.add([template for template in made if template.template not in there])
    return new


def _results(
    found: Analysis,
    people: People,
    persons: Sequence[Person],
    matches: Matches,
    new: Sequence[Newcomer],
) -> dict[str, Any]:
    """results.json: `probes` as `gait run` writes them, identities being the gallery's and names beside them."""
    label = {track: newcomer for newcomer in new for track in newcomer.tracks}

    def result(track: TrackResult) -> TrackResult:
        if people.calibration is not None and track.distance is not None:
            track = dataclasses.replace(track, fpir=people.calibration.false_positive(track.distance))
        if newcomer := label.get(track.key):
            track = dataclasses.replace(track, identity=newcomer.identity, name=newcomer.name)
        return dataclasses.replace(track, candidates=track.candidates[:MOST_CANDIDATES])

    probes = {
        video: [result(track) for track in people.results(answers, found.tracks[video])]
        for video, answers in matches.items()
    }
    seen = {person.identity: {template.video for template in person.templates} for person in persons}
    for video, tracks in probes.items():
        for track in tracks:
            if track.status == "known" and track.identity is not None:
                seen[track.identity].add(video)
    tree = results_tree({}, probes, names=True)
    tree["people"] = {
        person.identity: {
            "name": people.names[person.identity],
            "named": person.templates[-1].named,
            "templates": len(person.templates),
            "videos": sorted(seen[person.identity]),
        }
        for person in persons
    }
    return tree


def _labels(people: People, matches: Matches, new: Sequence[Newcomer]) -> Mapping[str, Labels]:
    """What is written at every track, by video: the name, in a colour that is the person's in all videos."""
    found = {video: people.labels(answers) for video, answers in matches.items()}
    for number, newcomer in enumerate(new, start=len(people.names)):
        for video, track in newcomer.tracks:
            found[video][track] = Label(newcomer.name, "new", identity_colour(number), "unknown")
    return found
