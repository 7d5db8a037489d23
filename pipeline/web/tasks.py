"""What a job of the app does, as values that can be sent to a process: what the commands of the same names do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from pipeline.config import Config
from pipeline.engine.progress import Progress
from pipeline.runs.job import plan

if TYPE_CHECKING:
    from pipeline.feedback.again import Outcome
    from pipeline.feedback.say import Said

MOST_PICTURES = 6  # of one stranger


class Task(Protocol):
    """Does its work and returns the run folder, or what there is to tell, as JSON has it. Raises GaitError."""

    def __call__(self, progress: Progress) -> Path | Mapping[str, Any]: ...


@dataclass(frozen=True, slots=True)
class RunTask:
    """`gait run`."""

    gallery: str
    probes: Sequence[str]
    config: Config
    checkpoints: Path | None

    def __call__(self, progress: Progress) -> Path:
        from pipeline.jobs.run import run

        return run(plan(self.gallery, self.probes), self.config, self.checkpoints, progress=progress)


@dataclass(frozen=True, slots=True)
class IdentifyTask:
    """`gait identify`."""

    videos: Sequence[str]
    db: Path
    config: Config
    checkpoints: Path | None

    def __call__(self, progress: Progress) -> Path:
        from pipeline.jobs.identify import identify

        return identify(self.videos, self.db, self.config, "unknown", self.checkpoints, progress)


@dataclass(frozen=True, slots=True)
class EnrolTask:
    """`gait enrol`. clips: by path, whose each is, "" for one of several people; names: theirs, by track."""

    clips: Mapping[str, str]
    db: Path
    names: Mapping[int, str]
    consent: str
    expires: str
    merge: bool
    config: Config
    checkpoints: Path | None

    def __call__(self, progress: Progress) -> Path:
        from pipeline.gallery.people import expiry
        from pipeline.gallery.template import now
        from pipeline.jobs.enrol import Enrolment, enrol
        from pipeline.jobs.enrol_folder import enrol_clips
        from pipeline.runs.clips import Clip

        until = expiry(self.expires, now()) if self.expires else None
        wanted = Enrolment(self.names, self.merge, self.consent, until)
        how = self.db, self.config, wanted, self.checkpoints, progress
        if not all(self.clips.values()):
            return enrol(next(iter(self.clips)), *how)[1]
        clips = [Clip(name, Path(path), f"{name}/{Path(path).name}") for path, name in self.clips.items()]
        return enrol_clips((clips, ()), *how)


@dataclass(frozen=True, slots=True)
class ReviewTask:
    """`gait review`. undo: take the latest of this run back."""

    run: Path
    said: Said
    undo: bool
    db: Path | None
    checkpoints: Path | None

    def __call__(self, progress: Progress) -> Mapping[str, Any]:
        from pipeline.feedback import say

        if self.undo:
            last, outcome = say.undo(self.run, self.db, self.checkpoints, progress)
            told = f"Taken back: what was said of {len(last.items)} walk{'s' * (len(last.items) != 1)}."
        else:
            outcome = say.review(self.run, self.said, self.db, self.checkpoints, progress)
            told = "Enrolled, and decided again."
        return {"said": f"{told} {_changed(outcome)}", "changed": len(outcome.changed)}


@dataclass(frozen=True, slots=True)
class StrangersTask:
    """`gait gallery strangers`. names: for groups, by their labels."""

    runs: Sequence[Path]
    db: Path
    names: Mapping[str, str]
    by: str
    checkpoints: Path | None

    def __call__(self, progress: Progress) -> Mapping[str, Any]:
        from pipeline.feedback.strangers import name_strangers, strangers
        from pipeline.report.groups import picture_of
        from pipeline.runs.reader import Run

        found, said = strangers(self.runs, self.db, self.checkpoints, progress), ""
        if self.names:
            outcomes = name_strangers(found, self.names, self.by, self.db, self.checkpoints)
            said = f"Enrolled: {', '.join(self.names.values())}. Runs that were decided again: {len(outcomes)}."
            found = strangers(self.runs, self.db, self.checkpoints, progress)
        opened = {path: Run.open(path) for path in found.runs}
        groups = [
            {
                "name": group.name, "walks": len(group.walks), "first": group.first, "last": group.last,
                "cards": [
                    asdict(picture_of(opened[walk.run], walk.key, walk.where))
                    for walk in sorted(group.walks, key=lambda walk: -walk.track.silhouettes)[:MOST_PICTURES]
                ],
            }
            for group in found.groups
        ]  # fmt: skip
        return {"said": said, "groups": groups}


@dataclass(frozen=True, slots=True)
class SuggestTask:
    """`gait gallery suggest`."""

    db: Path
    config: Config
    checkpoints: Path | None

    def __call__(self, progress: Progress) -> Mapping[str, Any]:
        from pipeline.feedback.suggest import suggest

        found = suggest(self.db, self.config, self.checkpoints, progress)
        pairs = [
            {
                "words": one.words, "probability": one.probability, "remedy": one.remedy,
                "people": list(dict.fromkeys(template.identity for side in one.templates for template in side)),
            }
            for one in found.suggestions
        ]  # fmt: skip
        return {"pairs": pairs}


def _changed(outcome: Outcome) -> str:
    before, after = outcome.before, outcome.after
    return f"Named: {before[0]} → {after[0]}, unknown: {before[1]} → {after[1]}."
