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
from pipeline.runs.results import TrackResult, TrackSummary, results_tree
from pipeline.types import TrackKey, Tracklet, identity_of


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
    if Gallery.exists(path):  # refuse what cannot be written before the work, and make nothing for a wrong video
        with Gallery.open(path).writing():
            pass
    job = plan(video, [video]).turned(config.video.rotate)
    session = Session.open({job.gallery: job.gallery.inspect()}, config, checkpoints, progress)
    gallery = Gallery.create(path)
    register = Register.of(gallery)
    refuse_other_encoder(session.encoder, register.encoders, path, config.profile)
    if not wanted.merge:
        _refuse_taken(register, names.values())
    sources = [session.source(job.gallery)]
    with session.working(sources, {"gallery": job.gallery, "probes": ()}):
        found = analyse(session, sources)
        tracks = found.tracks[job.gallery.name]
        names = names or {track: identity_of(name, track) for name, track in found.embeddings}
        _refuse_missing(names, tracks, found)
        _refuse_one_person_twice(names, [track.tracklet for track in tracks])
        same = {"identity": "", "consent": wanted.consent, "expires": wanted.expires}
        named = [key for key in found.embeddings if key[1] in names]
        made = [
            template_of(found, key, session.folder, gallery.path, name=names[key[1]], enrolled=moment, **same)
            for key, moment in zip(named, moments(), strict=False)
        ]
        became = add_templates(gallery, made, wanted.merge)
        results = tuple(_result(track, became, found) for track in tracks)
        write_json(session.folder.results, results_tree({job.gallery.name: results}, {}, names=True))
        register = Register.of(gallery)
        people = register.of_identities(identity for identity, _, _ in became.values())
        labels = _labels(results, people, register)
        draw_videos(session, found, {session.folder.gallery_video(job.gallery.name): (job.gallery.name, labels)})
        report(session, found, roster_of_enrolment(people.values(), len(register)))
    return results, session.folder.path


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


def add_templates(gallery: Gallery, made: Sequence[Template], merge: bool) -> dict[int, tuple[str, str, str]]:
    """Add what is new, under the identity that the name has, in one commit. Nobody else can write meanwhile.

    Args:
        gallery: The gallery.
        made: Templates of one video's tracks.
        merge: As in `Enrolment`.

    Returns:
        Identity, name and outcome of each track: new, added (to somebody enrolled), there already.

    Raises:
        GalleryError: A name is taken, or a track is enrolled under another name.
    """
    became, new = {}, []
    with gallery.writing() as writer:
        there = there_already(gallery, made)
        taken = namesakes(Register.of(gallery), {template.name for template in made})
        people = newest_of(gallery, taken.values()) if merge else {}
        identities: dict[str, tuple[str, str]] = {}  # of the names that this enrolment brings
        for template in made:
            if known := there.get(template.template):
                if confusable_key(known.name) != confusable_key(template.name) and not _by_track(template):
                    raise GalleryError(
                        f"track {template.track} is enrolled already, as {known.name!r}. "
                        f"Rename: gait gallery rename {known.identity[:8]} {template.name!r} --db {gallery.path}"
                    )
                became[template.track] = known.identity, known.name, "there already"
                continue
            person = taken.get(confusable_key(template.name))
            if person and not merge:
                raise _taken(person, template.name)
            first = people[person.identity] if person else dataclasses.replace(template, identity=new_id())
            identity, name = identities.setdefault(confusable_key(template.name), (first.identity, first.name))
            new.append(dataclasses.replace(template, identity=identity, name=name))
            became[template.track] = identity, name, "added" if person else "new"
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


def _result(track: TrackSummary, became: Mapping[int, tuple[str, str, str]], found: Analysis) -> TrackResult:
    """What results.json says of a track: as `gait run` of a gallery track, with who it is."""
    result = TrackResult.of_gallery(track, found.unusable.get(track.key))
    if result.id in became:
        identity, name, outcome = became[result.id]
        return dataclasses.replace(result, identity=identity, name=name, outcome=outcome)
    if result.status == "unusable":
        return result
    return dataclasses.replace(result, status="not named", reason="others were named", identity=None, name=None)


def _labels(results: Sequence[TrackResult], people: Mapping[str, Who], register: Register) -> dict[int, Label]:
    """Names in the colours that `identify` will use; grey for those who were not enrolled. people: by identity."""
    names = {identity: person.name for identity, person in people.items()}
    titles = distinct_titles(names, (person.name for person in register))

    def label(result: TrackResult) -> Label:
        if person := people.get(result.identity or ""):
            return Label(titles[person.identity], "", identity_colour(person.number))
        return UNUSABLE if result.status == "unusable" else Label("not enrolled", status="unusable")

    return {result.id: label(result) for result in results}
