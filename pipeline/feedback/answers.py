"""What a person says of a run's answers, checked: of which tracks, and who is meant."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from pipeline.errors import ConfigError, GalleryError, InputError
from pipeline.feedback.again import Reopened
from pipeline.gallery.names import checked_name, confusable_key
from pipeline.gallery.people import find_person, namesake
from pipeline.gallery.reviews import Review, walk_of
from pipeline.gallery.template import new_id
from pipeline.jobs.identify import Compared
from pipeline.matching.assign import covisible
from pipeline.runs.results import TrackResult
from pipeline.types import TrackKey


@dataclass(frozen=True, slots=True)
class Said:
    """What a person says of a run.

    Attributes:
        right: Tracks whose answer is right, such as probe1/2.
        wrong: Tracks whose answer is wrong, and who of the enrolled it is; None: only that it is not the answer.
        new: Tracks of people who are not enrolled, and their names.
        by: Who says so; "" for the name of the login.
    """

    right: Sequence[str] = ()
    wrong: Mapping[str, str | None] = field(default_factory=dict)
    new: Mapping[str, str] = field(default_factory=dict)
    by: str = ""

    @property
    def tracks(self) -> list[str]:
        """All that something is said of."""
        return [*self.right, *self.wrong, *self.new]


@dataclass(frozen=True, slots=True)
class Answer:
    """What is said of one track. identity: who it is, as the run calls them; None for nobody, or nobody knows."""

    key: TrackKey
    said: Literal["right", "wrong", "new"]
    identity: str | None
    name: str
    refused: str | None


def answers_of(
    run: Reopened, said: Said, before: Compared, kept: Sequence[Review], new: dict[str, str]
) -> list[Answer]:
    """What is said, with who is meant. Raises GaitError for what cannot be.

    kept: earlier reviews; new: identities of people who are new, by how their names look; those of this run are added.
    """
    found = list(_each(run, said, before, new))
    tracklets = {track.key: track.tracklet for tracks in run.found.tracks.values() for track in tracks}
    earlier = {item.walk: one for one in kept for item in one.items if item.template or item.said == "right"}
    for answer in found:
        walk = walk_of(tracklets[answer.key], run.found.sources[answer.key[0]].sha256)
        if one := earlier.get(walk):
            raise GalleryError(
                f"{track_text(answer.key)}: {one.by} said who that is on {one.when} UTC. Take that back first: "
                f"gait review {run.run.path} --undo"
            )
    named = [answer for answer in found if answer.identity]
    together = covisible([tracklets[answer.key] for answer in named])
    for i, one_ in enumerate(named):
        for j, other in enumerate(named[:i]):
            if together[i, j] and one_.identity == other.identity:
                raise GalleryError(
                    f"{track_text(other.key)} and {track_text(one_.key)} are seen in the same frames, so they are two "
                    f"people, but both are said to be {one_.name!r}. Give one of them another name."
                )
    return found


def _track_of(run: Reopened, text: str, seen: set[TrackKey]) -> TrackResult:
    """A probe track that something can be said of. seen: of which something is said already."""
    key = run.run.find(text)
    track = next((one for one in run.run.probes.get(key[0], ()) if one.id == key[1]), None)
    if track is None:
        raise InputError(f"{text}: a track of the gallery video. Say something of those that were searched for.")
    if key not in run.found.embeddings:
        raise InputError(f"{text}: it cannot be recognised ({track.reason}), so nothing can be learnt from it.")
    if key in seen:
        raise ConfigError(f"{text}: two things are said of it. Say one.")
    seen.add(key)
    return track


def _each(run: Reopened, said: Said, before: Compared, new: dict[str, str]) -> Iterator[Answer]:
    names, seen = before.people.names, set[TrackKey]()
    persons = [_Called(identity, name) for identity, name in names.items()]
    for text in said.right:
        track = _track_of(run, text, seen)
        whose = track.identity if track.status == "known" else None
        if whose is not None and whose not in names:
            raise GalleryError(
                f"{text}: {track.name} is not enrolled any more. Decide again: gait identify --again {run.run.path}"
            )
        yield Answer(track.key, "right", whose, names.get(whose or "", ""), None)
    for text, name in said.wrong.items():
        track = _track_of(run, text, seen)
        answer = track.identity if track.status == "known" else None
        if name is None and answer is None:
            raise ConfigError(f"{text}: it is unknown. Say who it is: --wrong {text}=NAME, or --new {text}=NAME.")
        identity = None if name is None else _find(persons, name, text)
        if identity is not None and identity == answer:
            raise ConfigError(f"{text}: {names[identity]} is the answer already. Say --right {text}.")
        yield Answer(track.key, "wrong", identity, names.get(identity or "", ""), answer)
    for text, called in said.new.items():
        track, name = _track_of(run, text, seen), checked_name(called)
        if taken := namesake(persons, name):
            raise GalleryError(
                f"{text}: {name!r} looks like {taken.name!r}, who is enrolled. Say --wrong {text}={taken.name!r}, "
                "or choose another name."
            )
        identity = new.setdefault(confusable_key(name), new_id())
        yield Answer(track.key, "new", identity, name, track.identity if track.status == "known" else None)


@dataclass(frozen=True, slots=True)
class _Called:
    identity: str
    name: str


def _find(persons: Sequence[_Called], name: str, text: str) -> str:
    try:
        return find_person(persons, name).identity
    except GalleryError as error:
        raise GalleryError(f"{text}: {error}. Somebody new: --new {text}={name!r}") from None


def track_text(key: TrackKey) -> str:
    return f"{key[0]}/{key[1]}"
