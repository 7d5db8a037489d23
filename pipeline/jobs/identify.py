"""`gait identify`: who of the gallery's people is in these videos, and who is nobody of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pipeline.config import Config
from pipeline.drawing.annotate import Label
from pipeline.drawing.colours import GREY, Colour, identity_colour
from pipeline.drawing.lettering import distinct_titles
from pipeline.engine.progress import Progress
from pipeline.files import write_json
from pipeline.gallery.calibration import (
    Calibration,
    calibrated,
    judged_beforehand,
    judged_by,
    read_calibration,
    told,
)
from pipeline.gallery.discriminant import judged, stored_discriminant, told_of_discriminant
from pipeline.gallery.discriminant_file import StoredDiscriminant
from pipeline.gallery.names import handles
from pipeline.gallery.people import Person, people_of
from pipeline.gallery.search import Search
from pipeline.gallery.store import Gallery
from pipeline.gallery.strangers import Newcomer, newcomers, refuse_no_threshold
from pipeline.gallery.template import Template, now
from pipeline.gallery.walkers import (
    Prepared,
    Walkers,
    draw_videos,
    look_at,
    path_from,
    prepare,
    refuse_other_encoder,
    stored_walk,
)
from pipeline.jobs.enrol import there_already
from pipeline.jobs.roster import MOST_CANDIDATES, Compared, roster_of_gallery
from pipeline.matching import match_distances
from pipeline.matching.people import people_distances
from pipeline.matching.scores import scores_among
from pipeline.run import report_all
from pipeline.runs.folder import RunFolder
from pipeline.runs.results import results_tree
from pipeline.types import Match

UnknownAs = Literal["unknown", "new"]


@dataclass(frozen=True, slots=True)
class Known:
    """The people that probes are compared with. name_of: by identity, told apart where names are shared.

    title_of: what videos can show, colour_of: both by name.
    """

    people: Sequence[Person]
    templates: Sequence[Template]
    name_of: Mapping[str, str]
    title_of: Mapping[str, str]
    colour_of: Mapping[str, Colour]

    @classmethod
    def of(cls, templates: Sequence[Template]) -> Known:
        people = people_of(templates)
        name_of = handles({person.identity: person.name for person in people})
        return cls(
            people,
            templates,
            name_of,
            title_of={name_of[identity]: title for identity, title in distinct_titles(dict(name_of)).items()},
            colour_of={name_of[person.identity]: identity_colour(n) for n, person in enumerate(people)},
        )


def identify(
    videos: Sequence[str],
    path: Path,
    config: Config,
    unknown_as: UnknownAs = "unknown",
    checkpoints: Path | None = None,
    progress: Progress | None = None,
) -> Path:
    """Name everybody in the videos after the gallery at `path`; returns the run folder.

    unknown_as: new: people who are nobody of the gallery are kept in it under a label of their own, so that they are
    recognised when they come again. Templates past their expiry are not compared with.
    Raises GaitError for whatever a user can mend, before the work begins.
    """
    gallery = Gallery.open(path)
    templates = Search(gallery, config.matching).at_first()
    prepared = prepare(videos, config, checkpoints)
    refuse_other_encoder(prepared.encoder, {template.origin for template in templates}, path, config.profile)
    encoder = (prepared.encoder.model, prepared.encoder.checkpoint_sha256)
    stored, unused = stored_discriminant(path, config.matching, encoder)
    search = Search(gallery, config.matching, fitted=stored)
    if unknown_as == "new":  # refused now rather than after the work
        refuse_no_threshold(judged_beforehand(path, config.matching, *encoder), prepared.encoder.model)
        with gallery.writing():
            pass
    work = prepared.begin(progress)
    with work.folder.working(), work.record.following():
        if not gallery.facts().rows:
            work.record.warn(f"{path}: nobody is enrolled, so everybody is unknown")
        walkers = look_at(prepared, work)
        current = search.shortlist(list(walkers.embeddings.values()))  # others may have enrolled meanwhile
        refuse_other_encoder(prepared.encoder, {template.origin for template in current}, path, config.profile)
        calibration, doubts = _judged(path, search, current, config, stored)
        for caution in (*search.cautions(), *([unused] if unused else []), *doubts):
            work.record.warn(caution)
        known = Known.of(current)
        with work.record.meter.time("match", tracks=len(walkers.embeddings)):
            matches = match_all(walkers, known, config, calibration, stored)
        new: list[Newcomer] = []
        if unknown_as == "new":
            new = _keep_unknown(gallery, walkers, matches, known, prepared, work.folder, calibration, stored)
        results = _results(path, prepared, walkers, matches, known, new, calibration)
        results["backend"] = told_of_discriminant(stored)
        write_json(work.folder.results, results)
        draw_videos(prepared, walkers, _labels(matches, known, new), work)
        if config.output.report:
            colours = {who: known.colour_of[name] for who, name in known.name_of.items()}
            embeddings, matching = walkers.embeddings, config.matching
            compared = Compared(
                gallery, known.people, known.name_of, colours, matches, embeddings, new, matching, calibration, stored
            )
            report_all(walkers.sources, walkers.walks, work, roster_of_gallery(compared))
    return work.folder.path


def _judged(
    path: Path, search: Search, current: Sequence[Template], config: Config, stored: StoredDiscriminant | None
) -> tuple[Calibration | None, list[str]]:
    """The gallery's calibration, if it may be used, and what the user should know of it and of the discriminant."""
    calibration = read_calibration(path)
    if calibration is None and stored is None:
        return None, []
    return judged(calibration, stored, search.everybody(current), config.matching, path)


def match_all(
    walkers: Walkers,
    known: Known,
    config: Config,
    calibration: Calibration | None = None,
    stored: StoredDiscriminant | None = None,
) -> dict[str, list[Match]]:
    """Every track's answer, by video; identities are those of the gallery's people.

    calibration: gives the threshold, unless the settings do, and the confidences; stored: the gallery's discriminant.
    """
    matching = judged_by(calibration, config.matching)
    owners = [template.identity for template in known.templates]
    gallery = [template.embedding() for template in known.templates]
    matches = {}
    for video, walks in walkers.walks.items():
        probes = [embedding for (name, _), embedding in walkers.embeddings.items() if name == video]
        weights = [template.weight for template in known.templates]
        distances = people_distances(
            probes, gallery, owners, weights, matching, stored.discriminant if stored else None
        )
        reasons = {track: reason for track, reason in walkers.unusable.items() if track[0] == video}
        names = [known.name_of[person.identity] for person in known.people]
        tracklets = [walk.tracklet for walk in walks]
        found = match_distances(probes, names, distances, tracklets, reasons, matching)
        matches[video] = [calibrated(match, calibration) for match in found]
    return matches


def _keep_unknown(
    gallery: Gallery,
    walkers: Walkers,
    matches: Mapping[str, Sequence[Match]],
    known: Known,
    prepared: Prepared,
    folder: RunFolder,
    calibration: Calibration | None,
    stored: StoredDiscriminant | None,
) -> list[Newcomer]:
    """Keep the unknown under labels of their own, and further walks of those who have one already; one commit.

    Returns who is new; tracks of one person share a label.
    """
    answers = {(match.video, match.track_id): match for found in matches.values() for match in found}
    unnamed = {known.name_of[p.identity]: p for p in known.people if not p.templates[-1].named}
    walks = [walk for found in walkers.walks.values() for walk in found if answers[walk.track].status == "unknown"]
    embeddings = [walkers.embeddings[walk.track] for walk in walks]
    matching = judged_by(calibration, prepared.config.matching)
    enrolled, owners = [one.embedding() for one in known.templates], [one.identity for one in known.templates]
    apart = scores_among(embeddings, enrolled, owners, matching, stored.discriminant if stored else None)
    found = newcomers(embeddings, [walk.tracklet for walk in walks], apart, matching)
    labels = {track: (newcomer.identity, newcomer.name) for newcomer in found for track in newcomer.tracks}
    for track, match in answers.items():
        if match.identity in unnamed:
            labels[track] = unnamed[match.identity].identity, unnamed[match.identity].name
    sha256 = {source.name: source.sha256 for source in prepared.sources}
    when = now()
    made = [
        Template.of(
            walkers.embeddings[track],
            stored_walk(track, folder),
            identity=identity,
            name=name,
            named=False,
            video=track[0],
            video_sha256=sha256[track[0]],
            track=track[1],
            run=path_from(gallery.path, folder),
            enrolled=when,
        )
        for track, (identity, name) in sorted(labels.items())
    ]
    with gallery.writing() as writer:
        there = there_already(gallery, made)
        writer.add([template for template in made if template.template not in there])
    return found


def _results(
    path: Path,
    prepared: Prepared,
    walkers: Walkers,
    matches: Mapping[str, Sequence[Match]],
    known: Known,
    new: Sequence[Newcomer],
    calibration: Calibration | None,
) -> dict[str, Any]:
    """results.json: `probes` as `gait run` writes them, identities being the gallery's and names beside them."""
    shown = {
        video: [dataclasses.replace(match, candidates=match.candidates[:MOST_CANDIDATES]) for match in found]
        for video, found in matches.items()
    }
    first = prepared.job.gallery.name
    tree = results_tree(first, walkers.walks, shown, walkers.unusable)
    identity_of = {name: identity for identity, name in known.name_of.items()}
    label = {track: newcomer for newcomer in new for track in newcomer.tracks}
    for video, tracks in tree["probes"].items():
        for number, entry in tracks.items():
            entry["name"] = entry["identity"]
            entry["identity"] = identity_of.get(entry["identity"])
            entry["candidates"] = [
                {"identity": identity_of[one["identity"]], "name": one["identity"], "distance": one["distance"]}
                for one in entry["candidates"]
            ]
            if calibration is not None and entry["distance"] is not None:
                entry["fpir"] = round(calibration.false_positive(entry["distance"]), 6)
            newcomer = label.get((video, int(number)))
            if newcomer:
                entry |= {"identity": newcomer.identity, "name": newcomer.name}
    seen = {person.identity: {template.video for template in person.templates} for person in known.people}
    for video, answers in matches.items():
        for match in answers:
            if match.identity is not None:
                seen[identity_of[match.identity]].add(video)
    tree["gallery"] = {}
    tree["people"] = {
        person.identity: {
            "name": known.name_of[person.identity],
            "named": person.templates[-1].named,
            "templates": len(person.templates),
            "videos": sorted(seen[person.identity]),
        }
        for person in known.people
    }
    rule = prepared.config.matching.templates
    return {**tree, "db": path.name, "rule": rule, "calibration": told(calibration)}


def _labels(
    matches: Mapping[str, Sequence[Match]], known: Known, new: Sequence[Newcomer]
) -> dict[str, dict[int, Label]]:
    """What is written at every track, by video: the name, in a colour that is the person's in all videos."""
    found = {
        video: {
            match.track_id: Label.of(
                match,
                known.title_of.get(match.identity or "", ""),
                known.colour_of.get(match.identity or "", GREY),
            )
            for match in answers
        }
        for video, answers in matches.items()
    }
    for number, newcomer in enumerate(new, start=len(known.people)):
        for video, track in newcomer.tracks:
            found[video][track] = Label(newcomer.name, "new", identity_colour(number), "unknown")
    return found
