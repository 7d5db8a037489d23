"""What requests ask for: the bodies of the HTTP API, checked, and what a job does about each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from pipeline.config import DEFAULT_PROFILE, Config
from pipeline.engine.progress import Progress
from pipeline.errors import ConfigError, InputError
from pipeline.gallery.people import LONGEST_NOTE, names_by_track
from pipeline.profiles import Options, load_config, profiles
from pipeline.web.uploads import videos
from pipeline.web.visitors import Visitor
from pipeline.web.work import Task

MOST_CLIPS = 20  # of one job
MOST_PICTURES = 6  # of one stranger
SOMEBODY = "somebody in the app"  # says what nobody puts a name to


class Body(BaseModel):
    """What every body keeps to: no other keys, and short texts."""

    model_config = ConfigDict(extra="forbid", str_max_length=2000)


class Search(Body):
    """Look for people in videos. gallery: the video of the known people; null: those who are enrolled.

    gallery, probes: ids of uploads, or names such as inputs/street.mp4.
    """

    probes: list[str] = Field(max_length=MOST_CLIPS)
    gallery: str | None = None
    profile: str | None = None
    blur_faces: bool = False


class Enrol(Body):
    """Enrol people. One clip: names by track, such as "1=Ada, 2=Bo", or all of it. Several: a name for each clip."""

    clips: dict[str, str] = Field(max_length=MOST_CLIPS, description="id of the upload: name of the person, or empty")
    names: str = ""
    consent: str = Field("", max_length=LONGEST_NOTE)
    expires: str = ""
    merge: bool = False
    profile: str | None = None


class Review(Body):
    """What a person says of a run: tracks such as probe1/2. wrong: who of the enrolled it is; null: not the answer."""

    right: list[str] = []
    wrong: dict[str, str | None] = {}
    new: dict[str, str] = {}
    by: str = Field("", max_length=100)


class Names(Body):
    """Names for groups of strangers, by their labels."""

    names: dict[str, str] = {}
    by: str = Field("", max_length=100)


class Name(Body):
    """A person's new name."""

    name: str


class Others(Body):
    """People who are this person, too."""

    others: list[str] = Field(min_length=1, max_length=20)


@dataclass(frozen=True, slots=True)
class Setting:
    """What the server works with. runs: a folder in which all runs stay, which all visitors see; None: until they go.

    hours: so long after the last visit everything of a visitor is removed; options: those of every job.
    """

    db: Path
    runs: Path | None
    largest_mb: int
    hours: float
    options: Options

    @property
    def profiles(self) -> list[str]:
        """All that can be chosen, the one of the command line first."""
        first = self.options.profile or DEFAULT_PROFILE
        return [first, *(name for name in profiles() if name != first)]

    def search(self, visitor: Visitor, wanted: Search) -> Task:
        """`gait run`, or `gait identify` on the enrolled. Raises GaitError."""
        if not wanted.probes:
            raise InputError("no probe: upload or choose at least one video to search.")
        config = self.config(visitor, wanted.profile, blur_faces=wanted.blur_faces)
        probes = [str(path) for path in videos(wanted.probes, visitor)]
        gallery = None if wanted.gallery is None else str(videos([wanted.gallery], visitor)[0])
        return partial(_search, self, config, gallery, probes)

    def enrol(self, visitor: Visitor, wanted: Enrol) -> Task:
        """`gait enrol`. Raises GaitError."""
        whose = [name.strip() for name in wanted.clips.values()]
        clips = dict(zip(videos(list(wanted.clips), visitor), whose, strict=True))
        if not clips:
            raise InputError("no video to enrol from: upload or choose one.")
        if len(clips) > 1 and not all(whose):
            raise ConfigError("several clips: say whose each is.")
        pairs = [pair for line in wanted.names.splitlines() for pair in line.split(",") if pair.strip()]
        config = self.config(visitor, wanted.profile)
        return partial(_enrol, self, config, wanted, clips, names_by_track(pairs))

    def config(self, visitor: Visitor, profile: str | None = None, **output: bool) -> Config:
        """The settings of a visitor's job. Raises ConfigError for a profile that is not among those to choose."""
        profile = profile or self.profiles[0]
        if profile not in self.profiles:
            raise ConfigError(f"no profile {profile[:80]!r}. There are: {', '.join(self.profiles)}.")
        config = load_config(profile, self.options.overrides)
        update = {"folder": str(visitor.runs), "videos": True, **output}
        return config.model_copy(update={"output": config.output.model_copy(update=update)})


# What follows is done in the job's process, which has loaded all of it already.


def _search(setting: Setting, config: Config, gallery: str | None, probes: Sequence[str], progress: Progress) -> Path:
    from pipeline.jobs.identify import identify
    from pipeline.jobs.run import run
    from pipeline.runs.job import plan

    if gallery is None:
        return identify(probes, setting.db, config, "unknown", setting.options.checkpoints, progress)
    return run(plan(gallery, probes), config, setting.options.checkpoints, progress=progress)


def _enrol(
    setting: Setting, config: Config, wanted: Enrol, whose: Mapping[Path, str], names: Mapping[int, str],
    progress: Progress,
) -> Path:  # fmt: skip
    from pipeline.gallery.people import expiry
    from pipeline.gallery.template import now
    from pipeline.jobs.enrol import Enrolment, enrol
    from pipeline.jobs.enrol_folder import enrol_clips
    from pipeline.runs.clips import Clip

    until = expiry(wanted.expires.strip(), now()) if wanted.expires.strip() else None
    enrolment = Enrolment(names, wanted.merge, wanted.consent.strip(), until)
    how = setting.db, config, enrolment, setting.options.checkpoints, progress
    if not all(whose.values()):
        return enrol(str(next(iter(whose))), *how)[1]
    return enrol_clips(([Clip(name, path, f"{name}/{path.name}") for path, name in whose.items()], ()), *how)


def review(setting: Setting, run: Path, wanted: Review | None, progress: Progress) -> Mapping[str, Any]:
    """`gait review`; None takes the latest of this run back."""
    from pipeline.feedback import say
    from pipeline.feedback.answers import Said

    if wanted is None:
        last, outcome = say.undo(run, None, setting.options.checkpoints, progress)
        told = f"Taken back: what was said of {len(last.items)} walk{'s' * (len(last.items) != 1)}."
    else:
        said = Said(wanted.right, wanted.wrong, wanted.new, wanted.by or SOMEBODY)
        outcome = say.review(run, said, None, setting.options.checkpoints, progress)
        told = "Enrolled, and decided again."
    (named, unknown), (now_named, now_unknown) = outcome.before, outcome.after
    told += f" Named: {named} → {now_named}, unknown: {unknown} → {now_unknown}."
    return {"said": told, "changed": len(outcome.changed)}


def strangers(setting: Setting, runs: Path, wanted: Names, progress: Progress) -> Mapping[str, Any]:
    """`gait gallery strangers`. runs: a folder of them."""
    from pipeline.feedback import strangers as them

    db, checkpoints, said = setting.db, setting.options.checkpoints, ""
    found = them.strangers(them.runs_of(db, runs), db, checkpoints, progress)
    if wanted.names:
        outcomes = them.name_strangers(found, wanted.names, wanted.by or SOMEBODY, db, checkpoints)
        said = f"Enrolled: {', '.join(wanted.names.values())}. Runs that were decided again: {len(outcomes)}."
        found = them.strangers(found.runs, db, checkpoints, progress)
    cards = [replace(card, pictures=card.pictures[:MOST_PICTURES]) for card in found.shown.groups]
    return {"said": said, "groups": [asdict(card) for card in cards]}


def suggest(setting: Setting, config: Config, progress: Progress) -> Mapping[str, Any]:
    """`gait gallery suggest`."""
    from pipeline.feedback import suggest as between

    found = between.suggest(setting.db, config, setting.options.checkpoints, progress)
    pairs = [
        {
            "words": one.words, "probability": one.probability, "remedy": one.remedy,
            "people": list(dict.fromkeys(template.identity for side in one.templates for template in side)),
        }
        for one in found.suggestions
    ]  # fmt: skip
    return {"pairs": pairs}
