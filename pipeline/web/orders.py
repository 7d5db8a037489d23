"""What requests ask for, checked, as jobs: the bodies of the HTTP API."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from pipeline.config import Config
from pipeline.errors import ConfigError, InputError
from pipeline.gallery.people import LONGEST_NOTE, names_by_track
from pipeline.profiles import load_config
from pipeline.web.jobs import Kind
from pipeline.web.tasks import EnrolTask, IdentifyTask, ReviewTask, RunTask, StrangersTask, SuggestTask, Task
from pipeline.web.uploads import videos
from pipeline.web.visitors import Visitor

MOST_CLIPS = 20  # of one job
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
class Storage:
    """What the server keeps. runs: a folder in which all runs stay, which all visitors see; None: until they go."""

    db: Path
    runs: Path | None
    largest_mb: int
    hours: float


@dataclass(frozen=True, slots=True)
class Setting:
    """What every job of this server has in common. overrides: as `--set` gives them."""

    db: Path
    profiles: Sequence[str]
    overrides: Sequence[str]
    checkpoints: Path | None

    def search(self, visitor: Visitor, wanted: Search) -> tuple[Kind, Task]:
        """`gait run`, or `gait identify` on the enrolled. Raises GaitError."""
        if not wanted.probes:
            raise InputError("no probe: upload or choose at least one video to search.")
        config = self._config(visitor, wanted.profile, blur_faces=wanted.blur_faces)
        probes = [str(path) for path in videos(wanted.probes, visitor)]
        if wanted.gallery is None:
            return "identify", IdentifyTask(probes, self.db, config, self.checkpoints)
        (gallery,) = videos([wanted.gallery], visitor)
        return "run", RunTask(str(gallery), probes, config, self.checkpoints)

    def enrol(self, visitor: Visitor, wanted: Enrol) -> tuple[Kind, Task]:
        """`gait enrol`. Raises GaitError."""
        whose = [name.strip() for name in wanted.clips.values()]
        clips = dict(zip(map(str, videos(list(wanted.clips), visitor)), whose, strict=True))
        if not clips:
            raise InputError("no video to enrol from: upload or choose one.")
        if len(clips) > 1 and not all(whose):
            raise ConfigError("several clips: say whose each is.")
        pairs = [pair for line in wanted.names.splitlines() for pair in line.split(",") if pair.strip()]
        return "enrol", EnrolTask(
            clips, self.db, names_by_track(pairs), wanted.consent.strip(), wanted.expires.strip(), wanted.merge,
            self._config(visitor, wanted.profile), self.checkpoints,
        )  # fmt: skip

    def review(self, run: Path, wanted: Review, undo: bool = False) -> ReviewTask:
        """`gait review`."""
        from pipeline.feedback.say import Said

        said = Said(tuple(wanted.right), wanted.wrong, wanted.new, wanted.by or SOMEBODY)
        return ReviewTask(run, said, undo, None, self.checkpoints)

    def strangers(self, visitor: Visitor, wanted: Names) -> StrangersTask:
        """`gait gallery strangers`. Raises InputError where no run was compared with the gallery."""
        from pipeline.feedback.strangers import runs_of

        return StrangersTask(
            runs_of(self.db, visitor.runs), self.db, wanted.names, wanted.by or SOMEBODY, self.checkpoints
        )

    def suggest(self, visitor: Visitor) -> SuggestTask:
        """`gait gallery suggest`."""
        return SuggestTask(self.db, self._config(visitor, None), self.checkpoints)

    def _config(self, visitor: Visitor, profile: str | None, **output: bool) -> Config:
        profile = profile or self.profiles[0]
        if profile not in self.profiles:
            raise ConfigError(f"no profile {profile[:80]!r}. There are: {', '.join(self.profiles)}.")
        config = load_config(profile, self.overrides)
        update = {"folder": str(visitor.runs), "videos": True, **output}
        return config.model_copy(update={"output": config.output.model_copy(update=update)})
