"""`gait enrol`: everybody in a video, or those who are named, become templates of a gallery."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pipeline.config import Config
from pipeline.drawing.annotate import UNUSABLE, Label
from pipeline.drawing.colours import identity_colour
from pipeline.drawing.lettering import distinct_titles
from pipeline.engine.progress import Progress
from pipeline.errors import GalleryError
from pipeline.files import write_json
from pipeline.gallery.names import checked_name, looks
from pipeline.gallery.people import namesakes, newest_of
from pipeline.gallery.register import Register, Who
from pipeline.gallery.store import Gallery
from pipeline.gallery.template import Template, new_id, now
from pipeline.gallery.walkers import (
    Walkers,
    draw_videos,
    look_at,
    path_from,
    prepare,
    refuse_other_encoder,
    stored_walk,
)
from pipeline.jobs.roster import roster_of_enrolment
from pipeline.matching.assign import covisible
from pipeline.run import report_all
from pipeline.runs.results import identity_of, results_tree
from pipeline.types import Tracklet


@dataclass(frozen=True, slots=True)
class Consent:
    """What the enrolled agreed to: a note, and until when (None: for good)."""

    note: str = ""
    expires: datetime | None = None


@dataclass(frozen=True, slots=True)
class Enrolled:
    """What became of one track. outcome: new, added (to somebody enrolled), there already, not named, or unusable."""

    track: int
    outcome: str
    name: str = ""
    identity: str = ""
    reason: str = ""


def enrol(
    video: str,
    path: Path,
    config: Config,
    names: Mapping[int, str],
    consent: Consent,
    merge: bool,
    checkpoints: Path | None = None,
    progress: Progress | None = None,
) -> tuple[list[Enrolled], Path]:
    """Follow everybody in the video and enrol them in the gallery at `path`; returns what became of each track.

    names: by track; where there are any, only these tracks are enrolled. Without, everybody is, as <video>-<track>.
    merge: somebody who has such a name already gets the walk as a further template; else that is refused.
    All templates are added in one commit. Raises GaitError for whatever a user can mend.
    """
    names = {track: checked_name(name) for track, name in names.items()}
    if Gallery.exists(path):  # refuse what cannot be written before the work, and make nothing for a wrong video
        with Gallery.open(path).writing():
            pass
    prepared = prepare([video], config, checkpoints)
    gallery = Gallery.create(path)
    register = Register.of(gallery)
    refuse_other_encoder(prepared.encoder, register.encoders, path, config.profile)
    if not merge:
        _refuse_taken(register, names.values())
    (source,) = prepared.sources
    work = prepared.begin(progress)
    with work.folder.working(), work.record.following():
        walkers = look_at(prepared, work)
        names = names or {track: identity_of(name, track) for name, track in walkers.embeddings}
        tracklets = [walk.tracklet for walk in walkers.walks[source.name]]
        _refuse_missing(names, tracklets, walkers, work.folder.path)
        _refuse_one_person_twice(names, tracklets)
        when = now()
        made = [
            Template.of(
                embedding,
                stored_walk(track, work.folder),
                identity="",
                name=names[track[1]],
                video=source.name,
                video_sha256=source.sha256,
                track=track[1],
                run=path_from(gallery.path, work.folder),
                enrolled=when,
                consent=consent.note,
                expires=consent.expires,
            )
            for track, embedding in walkers.embeddings.items()
            if track[1] in names
        ]
        rows = add_walks(gallery, made, merge) + [
            Enrolled(tracklet.track_id, "unusable", reason=walkers.unusable[tracklet.video, tracklet.track_id])
            if (tracklet.video, tracklet.track_id) in walkers.unusable
            else Enrolled(tracklet.track_id, "not named")
            for tracklet in tracklets
            if tracklet.track_id not in {template.track for template in made}
        ]
        rows.sort(key=lambda row: row.track)
        write_json(work.folder.results, _results(source.name, walkers, rows))
        register = Register.of(gallery)
        people = register.of_identities(row.identity for row in rows)
        draw_videos(prepared, walkers, {source.name: _labels(rows, people, register)}, work)
        if config.output.report:
            report_all(walkers.sources, walkers.walks, work, roster_of_enrolment(people.values(), len(register)))
    return rows, work.folder.path


def same_walk(one: Template, other: Template) -> bool:
    """Whether two templates are the very same walk of the same video."""
    return (
        (one.video_sha256, one.track, one.origin) == (other.video_sha256, other.track, other.origin)
        and one.parts.shape == other.parts.shape
        and bool((one.parts == other.parts).all())
    )


def there_already(gallery: Gallery, made: Sequence[Template]) -> dict[str, Template]:
    """Which of these walks a gallery has: its templates, first enrolled, by the identifiers of those that were made.

    Embeddings are read of the same videos' walks only.
    """
    others = gallery.templates(only={template.video_sha256 for template in made}, by="video_sha256")
    return {template.template: other for template in made for other in reversed(others) if same_walk(template, other)}


def add_walks(gallery: Gallery, made: Sequence[Template], merge: bool) -> list[Enrolled]:
    """Add what is new, under the identity that the name has, in one commit. Nobody else can write meanwhile.

    merge: as in `enrol`. Raises GalleryError for a name that is taken, and for a walk that has another name.
    """
    rows, new = [], []
    with gallery.writing() as writer:
        there = there_already(gallery, made)
        taken = namesakes(Register.of(gallery), {template.name for template in made})
        people = newest_of(gallery, taken.values()) if merge else {}
        identities: dict[str, tuple[str, str]] = {}  # of the names that this enrolment brings
        for template in made:
            if known := there.get(template.template):
                if looks(known.name) != looks(template.name) and not _by_track(template):
                    raise GalleryError(
                        f"track {template.track} is enrolled already, as {known.name!r}. "
                        f"Rename: gait gallery rename {known.identity[:8]} {template.name!r} --db {gallery.path}"
                    )
                rows.append(Enrolled(template.track, "there already", known.name, known.identity))
                continue
            person = taken.get(looks(template.name))
            if person and not merge:
                raise _taken(person, template.name)
            first = people[person.identity] if person else dataclasses.replace(template, identity=new_id())
            identity, name = identities.setdefault(looks(template.name), (first.identity, first.name))
            new.append(dataclasses.replace(template, identity=identity, name=name))
            rows.append(Enrolled(template.track, "added" if person else "new", name, identity))
        writer.add(new)
    return rows


def _by_track(template: Template) -> bool:
    return template.name == identity_of(template.video, template.track)


def _refuse_taken(register: Register, names: Collection[str]) -> None:
    taken = namesakes(register, names)
    for name in names:
        if person := taken.get(looks(name)):
            raise _taken(person, name)


def _taken(person: Who, name: str) -> GalleryError:
    alike = "" if person.name == name else f" (it looks like {name!r})"
    return GalleryError(
        f"{person.name!r} is enrolled already{alike}. Give --merge to add further walks to that person, "
        "or choose another name."
    )


def _refuse_missing(names: Mapping[int, str], tracklets: Sequence[Tracklet], walkers: Walkers, run: Path) -> None:
    there = {tracklet.track_id for tracklet in tracklets}
    reasons = {track: reason for (_, track), reason in walkers.unusable.items()}
    for track, name in names.items():
        if track not in there:
            known = ", ".join(map(str, sorted(there))) or "none"
            raise GalleryError(f"--name {track}={name}: there is no such track. Those of the video: {known}.")
        if track in reasons:
            raise GalleryError(f"--name {track}={name}: track {track} cannot be recognised ({reasons[track]}).")


def _refuse_one_person_twice(names: Mapping[int, str], tracklets: Sequence[Tracklet]) -> None:
    """Two tracks of one frame are two people, whatever they are called."""
    named = [tracklet for tracklet in tracklets if tracklet.track_id in names]
    together = covisible(named)
    for i, one in enumerate(named):
        for j, other in enumerate(named[:i]):
            if together[i, j] and looks(names[one.track_id]) == looks(names[other.track_id]):
                raise GalleryError(
                    f"tracks {other.track_id} and {one.track_id} are seen in the same frames, so they are two people, "
                    f"but both are called {names[one.track_id]!r}. Give one of them another name."
                )


def _results(video: str, walkers: Walkers, rows: Sequence[Enrolled]) -> dict[str, object]:
    """results.json as `gait run` writes it for a gallery, with who everybody is."""
    tree = results_tree(video, walkers.walks, {}, walkers.unusable)
    for row in rows:
        entry = tree["gallery"][video][f"{row.track:03d}"]
        if row.outcome == "not named":
            entry |= {"status": "not named", "reason": "others were named", "identity": None}
        elif row.outcome != "unusable":
            entry |= {"identity": row.identity, "name": row.name, "outcome": row.outcome}
    return tree


def _labels(rows: Sequence[Enrolled], people: Mapping[str, Who], register: Register) -> dict[int, Label]:
    """Names in the colours that `identify` will use; grey for those who were not enrolled. people: by identity."""
    names = {identity: person.name for identity, person in people.items()}
    titles = distinct_titles(names, (person.name for person in register))
    return {
        row.track: Label(titles[row.identity], "", identity_colour(people[row.identity].number))
        if row.identity in people
        else (UNUSABLE if row.outcome == "unusable" else Label("not enrolled", status="unusable"))
        for row in rows
    }
