"""`gait enrol`: everybody in a video, or those who are named, become templates of a gallery."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from pipeline.config import Config
from pipeline.drawing.annotate import UNUSABLE, Label
from pipeline.drawing.colours import identity_colour
from pipeline.drawing.lettering import distinct_titles
from pipeline.engine.progress import Progress
from pipeline.errors import GalleryError
from pipeline.files import write_json
from pipeline.gallery.names import checked_name, confusable_key
from pipeline.gallery.people import namesakes, newest_of
from pipeline.gallery.register import Register, Who
from pipeline.gallery.store import Gallery
from pipeline.gallery.template import Stored, Template, moments, new_id, refuse_other_encoder
from pipeline.jobs.analyse import Analysis, analyse
from pipeline.jobs.draw import draw_videos
from pipeline.jobs.report import report
from pipeline.jobs.roster import roster_of_enrolment
from pipeline.jobs.session import Session
from pipeline.matching.assign import covisible
from pipeline.runs.folder import RunFolder
from pipeline.runs.job import plan
from pipeline.runs.results import TrackResult, Tracks, TrackSummary, results_tree
from pipeline.types import TrackKey, Tracklet, identity_of

# Of a track: identity, name, and outcome (new, added to somebody enrolled, there already).
Became = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Enrolment:
    """Who is enrolled, and as what.

    Attributes:
        names: By track; where there are any, only these tracks are enrolled. Without, everybody is, as <video>-<track>.
        merge: Somebody who has such a name already gets the track as a further template; else that is refused.
        consent: A note of what they agreed to.
        expires: Until when they are known; None for good.
    """

    names: Mapping[int, str] = field(default_factory=dict)
    merge: bool = False
    consent: str = ""
    expires: datetime | None = None


def enrol(
    video: str,
    path: Path,
    config: Config,
    wanted: Enrolment,
    checkpoints: Path | None = None,
    progress: Progress | None = None,
) -> tuple[tuple[TrackResult, ...], Path]:
    """Analyse a video and enrol its people in the gallery at `path`, all in one commit.

    Returns:
        What became of each track, and the run folder.

    Raises:
        GaitError: Whatever a user can mend.
    """
    names = {track: checked_name(name) for track, name in wanted.names.items()}
    refuse_unwritable(path)
    job = plan(video, [video]).turned(config.video.rotate)
    session = Session.open({job.gallery: job.gallery.inspect()}, config, checkpoints, progress)
    gallery = opened_for(session, path, () if wanted.merge else names.values())
    sources = [session.source(job.gallery)]
    with session.working(sources, {"gallery": job.gallery, "probes": ()}):
        found = analyse(session, sources)
        tracks = found.tracks[job.gallery.name]
        names = names or {track: identity_of(name, track) for name, track in found.embeddings}
        _refuse_missing(names, tracks, found)
        _refuse_one_person_twice(names, [track.tracklet for track in tracks])
        became = commit(
            session, gallery, found, {key: names[key[1]] for key in found.embeddings if key[1] in names}, wanted
        )
        results = results_of(found, became)
        write_json(session.folder.results, results_tree(results, {}, names=True))
        draw_and_report(session, gallery, found, results)
    return results[job.gallery.name], session.folder.path


def refuse_unwritable(path: Path) -> None:
    """Raise GalleryError for a gallery that may not be written, before the work; nothing is made for a wrong video."""
    if Gallery.exists(path):
        with Gallery.open(path).writing():
            pass


def opened_for(session: Session, path: Path, free: Collection[str]) -> Gallery:
    """The gallery at `path`, made where there is none. free: names that nobody in it may have.

    Raises GalleryError where one of them is taken, and where the gallery is of another encoder.
    """
    gallery = Gallery.create(path)
    register = Register.of(gallery)
    refuse_other_encoder(session.encoder, register.encoders, path, session.config.profile)
    _refuse_taken(register, free)
    return gallery


def commit(
    session: Session, gallery: Gallery, found: Analysis, names: Mapping[TrackKey, str], wanted: Enrolment
) -> dict[TrackKey, Became]:
    """Make templates of the tracks that have names and add them all in one commit. Raises as `add_templates`."""
    same = {"identity": "", "consent": wanted.consent, "expires": wanted.expires}
    made = [
        template_of(found, key, session.folder, gallery.path, name=name, enrolled=moment, **same)
        for (key, name), moment in zip(names.items(), moments(), strict=False)
    ]
    return add_templates(gallery, made, wanted.merge)


def results_of(
    found: Analysis, became: Mapping[TrackKey, Became], why: Mapping[str, str] | None = None
) -> dict[str, tuple[TrackResult, ...]]:
    """What results.json says of the tracks of each video. why: the reason that a video's other tracks are left out."""
    left_out = why or {}
    return {
        video: tuple(_result(track, became, found, left_out.get(video, "others were named")) for track in tracks)
        for video, tracks in found.tracks.items()
    }


def draw_and_report(session: Session, gallery: Gallery, found: Analysis, results: Tracks) -> None:
    """Draw the annotated videos and write the report."""
    register, tracks = Register.of(gallery), [track for some in results.values() for track in some]
    people = register.of_identities(track.identity for track in tracks if track.outcome and track.identity)
    labels = _labels(tracks, people, register)
    draw_videos(
        session, found, {session.folder.gallery_video(video): (video, labels.get(video, {})) for video in results}
    )
    report(session, found, roster_of_enrolment(people.values(), len(register)))


def template_of(found: Analysis, key: TrackKey, folder: RunFolder, gallery: Path, **facts: Any) -> Template:
    """A new template of a track. facts: the fields that the track does not tell: who it is, since when, and consent."""
    return Template.of(
        found.embeddings[key],
        stored_files(key, folder),
        video=key[0],
        video_sha256=found.sources[key[0]].sha256,
        track=key[1],
        run=path_from(gallery, folder),
        **facts,
    )


def path_from(gallery: Path, folder: RunFolder) -> str:
    """The run folder as a gallery's templates name it: relative to the gallery, so that no path of the machine is."""
    return os.path.relpath(folder.path.resolve(), gallery.resolve()).encode("utf-8", "replace").decode()


def stored_files(track: TrackKey, folder: RunFolder) -> Stored:
    """What a track can be embedded from anew, as it lies in the run folder."""
    poses = folder.poses(*track)
    return Stored(folder.sequence(*track).read_bytes(), poses.read_bytes() if poses.is_file() else b"")


def same_track(one: Template, other: Template) -> bool:
    """Whether two templates are of the very same track of the same video."""
    return (
        (one.video_sha256, one.track, one.origin) == (other.video_sha256, other.track, other.origin)
        and one.parts.shape == other.parts.shape
        and bool((one.parts == other.parts).all())
    )


def there_already(gallery: Gallery, made: Sequence[Template]) -> dict[str, Template]:
    """Which of these tracks a gallery has: its templates, first enrolled, by the identifiers of those that were made.

    Embeddings are read of the same videos' tracks only.
    """
    others = gallery.templates(only={template.video_sha256 for template in made}, by="video_sha256")
    return {template.template: other for template in made for other in reversed(others) if same_track(template, other)}


def add_templates(gallery: Gallery, made: Sequence[Template], merge: bool) -> dict[TrackKey, Became]:
    """Add what is new, under the identity that the name has, in one commit. Nobody else can write meanwhile.

    Args:
        gallery: The gallery.
        made: Templates of tracks of one video or several.
        merge: As in `Enrolment`.

    Returns:
        What each track became.

    Raises:
        GalleryError: A name is taken, or a track is enrolled under another name.
    """
    became, new = dict[TrackKey, Became](), []
    with gallery.writing() as writer:
        there = there_already(gallery, made)
        taken = namesakes(Register.of(gallery), {template.name for template in made})
        people = newest_of(gallery, taken.values()) if merge else {}
        identities: dict[str, tuple[str, str]] = {}  # of the names that this enrolment brings
        for template in made:
            if known := there.get(template.template):
                if confusable_key(known.name) != confusable_key(template.name) and not _by_track(template):
                    raise GalleryError(
                        f"{template.video}: track {template.track} is enrolled already, as {known.name!r}. "
                        f"Rename: gait gallery rename {known.identity[:8]} {template.name!r} --db {gallery.path}"
                    )
                became[template.video, template.track] = known.identity, known.name, "there already"
                continue
            person = taken.get(confusable_key(template.name))
            if person and not merge:
                raise _taken(person, template.name)
            first = people[person.identity] if person else dataclasses.replace(template, identity=new_id())
            identity, name = identities.setdefault(confusable_key(template.name), (first.identity, first.name))
            new.append(dataclasses.replace(template, identity=identity, name=name))
            became[template.video, template.track] = identity, name, "added" if person else "new"
        writer.add(new)
    return became


def _by_track(template: Template) -> bool:
    return template.name == identity_of(template.video, template.track)


def _refuse_taken(register: Register, names: Collection[str]) -> None:
    taken = namesakes(register, names)
    for name in names:
        if person := taken.get(confusable_key(name)):
            raise _taken(person, name)


def _taken(person: Who, name: str) -> GalleryError:
    alike = "" if person.name == name else f" (it looks like {name!r})"
    return GalleryError(
        f"{person.name!r} is enrolled already{alike}. Give --merge to add further walks to that person, "
        "or choose another name."
    )


def _refuse_missing(names: Mapping[int, str], tracks: Sequence[TrackSummary], found: Analysis) -> None:
    keys = {track.key[1]: track.key for track in tracks}
    for track, name in names.items():
        if track not in keys:
            known = ", ".join(map(str, sorted(keys))) or "none"
            raise GalleryError(f"--name {track}={name}: there is no such track. Those of the video: {known}.")
        if reason := found.unusable.get(keys[track]):
            raise GalleryError(f"--name {track}={name}: track {track} cannot be recognised ({reason}).")


def _refuse_one_person_twice(names: Mapping[int, str], tracklets: Sequence[Tracklet]) -> None:
    """Two tracks of one frame are two people, whatever they are called."""
    named = [tracklet for tracklet in tracklets if tracklet.track_id in names]
    together = covisible(named)
    for i, one in enumerate(named):
        for j, other in enumerate(named[:i]):
            if together[i, j] and confusable_key(names[one.track_id]) == confusable_key(names[other.track_id]):
                raise GalleryError(
                    f"tracks {other.track_id} and {one.track_id} are seen in the same frames, so they are two people, "
                    f"but both are called {names[one.track_id]!r}. Give one of them another name."
                )


def _result(track: TrackSummary, became: Mapping[TrackKey, Became], found: Analysis, why: str) -> TrackResult:
    """What results.json says of a track: as `gait run` of a gallery track, with who it is, or why it is nobody."""
    result = TrackResult.of_gallery(track, found.unusable.get(track.key))
    if result.key in became:
        identity, name, outcome = became[result.key]
        return dataclasses.replace(result, identity=identity, name=name, outcome=outcome)
    if result.status == "unusable":
        return result
    return dataclasses.replace(result, status="not named", reason=why, identity=None, name=None)


def _labels(
    tracks: Sequence[TrackResult], people: Mapping[str, Who], register: Register
) -> dict[str, dict[int, Label]]:
    """By video, names in the colours that `identify` will use; grey for those not enrolled. people: by identity."""
    names = {identity: person.name for identity, person in people.items()}
    titles = distinct_titles(names, (person.name for person in register))

    def label(result: TrackResult) -> Label:
        if person := people.get(result.identity or ""):
            return Label(titles[person.identity], "", identity_colour(person.number))
        return (
            UNUSABLE if result.status == "unusable" else Label(f"track {result.id}", "not enrolled", status="unusable")
        )

    labels = dict[str, dict[int, Label]]()
    for track in tracks:
        labels.setdefault(track.video, {})[track.id] = label(track)
    return labels
