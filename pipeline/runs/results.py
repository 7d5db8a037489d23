"""results.json: every track of every video with its answer and the reason for it, written and read."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from pipeline.runs.job import Video
from pipeline.types import Match, TrackKey, Tracklet, identity_of

SCHEMA = 1


@dataclass(frozen=True, slots=True)
class TrackSummary:
    """One tracklet, with how many usable silhouettes it gave, their quality, and why the others were left out.

    poses: the frames with a usable pose; None where nobody looked. usable: the frames that the encoder can look at.
    """

    tracklet: Tracklet
    silhouettes: int
    quality: Mapping[str, float]
    rejected: Mapping[str, int]
    poses: int | None = None
    usable: int = 0

    @property
    def key(self) -> TrackKey:
        """Video and track."""
        return self.tracklet.video, self.tracklet.track_id

    @property
    def usable_for(self) -> float:
        """In how many of its frames it is usable, as far as those tell that were cut out."""
        share = self.quality.get("usable_share")
        return self.usable if self.poses is not None or share is None else len(self.tracklet) * share


@dataclass(frozen=True, slots=True)
class NamedCandidate:
    """Somebody a probe track was compared with. distance: smaller is more alike; probability: that it is them."""

    identity: str
    name: str
    distance: float
    probability: float | None = None


@dataclass(frozen=True, slots=True)
class TrackResult:
    """What results.json says of one track.

    Attributes:
        video: The video's name in the run.
        id: The track's number in the video, from 1.
        status: Of a probe track: known, unknown, unusable. Of a gallery track: enrolled, not named, unusable.
        identity: Who it is; None for nobody.
        name: The person's name; the identity where there is no other.
        reason: Why this is the answer, in words.
        distance: To the answer, or to the nearest; smaller is more alike.
        confidence: In [0, 1].
        fpir: The share of strangers' searches that come as near; None where the gallery is not calibrated.
        candidates: The rank list of a probe track, nearest first.
        outcome: Of a track that was enrolled: new, added, there already.
        frames: In how many frames it was tracked, from `first_frame` to `last_frame`, counted from 0.
        silhouettes: How many usable ones it gave.
        poses: The frames with a usable pose; None where nobody looked.
        quality: Named measures of the silhouettes.
        rejected: Reason → silhouettes left out for it.
    """

    video: str
    id: int
    status: str
    identity: str | None
    reason: str
    name: str | None = None
    distance: float | None = None
    confidence: float | None = None
    fpir: float | None = None
    candidates: tuple[NamedCandidate, ...] = ()
    outcome: str = ""
    frames: int = 0
    first_frame: int = 0
    last_frame: int = 0
    silhouettes: int = 0
    poses: int | None = None
    quality: Mapping[str, float] = field(default_factory=dict)
    rejected: Mapping[str, int] = field(default_factory=dict)

    @property
    def key(self) -> TrackKey:
        """Video and track."""
        return self.video, self.id

    @classmethod
    def of_gallery(cls, track: TrackSummary, unusable: str | None) -> TrackResult:
        """A track of a gallery video, whose person is known by the track alone. unusable: why it has no embedding."""
        enough = f"enough usable {'silhouettes' if track.poses is None else 'frames'}"
        status, reason = ("enrolled", enough) if unusable is None else ("unusable", unusable)
        return cls(*track.key, status, identity_of(*track.key), reason, **_facts(track))

    @classmethod
    def of_match(cls, match: Match, track: TrackSummary, identities: Mapping[str, str]) -> TrackResult:
        """A probe track. match: its answer, by name; identities: by name."""
        return cls(
            *track.key,
            match.status,
            None if match.identity is None else identities[match.identity],
            match.reason,
            match.identity,
            match.distance,
            match.confidence,
            candidates=tuple(
                NamedCandidate(identities[c.identity], c.identity, c.distance, c.probability) for c in match.candidates
            ),
            **_facts(track),
        )

    @classmethod
    def read(cls, video: str, number: str, entry: Mapping[str, Any]) -> TrackResult:
        """An entry of results.json. Raises KeyError, TypeError, ValueError or AttributeError for something else."""
        facts = {key: entry[key] for key in _READ if key in entry}
        candidates = tuple(
            NamedCandidate(
                str(one["identity"]),
                str(one.get("name") or one["identity"]),
                float(one["distance"]),
                one.get("probability"),
            )
            for one in entry.get("candidates", ())
        )
        identity = entry["identity"]
        return cls(
            video=video,
            id=int(number),
            status=str(entry["status"]),
            identity=identity,
            reason=str(entry["reason"]),
            name=entry.get("name", identity),
            candidates=candidates,
            **facts,
        )

    def as_json(self, probe: bool, names: bool) -> dict[str, Any]:
        """The entry of results.json. probe: of a probe track; names: people have names beside their identities."""
        head: dict[str, Any] = {"identity": self.identity, "status": self.status, "reason": self.reason}
        if probe:
            head = {
                "status": self.status,
                "identity": self.identity,
                "distance": _rounded(self.distance),
                "confidence": _rounded(self.confidence),
                "reason": self.reason,
                "candidates": [
                    {
                        "identity": c.identity,
                        **({"name": c.name} if names else {}),
                        "distance": _rounded(c.distance),
                        "probability": _rounded(c.probability),
                    }
                    for c in self.candidates
                ],
            }
        return {
            **head,
            "frames": self.frames,
            "first_frame": self.first_frame,
            "last_frame": self.last_frame,
            "silhouettes": self.silhouettes,
            **({} if self.poses is None else {"poses": self.poses}),
            "quality": {name: _rounded(value) for name, value in self.quality.items()},
            "rejected": dict(self.rejected),
            **({"name": self.name} if names and (probe or self.name is not None) else {}),
            **({} if self.fpir is None else {"fpir": _rounded(self.fpir)}),
            **({"outcome": self.outcome} if self.outcome else {}),
        }


View = Literal["left", "right", "front or back", ""]  # the side that a camera sees


@dataclass(frozen=True, slots=True)
class ClipResult:
    """What became of one clip of a folder that was enrolled.

    Attributes:
        person: Whose clip it is, as its name says.
        file: Where it lies in the folder.
        video: Its name in the run; "" where it was not looked at.
        track: The track that is the person; None where that is not clear.
        usable: How many frames of this track the encoder can look at: those with a usable silhouette, or pose.
        view: The side of the person that is seen (the left, of who walks to the left); "" where it is not clear.
        outcome: new, added, there already; "" for a clip that was left out.
        reason: Why it was left out.
        rivals: The tracks that may be the person, where there are several.
    """

    person: str
    file: str
    video: str = ""
    track: int | None = None
    usable: int = 0
    view: View = ""
    outcome: str = ""
    reason: str = ""
    rivals: tuple[int, ...] = ()

    @classmethod
    def read(cls, entry: Mapping[str, Any]) -> ClipResult:
        """An entry of results.json. Raises KeyError, TypeError or ValueError for something else."""
        facts = {one.name: entry[one.name] for one in dataclasses.fields(cls)}
        return cls(**{**facts, "rivals": tuple(map(int, entry["rivals"]))})


_OWN = {"video", "id", "status", "identity", "reason", "name", "candidates"}
_READ = tuple(one.name for one in dataclasses.fields(TrackResult) if one.name not in _OWN)


Tracks = Mapping[str, Sequence[TrackResult]]  # by video


def results_tree(gallery: Tracks, probes: Tracks, names: bool = False) -> dict[str, Any]:
    """The content of results.json. names: people have names beside their identities."""

    def tree(videos: Tracks, probe: bool) -> dict[str, dict[str, Any]]:
        return {
            video: {f"{track.id:03d}": track.as_json(probe, names) for track in tracks}
            for video, tracks in videos.items()
        }

    return {"schema": SCHEMA, "gallery": tree(gallery, False), "probes": tree(probes, True)}


def read_tracks(videos: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> dict[str, tuple[TrackResult, ...]]:
    """The tracks of each video in results.json. A name that would lead out of the run folder is refused.

    Raises KeyError, TypeError, ValueError, AttributeError or InputError for something else.
    """
    return {
        Video(video, "").name: tuple(TrackResult.read(video, number, entry) for number, entry in tracks.items())
        for video, tracks in videos.items()
    }


def _facts(track: TrackSummary) -> dict[str, Any]:
    frames = track.tracklet.frame_indices
    return {
        "frames": len(frames),
        "first_frame": int(frames[0]),
        "last_frame": int(frames[-1]),
        "silhouettes": track.silhouettes,
        "poses": track.poses,
        "quality": track.quality,
        "rejected": track.rejected,
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(float(value), 6)
