"""`gait review`: a person says of a run's answers which are right, which are wrong and who it is instead.

The walk becomes a template, with its quality and where it comes from; who said it and when is kept with it; and the
search for it is one more of which the answer is known. It is one commit: a kill leaves the old state or the new.
"""

from __future__ import annotations

import contextlib
import getpass
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.engine.progress import Progress
from pipeline.errors import ConfigError, GalleryError, InputError
from pipeline.feedback.again import (
    Outcome,
    Reopened,
    called_in,
    config_of,
    decide,
    gallery_of,
    is_own,
    judged_outcome,
    published,
    reopened,
    reviews_of,
)
from pipeline.feedback.answers import Answer, Said, answers_of, track_text
from pipeline.gallery.names import checked_name
from pipeline.gallery.people import namesake
from pipeline.gallery.register import Register
from pipeline.gallery.reviews import Item, Review, measured_by, walk_of, write_reviews
from pipeline.gallery.store import Gallery, Writer
from pipeline.gallery.template import Template, moments, new_id, now
from pipeline.jobs.enrol import same_track, template_of
from pipeline.jobs.identify import Compared, Planned, compared_with
from pipeline.matching.evidence import Judged
from pipeline.types import TrackKey, identity_of

LONGEST_BY = 100  # characters


def review(
    path: Path,
    said: Said,
    db: Path | None = None,
    checkpoints: Path | None = None,
    progress: Progress | None = None,
) -> Outcome:
    """Enrol what a person said of a run in the gallery, and decide the run again.

    Args:
        path: The run folder.
        said: What the person says.
        db: The gallery; None: the one that the run was compared with. A run with a gallery video gets one of its own
            in its folder, with everybody in that video.
        checkpoints: A folder that is searched for weights first.
        progress: Where progress is shown; nowhere by default.

    Raises:
        GaitError: Whatever a user can mend. Nothing is changed then.
    """
    return review_runs({path: said}, db, checkpoints, progress)[0]


def review_runs(
    said: Mapping[Path, Said],
    db: Path | None = None,
    checkpoints: Path | None = None,
    progress: Progress | None = None,
) -> list[Outcome]:
    """The same of several runs that were compared with one gallery, all in one commit. said: by run folder."""
    (by,) = {_by(one.by) for one in said.values()}
    if not any(one.tracks for one in said.values()):
        raise ConfigError("nothing is said. Give --right TRACK, --wrong TRACK=NAME or --new TRACK=NAME.")
    with contextlib.ExitStack() as held:
        runs = [(held.enter_context(reopened(path, checkpoints, progress)), one) for path, one in said.items()]
        gallery, noted = _gallery_for([run for run, _ in runs], db)
        for run, _ in runs:
            if run.session.cohort is not None:
                run.session.cohort()  # before others have to wait
        with gallery.writing() as writer:
            everybody = [one for run, _ in runs for one in _of_the_gallery_video(run, gallery)]
            kept, made, new = reviews_of(gallery), _Made([], []), dict[str, str]()
            for run, one in runs:
                called = called_in(run, gallery, everybody)
                planned = Planned(more=everybody, called=called, enrolled=True)
                before = compared_with(run.session, gallery, run.searched, planned)
                answers = answers_of(run, one, before, kept, new)
                made.add(run, gallery, answers, before, called)
            first = runs[0][0].session
            latest = Review(
                id=new_id(), by=by, at=now().isoformat(timespec="seconds"), model=first.encoder.model,
                checkpoint_sha256=first.encoder.checkpoint_sha256, compared_by=measured_by(first.config.matching),
                items=tuple(made.items),
            )  # fmt: skip
            after = Planned(more=[*everybody, *made.templates], reviews=[*kept, latest])
            decisions = [decide(run, gallery, after) for run, _ in runs]
            with published({path: content for one in decisions for path, content in one.files.items()}):
                commit(gallery, writer, after.more, [*kept, latest])
        for run, _ in runs if noted else ():
            run.session.folder.keep_gallery(gallery.path, config_of(run.run).model_dump(mode="json"))
        return [
            judged_outcome(decision.outcome, run, decision.compared, [*kept, latest])
            for decision, (run, _) in zip(decisions, runs, strict=True)
            if decision.compared is not None
        ]


def _gallery_for(runs: Sequence[Reopened], db: Path | None) -> tuple[Gallery, bool]:
    """The gallery that these runs are about, and whether that has to be noted. One of a gallery video is made."""
    (where, *others) = [gallery_of(run.run, db) for run in runs]
    if any(other.resolve() != where.resolve() for other in others):
        raise InputError(f"{where} and {others[0]}: these runs are about several galleries. Give --db DIR.")
    made = bool(runs[0].run.gallery) and (db is not None or is_own(runs[0].run, where))
    return Gallery.create(where) if made else Gallery.open(where), not is_own(runs[0].run, where)


def undo(
    path: Path, db: Path | None = None, checkpoints: Path | None = None, progress: Progress | None = None
) -> tuple[Review, Outcome]:
    """Take back the latest review of a run, with the templates that it brought, and decide the run again.

    Raises GaitError; where nobody has reviewed the run, too.
    """
    with reopened(path, checkpoints, progress) as run:
        gallery = Gallery.open(gallery_of(run.run, db))
        with gallery.writing() as writer:
            kept = reviews_of(gallery)
            last = next((one for one in reversed(kept) if any(item.run == run.key for item in one.items)), None)
            if last is None:
                raise GalleryError(f"{path}: there is no review of this run in {gallery.path}. Nothing is taken back.")
            rest = [one for one in kept if one.id != last.id]
            untouched = not rest and is_own(run.run, gallery.path) and _all_by_track(gallery, last.added)
            planned = Planned(without=frozenset(last.added), reviews=rest)
            decision = decide(run, None if untouched else gallery, planned)
            with published(decision.files):
                if last.added:
                    write_reviews(gallery.path, [_pending(one) if one is last else one for one in kept])
                    writer.rewrite(dict.fromkeys(last.added))
                write_reviews(gallery.path, rest)
        if untouched:  # the run is as it was before its first review
            shutil.rmtree(gallery.path, ignore_errors=True)
        outcome = decision.outcome
        if decision.compared is not None:
            outcome = judged_outcome(outcome, run, decision.compared, rest)
        return last, outcome


def _all_by_track(gallery: Gallery, without: Sequence[str]) -> bool:
    """Whether nobody of a run's own gallery has got a name since; without: templates that do not count."""
    others = [one for one in gallery.templates() if one.template not in without]
    return all(one.name == identity_of(one.video, one.track) for one in others)


def commit(gallery: Gallery, writer: Writer, templates: Sequence[Template], reviews: Sequence[Review]) -> None:
    """Keep templates and reviews, the last of which brought them: it counts once they are there."""
    writer.sweep()
    *others, last = reviews
    if last.added:
        write_reviews(gallery.path, [*others, _pending(last)])
    writer.add(templates)
    write_reviews(gallery.path, reviews)


def who(by: str) -> str:
    """Who says so: the name given, or that of the login."""
    with contextlib.suppress(OSError, KeyError, ImportError):
        return by or getpass.getuser()
    return by or "somebody"


def _by(by: str) -> str:
    name = checked_name(who(by))
    if len(name) > LONGEST_BY:
        raise ConfigError(f"--by: a name of {len(name)} characters. Give one of at most {LONGEST_BY}.")
    return name


def _pending(review: Review) -> Review:
    return review.model_copy(update={"pending": True})


@dataclass(frozen=True, slots=True)
class _Made:
    """What is added to the gallery."""

    templates: list[Template]
    items: list[Item]

    def add(
        self, run: Reopened, gallery: Gallery, answers: Sequence[Answer], before: Compared, called: Mapping[str, str]
    ) -> None:
        """Add what is said of one run. called: as `Planned` has it."""
        stored = {other: identity for identity, other in called.items()}
        tracks = {track.key: track.tracklet for of in run.found.tracks.values() for track in of}
        hashes = {one.sha256 for one in run.found.sources.values() if one.sha256}
        there, judged = gallery.templates(only=hashes, by="video_sha256"), _judged(run, before, answers)
        for answer, moment in zip(answers, moments(), strict=False):
            template, added = None, False
            if answer.identity is not None:
                made = template_of(
                    run.found, answer.key, run.session.folder, gallery.path, name=_stored_name(before, answer),
                    identity=stored.get(answer.identity, answer.identity), enrolled=moment,
                )  # fmt: skip
                same = next((one for one in there if same_track(made, one)), None)
                if same is not None and same.identity != made.identity:
                    raise GalleryError(
                        f"{track_text(answer.key)}: this walk is enrolled already, as {same.name!r}. Move it: "
                        f"gait gallery split {same.name!r} NAME {same.template} --db {gallery.path}"
                    )
                template, added = same or made, same is None
                self.templates.extend([made] if added else [])
            told = judged.get(answer.key) or Judged(None, (), 0)
            self.items.append(
                Item(
                    walk=walk_of(tracks[answer.key], run.found.sources[answer.key[0]].sha256), run=run.key,
                    track=track_text(answer.key), said=answer.said, template=template.template if template else None,
                    added=added, refused=answer.refused and stored.get(answer.refused, answer.refused), own=told.own,
                    others=told.others, people=told.people,
                )
            )  # fmt: skip


def _judged(run: Reopened, before: Compared, answers: Sequence[Answer]) -> dict[TrackKey, Judged]:
    """What the searches tell now that their answers are known, by deviations of before."""
    told = {one.key: one.identity for one in answers if one.identity or one.said == "right"}
    refused = {one.key: one.refused for one in answers if one.key not in told}
    found = before.people.judge(
        [one for of in run.probes for one in run.found.of(of)],
        [track.tracklet for of in run.probes for track in run.found.tracks[of]],
        {**told, **refused},
    )
    for key in refused:  # nobody knows who it is, only who it is not
        one = found.pop(key, None)
        if one is not None and one.own is not None:
            found[key] = Judged(None, (one.own,), 1)
    return found


def _of_the_gallery_video(run: Reopened, gallery: Gallery) -> list[Template]:
    """Templates of everybody in the run's own gallery video who is not enrolled yet, named by their tracks."""
    made = [
        template_of(
            run.found, track.key, run.session.folder, gallery.path,
            identity=new_id(), name=identity_of(*track.key), enrolled=moment,
        )
        for tracks in run.run.gallery.values()
        for track, moment in zip([one for one in tracks if one.key in run.found.embeddings], moments(), strict=False)
        if track.status == "enrolled"
    ]  # fmt: skip
    if not made:
        return []
    there = gallery.templates(only={one.video_sha256 for one in made if one.video_sha256}, by="video_sha256")
    missing = [one for one in made if not any(same_track(one, other) for other in there)]
    register = Register.of(gallery)
    for one in missing:
        if taken := namesake(register, one.name):
            raise GalleryError(
                f"{gallery.path}: {taken.name!r} is enrolled from another video. Rename them, or give another --db."
            )
    return missing


def _stored_name(before: Compared, answer: Answer) -> str:
    """The person's name as the gallery has it: that of namesakes has been told apart."""
    person = next((one for one in before.persons if one.identity == answer.identity), None)
    return person.templates[-1].name if person else answer.name
