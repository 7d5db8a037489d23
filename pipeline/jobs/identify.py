"""`gait identify`: who of the gallery's people is in these videos, and who is nobody of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from pipeline.config import Config
from pipeline.drawing.annotate import Label
from pipeline.drawing.colours import identity_colour
from pipeline.engine.progress import Progress
from pipeline.files import write_json
from pipeline.gallery.calibration import calibration_as_json, read_calibration, with_expected_threshold
from pipeline.gallery.discriminant import discriminant_as_json, stored_discriminant, usable_calibration
from pipeline.gallery.discriminant_file import StoredDiscriminant
from pipeline.gallery.people import Person, people_of
from pipeline.gallery.reviews import Item, Review, judged, read_reviews, walk_of
from pipeline.gallery.search import KEPT, Search
from pipeline.gallery.store import Gallery
from pipeline.gallery.template import Template, moments, refuse_other_encoder
from pipeline.jobs.analyse import Analysis, analyse
from pipeline.jobs.draw import Labels, draw_videos
from pipeline.jobs.enrol import template_of, there_already
from pipeline.jobs.people import Matches, People, Said
from pipeline.jobs.report import report
from pipeline.jobs.roster import MOST_CANDIDATES, roster_of_gallery
from pipeline.jobs.session import Session
from pipeline.jobs.strangers import Newcomer, newcomers, refuse_no_threshold
from pipeline.matching.match import Settled
from pipeline.profiles import as_record
from pipeline.runs.job import Job, plan
from pipeline.runs.results import TrackResult, results_tree
from pipeline.types import TrackKey

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
    stored_discriminant(path, config.matching, encoder)
    if unknown_as == "new":  # refused now rather than after the work
        refuse_no_threshold(with_expected_threshold(path, config.matching, *encoder))
        with gallery.writing():
            pass
    sources = [session.source(video) for video in job.videos]
    with session.working(sources, {"gallery": job.gallery, "probes": job.probes}):
        session.folder.keep_gallery(path, as_record(config))
        if not gallery.facts().rows:
            session.record.warn(f"{path}: nobody is enrolled, so everybody is unknown")
        found = analyse(session, sources)
        compared = compared_with(session, gallery, found)
        for caution in compared.cautions:
            session.record.warn(caution)
        people, persons = compared.people, compared.persons
        matches = people.match_videos(session, found, [video.name for video in job.videos])
        new = _keep_unknown(gallery, session, found, people, persons, matches) if unknown_as == "new" else []
        write_json(session.folder.results, results_of(gallery, found, compared, matches, new))
        labels = _labels(people, matches, new)
        draw_videos(session, found, {session.folder.gallery_video(video): (video, labels[video]) for video in matches})
        report(session, found, roster_of_gallery(gallery, people, persons, matches, found.embeddings, new))
    return session.folder.path


@dataclass(frozen=True, slots=True)
class Compared:
    """Whom probes are compared with.

    Attributes:
        people: As they are compared.
        persons: The same people with their templates.
        stored: The gallery's discriminant, where it is used.
        cautions: What the user should know, a line each.
    """

    people: People
    persons: Sequence[Person]
    stored: StoredDiscriminant | None
    cautions: Sequence[str]


@dataclass(frozen=True, slots=True)
class Planned:
    """What a gallery will be, before it is changed; and how a run that is decided again sees it.

    Attributes:
        more: Templates that are added.
        without: Those that are removed.
        reviews: All that persons said; None: as the gallery has it.
        called: Other identities for people, as the run called them.
        enrolled: Whether a walk that is enrolled itself is known by that; else only where a person said so.
        labels: Tracks that were kept as strangers by the run itself, and the identity that they got.
    """

    more: Sequence[Template] = ()
    without: Collection[str] = ()
    reviews: Sequence[Review] | None = None
    called: Mapping[str, str] = field(default_factory=dict)
    enrolled: bool = False
    labels: Mapping[TrackKey, str] = field(default_factory=dict)


AS_IT_IS = Planned()


def compared_with(session: Session, gallery: Gallery, found: Analysis, planned: Planned = AS_IT_IS) -> Compared:
    """The people of a gallery for these probes, and what persons said of the probes.

    Raises GalleryError for a damaged gallery, and for one of another encoder.
    """
    path, matching = gallery.path, session.config.matching
    encoder = (session.encoder.model, session.encoder.checkpoint_sha256)
    stored, unused = stored_discriminant(path, matching, encoder)
    search = Search(gallery, matching, fitted=stored)
    current = search.shortlist(list(found.embeddings.values()))  # others may have enrolled meanwhile
    enrolled = None
    if not search.whole:
        current, enrolled = search.among(current)
    current = [one for one in (*current, *planned.more) if one.template not in planned.without]
    refuse_other_encoder(session.encoder, {template.origin for template in current}, path, session.config.profile)
    calibration, doubts = read_calibration(path), list[str]()
    if calibration is not None or stored is not None:
        calibration, doubts = usable_calibration(calibration, stored, search.everybody(current), matching, path)
    reviews = planned.reviews
    if reviews is None:
        reviews = read_reviews(path, {brief.template for brief in search.everybody(current)})
    current = [replace(one, identity=planned.called.get(one.identity, one.identity)) for one in current]
    transform = stored.discriminant if stored else None
    people = People.of_gallery(current, matching, calibration, transform, session.cohort)
    if enrolled is not None:
        people = replace(people, enrolled=enrolled, aside=KEPT)
    said = _said(found, current, people, reviews, planned)
    said = replace(said, judged=judged(reviews, matching, encoder))
    cautions = [*search.cautions(), *([unused] if unused else []), *doubts]
    return Compared(replace(people, said=said), people_of(current), stored, cautions)


def _said(
    found: Analysis, current: Sequence[Template], people: People, reviews: Sequence[Review], planned: Planned
) -> Said:
    """What is known of these probes: of those that a person looked at, and of those that are enrolled themselves."""
    said_by = {item.template: review for review in reviews for item in review.items if item.template}
    of_walk: dict[str, list[tuple[Review, Item]]] = {}
    for review in reviews:
        for item in review.items:
            of_walk.setdefault(item.walk, []).append((review, item))
    of_track: dict[tuple[str, int], list[Template]] = {}
    for template in current:
        if planned.enrolled or template.template in said_by:
            of_track.setdefault((template.video_sha256, template.track), []).append(template)
    settled, refused, own = dict[TrackKey, Settled](), dict[TrackKey, set[str]](), dict[TrackKey, set[str]]()
    tracks = [track for of in found.tracks.values() for track in of if track.key in found.embeddings]
    for key, track in ((track.key, track) for track in tracks):
        sha256 = found.sources[key[0]].sha256
        told = of_walk.get(walk_of(track.tracklet, sha256), []) if of_walk else []
        if names := {planned.called.get(item.refused, item.refused) for _, item in told if item.refused}:
            refused[key] = names
        for review, item in told:
            if item.template is None and item.said == "right":
                settled[key] = Settled(None, f"nobody of them, as {review.by} said on {review.when} UTC")
        parts = found.embeddings[key].parts.astype(np.float16)
        same = [one for one in of_track.get((sha256, key[1]), []) if np.array_equal(one.parts, parts)]
        if same:
            own[key] = {one.template for one in same}
        for one in same:
            if answer := _known_by(one, people, said_by.get(one.template), planned.labels.get(key)):
                settled[key] = answer
    return Said(settled, refused, own)


def _known_by(template: Template, people: People, review: Review | None, label: str | None) -> Settled | None:
    """The answer for a walk that is enrolled as this template. label: see `Planned`, of this walk."""
    name = people.names[template.identity]
    if review is not None:
        return Settled(name, f"{review.by} said so on {review.when} UTC")
    if template.named:
        return Settled(name, "this very walk is enrolled under that name")
    return Settled(None, f"kept as {name}") if label == template.identity else None


def results_of(
    gallery: Gallery, found: Analysis, compared: Compared, matches: Matches, new: Sequence[Newcomer]
) -> dict[str, Any]:
    """The content of results.json."""
    people = compared.people
    return {
        **_results(found, people, compared.persons, matches, new),
        "db": gallery.path.name,
        "rule": people.matching.templates,
        "calibration": calibration_as_json(people.calibration),
        "unknown": people.decision(sum(key[0] in matches for key in found.embeddings)),
        "backend": discriminant_as_json(compared.stored),
    }


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
