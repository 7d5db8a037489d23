"""A run decided again from what lies in its folder: tracks, silhouettes, embeddings. No video is decoded.

results.json and report.html are written anew; annotated videos need the video, and stay as they are.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.config import Config
from pipeline.engine.progress import Progress
from pipeline.errors import InputError
from pipeline.files import atomic, json_bytes, read_json
from pipeline.gallery.reviews import Review, read_reviews, run_key
from pipeline.gallery.rows import briefs_of
from pipeline.gallery.store import Gallery
from pipeline.gallery.template import Template
from pipeline.jobs.analyse import Analysis
from pipeline.jobs.enrol import path_from
from pipeline.jobs.identify import Compared, Planned, compared_with, results_of
from pipeline.jobs.people import People
from pipeline.jobs.roster import roster_of_gallery
from pipeline.jobs.run import results_of as results_of_run
from pipeline.jobs.session import Session
from pipeline.jobs.strangers import Newcomer
from pipeline.profiles import load_config
from pipeline.recognition.features import write_features
from pipeline.report import Roster, report_of
from pipeline.report.roster import card_in
from pipeline.runs.job import Source, Video
from pipeline.runs.reader import Run
from pipeline.runs.results import TrackResult
from pipeline.runs.tracks import read_input, read_tracks, unusable_tracks
from pipeline.types import Embedding, Match, TrackKey, identity_of
from pipeline.video import VideoInfo

OWN = "people"  # in the folder of a run with a gallery video: the gallery that its first review makes of that


@dataclass(frozen=True, slots=True)
class Changed:
    """A track whose answer is another one now. told: because a person said so."""

    before: TrackResult
    after: TrackResult
    told: bool


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a run that was decided again.

    Attributes:
        run: As it is now.
        gallery: What it was compared with; None for its own gallery video.
        before: Walks that were named, and unknown ones.
        after: The same now.
        changed: The answers that are others now.
        judged: Walks of this run of which a person told the answer.
        right_before: How many of these answers were right when they were looked at.
        right_now: How many the program would get right now, each without being told and without its own template.
    """

    run: Run
    gallery: Path | None
    before: tuple[int, int]
    after: tuple[int, int]
    changed: tuple[Changed, ...]
    judged: int = 0
    right_before: int = 0
    right_now: int = 0


@dataclass(frozen=True, slots=True)
class Reopened:
    """A run whose folder is held, with its encoder. key: tells it wherever it lies."""

    run: Run
    session: Session
    found: Analysis
    key: str

    @property
    def probes(self) -> list[str]:
        """The names of the probe videos."""
        return list(self.run.probes)

    @property
    def searched(self) -> Analysis:
        """Of the probe videos alone."""
        kept = set(self.probes)
        return replace(
            self.found,
            tracks={video: tracks for video, tracks in self.found.tracks.items() if video in kept},
            unusable={key: why for key, why in self.found.unusable.items() if key[0] in kept},
            embeddings={key: one for key, one in self.found.embeddings.items() if key[0] in kept},
        )


@dataclass(frozen=True, slots=True)
class Decision:
    """New answers that are not written yet. files: content of those that are; judged: what persons told of the run."""

    outcome: Outcome
    compared: Compared | None
    files: Mapping[Path, bytes]


def again(
    path: Path, db: Path | None = None, checkpoints: Path | None = None, progress: Progress | None = None
) -> Outcome:
    """Decide a run again, by the gallery and by what persons said as both are now.

    Args:
        path: The run folder.
        db: The gallery; None: the one that the run was compared with.
        checkpoints: A folder that is searched for weights first.
        progress: Where progress is shown; nowhere by default.

    Raises:
        GaitError: Whatever a user can mend.
    """
    with reopened(path, checkpoints, progress) as run:
        where = gallery_of(run.run, db)
        decision = decide(run, Gallery.open(where) if Gallery.exists(where) or db else None)
        with published(decision.files):
            if db:
                run.session.folder.keep_gallery(db, config_of(run.run).model_dump(mode="json"))
        if decision.compared is None or decision.outcome.gallery is None:
            return decision.outcome
        return judged_outcome(decision.outcome, run, decision.compared, reviews_of(Gallery.open(where)))


@contextlib.contextmanager
def reopened(path: Path, checkpoints: Path | None = None, progress: Progress | None = None) -> Iterator[Reopened]:
    """Hold a run's folder, with everybody in it embedded by the encoder of its settings."""
    run = Run.open(path)
    if not run.probes:
        raise InputError(f"{path}: nobody was searched for in this run. Give a run of gait run or gait identify.")
    session = Session.reopen(run.folder, config_of(run), checkpoints, progress)
    with run.folder.working():
        key = run_key(path.resolve().name, str(run.record.get("started", "")))
        yield Reopened(run, session, _analysis(run, session), key)


def config_of(run: Run) -> Config:
    """The settings of a run: as they are kept beside its folder, else as run.json has them, without paths."""
    for kept in (run.folder.compared, run.folder.resumption):
        if kept.is_file() and isinstance(tree := read_json(kept).get("config"), dict):
            return load_config(tree)
    return load_config(dict(run.record.get("config", {})))


def gallery_of(run: Run, db: Path | None) -> Path:
    """The gallery that a run is about. Raises InputError where nobody knows it."""
    if db is not None:
        return db
    if run.folder.compared.is_file():
        return Path(str(read_json(run.folder.compared).get("db")))
    if run.gallery:
        return run.path / OWN
    raise InputError(f"{run.path}: which gallery it was compared with is not known here. Give --db DIR.")


def is_own(run: Run, gallery: Path) -> bool:
    """Whether a gallery is the one that a run with a gallery video has in its folder."""
    return bool(run.gallery) and gallery.resolve() == (run.path / OWN).resolve()


def decide(run: Reopened, gallery: Gallery | None, planned: Planned | None = None) -> Decision:
    """The answers of a run by a gallery, or by its own gallery video where there is none. Nothing is written.

    planned: what the gallery will be.
    """
    session, found = run.session, run.found
    if gallery is None:
        (video,) = run.run.gallery
        people = People.of_tracks(found.of(video), session.config.matching, session.cohort)
        matches = people.match_videos(session, found, run.probes)
        return _decision(run, None, results_of_run(video, found, people, matches), None)
    planned = planned or Planned()
    old = {track.key: track for tracks in run.run.probes.values() for track in tracks}
    labels = {key: track.identity for key, track in old.items() if track.status == "unknown" and track.identity}
    called = called_in(run, gallery, planned.more)
    planned = replace(planned, called=called, enrolled=True, labels=labels)
    compared = compared_with(session, gallery, run.searched, planned)
    for caution in compared.cautions:
        session.record.warn(caution)
    matches = compared.people.match_videos(session, run.searched, run.probes)
    new = _still_new(compared, labels)
    tree = results_of(gallery, run.searched, compared, matches, new)
    tree["gallery"] = _gallery_tree(run, compared)
    roster = roster_of_gallery(gallery, compared.people, compared.persons, matches, found.embeddings, new)
    return _decision(run, gallery, tree, (compared, _with_pictures(run, gallery, compared, roster)))


def judged_outcome(outcome: Outcome, run: Reopened, compared: Compared, reviews: Sequence[Review]) -> Outcome:
    """The same with how many of the walks that persons judged were right, and would be now, each without being told."""
    keys = {f"{video}/{number}": (video, number) for video, number in run.searched.embeddings}
    said = {
        keys[item.track]: item.said == "right" or (item.said == "new" and item.refused is None)  # unknown: so it was
        for one in reviews
        for item in one.items
        if item.run == run.key and item.track in keys
    }
    right = 0
    for key in said:
        found = compared.people.untold(key).match_videos(run.session, run.searched, run.probes)
        (match,) = (one for one in found[key[0]] if one.track_id == key[1])
        right += _agrees(match, compared.people)
    return replace(outcome, judged=len(said), right_before=sum(said.values()), right_now=right)


def _agrees(match: Match, people: People) -> bool:
    """Whether an answer is what a person told; of somebody with no other walk, whether it is unknown."""
    key = match.video, match.track_id
    told, own = people.said.settled.get(key), people.said.own.get(key, ())
    if told is None:  # all that is known is who it is not
        return match.identity is None or people.identities[match.identity] not in people.said.refused.get(key, ())
    others = {people.names[who] for who, one in zip(people.owners, people.ids, strict=True) if one not in own}
    return match.identity == (told.name if told.name in others else None)


def reviews_of(gallery: Gallery) -> list[Review]:
    """All that count."""
    there = gallery.reading(lambda: {brief.template for brief in briefs_of(gallery.table(), None)})
    return read_reviews(gallery.path, there)


@contextlib.contextmanager
def published(files: Mapping[Path, bytes]) -> Iterator[None]:
    """Write files whole beside their places, do what the block does, and only then let them take their places."""
    with contextlib.ExitStack() as waiting:
        for path, content in reversed(list(files.items())):  # the first comes last, and so takes its place first
            waiting.enter_context(atomic(path)).write(content)
        yield


def called_in(run: Reopened, gallery: Gallery, more: Sequence[Template] = ()) -> dict[str, str]:
    """What a run with a gallery video calls the people that were enrolled from it: identity → `<video>-<track>`."""
    hashes = {str(run.run.about(video).get("sha256") or ""): video for video in run.run.gallery}
    enrolled = {track.key for tracks in run.run.gallery.values() for track in tracks if track.status == "enrolled"}
    there = [*gallery.templates(only=set(filter(None, hashes)), by="video_sha256"), *more]
    called: dict[str, str] = {}
    for one in there:
        key = hashes.get(one.video_sha256, ""), one.track
        if key in enrolled and np.array_equal(one.parts, run.found.embeddings[key].parts.astype(np.float16)):
            called.setdefault(one.identity, identity_of(*key))
    return called


def _analysis(run: Run, session: Session) -> Analysis:
    """Everybody in the videos of a run, as they lie in its folder; those of another encoder are embedded anew."""
    folder, encoder = run.folder, session.encoder
    sources = {video: _source(run, video) for video in run.videos}
    tracks = {video: read_tracks(video, run.fps(video), folder, encoder.needs, session.config) for video in run.videos}
    unusable = unusable_tracks((track for of in tracks.values() for track in of), encoder.needs, session.config)
    embeddings: dict[TrackKey, Embedding] = {}
    for track in (track for of in tracks.values() for track in of if track.key not in unusable):
        stored = run.embedding(track.key)
        if stored is None or (stored.model, stored.checkpoint_sha256) != (encoder.model, encoder.checkpoint_sha256):
            (stored,) = encoder.encode([read_input(track.key, folder, encoder.needs, session.config)])
            write_features(folder.features(*track.key), stored)
            run.forget(track.key)
        embeddings[track.key] = stored
    return Analysis(sources, tracks, unusable, embeddings)


def _source(run: Run, video: str) -> Source:
    about = run.about(video)
    width, height = about.get("size") or (0, 0)
    info = VideoInfo(
        str(about.get("path", "")), video, int(width), int(height), run.fps(video), Fraction(1, 1000), None, 0, None, ""
    )
    return Source(Video(video, str(about.get("path", ""))), info, str(about.get("sha256") or ""), "", "")


def _still_new(compared: Compared, labels: Mapping[TrackKey, str]) -> list[Newcomer]:
    """The strangers whom this run has kept under a label, as far as they still are."""
    people, tracks = compared.people, dict[str, list[TrackKey]]()
    for key, identity in labels.items():
        settled = people.said.settled.get(key)
        if settled is not None and settled.name is None and identity in people.names:
            tracks.setdefault(identity, []).append(key)
    return [Newcomer(identity, people.names[identity], tuple(sorted(of))) for identity, of in tracks.items()]


def _gallery_tree(run: Reopened, compared: Compared) -> dict[str, Any]:
    """What results.json says of the run's own gallery video: the same as before, with the names of today."""
    names = compared.people.names

    def entry(track: TrackResult) -> dict[str, Any]:
        identity = identity_of(*track.key)
        name = names.get(identity, track.name) if track.status == "enrolled" else track.name
        return replace(track, name=name).as_json(False, names=True)

    return {video: {f"{track.id:03d}": entry(track) for track in tracks} for video, tracks in run.run.gallery.items()}


def _with_pictures(run: Reopened, gallery: Gallery, compared: Compared, roster: Roster) -> Roster:
    """The same roster; whoever was enrolled from this run has the run's pictures."""
    here = path_from(gallery.path, run.session.folder)
    of = {
        f"/{one.template}": (one.video, one.track)
        for person in compared.persons
        for one in person.templates
        if one.run == here
    }
    tracks = {track.key for video in run.run.videos for track in run.run.tracks(video)}

    def card_of(track: TrackKey, identity: str) -> Any:
        card = roster.card_of(track, identity)
        key = of.get(card.key[0]) if card else None
        return card_in(run.run, key) if key in tracks and key else card

    return replace(roster, task="run" if run.run.gallery else "identify", card_of=card_of)


def _decision(
    run: Reopened, gallery: Gallery | None, tree: Mapping[str, Any], seen: tuple[Compared, Roster] | None
) -> Decision:
    content = json_bytes(tree)
    after = Run.of(run.run.folder, run.run.record, json.loads(content))
    files = {run.run.folder.results: content}
    if run.session.config.output.report:
        files[run.run.folder.report] = report_of(after, seen[1] if seen else None)
    told = seen[0].people.said.settled if seen else {}
    old = {track.key: track for tracks in run.run.probes.values() for track in tracks}
    changed = [
        Changed(old[track.key], track, track.key in told)
        for tracks in after.probes.values()
        for track in tracks
        if track.key in old and (old[track.key].status, old[track.key].identity) != (track.status, track.identity)
    ]
    outcome = Outcome(after, gallery.path if gallery else None, _counts(run.run), _counts(after), tuple(changed))
    return Decision(outcome, seen[0] if seen else None, files)


def _counts(run: Run) -> tuple[int, int]:
    tracks = [track for of in run.probes.values() for track in of]
    return sum(track.status == "known" for track in tracks), sum(track.status == "unknown" for track in tracks)
