"""A run folder read back: what was found in it, for the report, for explanations and for exports."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel

from pipeline.config import MatchingConfig, PoseConfig
from pipeline.errors import InputError
from pipeline.files import read_json
from pipeline.matching.distance import Metric
from pipeline.recognition.features import read_features
from pipeline.runs.folder import RunFolder
from pipeline.runs.formats import features_table, results_table, supervision_detections
from pipeline.runs.results import ClipResult, TrackResult, Tracks, read_tracks
from pipeline.segmentation.storage import read_sequence
from pipeline.tracking.mot import read_mot
from pipeline.types import Embedding, SilhouetteSequence, TrackKey, Tracklet

if TYPE_CHECKING:
    import pyarrow

S = TypeVar("S", bound=BaseModel)


@dataclass(frozen=True)
class Run:
    """The answers of a finished run and everything behind them. What is read twice is kept.

    Attributes:
        folder: The run folder.
        record: The content of run.json.
        gallery: The tracks of the gallery video; empty where the run was compared with a stored gallery.
        probes: The tracks of each probe video.
        people: Of a run that was compared with a stored gallery: what results.json says of each person, by identity.
        clips: What became of each clip, where a folder was enrolled.
        advice: Which view is missing, by name of the person, where a folder was enrolled.
    """

    folder: RunFolder
    record: Mapping[str, Any]
    gallery: Tracks
    probes: Tracks
    people: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    clips: tuple[ClipResult, ...] = ()
    advice: Mapping[str, str] = field(default_factory=dict)
    _sequences: dict[TrackKey, SilhouetteSequence | None] = field(default_factory=dict)
    _embeddings: dict[TrackKey, Embedding | None] = field(default_factory=dict)

    @classmethod
    def open(cls, path: Path) -> Run:
        """Read a run folder. Raises InputError for a folder that is no run, and for a run without answers."""
        folder = RunFolder(path)
        if not folder.record.is_file():
            raise InputError(f"{path}: not a run folder (no run.json). Give the timestamped folder of a run.")
        if not folder.results.is_file():
            raise InputError(f"{path}: a run without answers (no results.json). Go on: gait run --resume {path}")
        return cls.of(folder, read_json(folder.record), read_json(folder.results))

    @classmethod
    def of(cls, folder: RunFolder, record: Mapping[str, Any], results: Mapping[str, Any]) -> Run:
        """A run folder with these contents of its run.json and results.json. Raises InputError for something else."""
        try:
            people = {str(identity): dict(entry) for identity, entry in results.get("people", {}).items()}
            clips = tuple(ClipResult.read(entry) for entry in results.get("clips", ()))
            advice = {str(name): str(text) for name, text in results.get("advice", {}).items()}
            tracks = read_tracks(results["gallery"]), read_tracks(results["probes"])
            run = cls(folder, record, *tracks, people, clips, advice)
        except (KeyError, TypeError, ValueError, AttributeError):
            raise InputError(f"{folder.results}: not the answers of a run. Start a new run.") from None
        try:
            _ = run.matching, [run.fps(video) for video in run.videos]
        except (KeyError, TypeError, ValueError, AttributeError):
            raise InputError(f"{folder.record}: not the record of a run. Start a new run.") from None
        return run

    @property
    def path(self) -> Path:
        """Of the run folder."""
        return self.folder.path

    @property
    def videos(self) -> list[str]:
        """The galleries first; one that is its own probe is there once."""
        return list(dict.fromkeys([*self.gallery, *self.probes]))

    def tracks(self, video: str) -> Sequence[TrackResult]:
        """What results.json says of a video's tracks."""
        return self.gallery[video] if video in self.gallery else self.probes[video]

    def about(self, video: str) -> Mapping[str, Any]:
        """What run.json says of a video: path, frames, fps, size …; empty where it says nothing."""
        inputs = self.record.get("inputs", {})
        entries = [inputs.get("gallery"), *inputs.get("probes", [])]
        return next((entry for entry in entries if isinstance(entry, dict) and entry.get("name") == video), {})

    def fps(self, video: str) -> float:
        return float(self.about(video).get("fps") or 25)

    def tracklets(self, video: str) -> list[Tracklet]:
        """Raises InputError where they are missing or damaged."""
        return read_mot(self.folder.tracks(video), video, self.fps(video))

    def sequence(self, track: TrackKey) -> SilhouetteSequence | None:
        """The usable silhouettes of a track; None where there are none."""
        if track not in self._sequences:
            found = None
            if self.folder.sequence(*track).is_file():
                found = read_sequence(self.folder.sequence(*track), *track)
            self._sequences[track] = found if found is not None and len(found) else None
        return self._sequences[track]

    def embedding(self, track: TrackKey) -> Embedding | None:
        """What a track was recognised by; None for one that was not usable."""
        if track not in self._embeddings:
            path = self.folder.features(*track)
            self._embeddings[track] = read_features(path, *track) if path.is_file() else None
        return self._embeddings[track]

    def forget(self, track: TrackKey) -> None:
        """Read the embedding of a track again when it is asked for: it has been written anew."""
        self._embeddings.pop(track, None)

    def embeddings(self, video: str) -> list[Embedding]:
        """Those of all tracks of a video that have one."""
        found = (self.embedding(track.key) for track in self.tracks(video))
        return [embedding for embedding in found if embedding is not None]

    @property
    def matching(self) -> MatchingConfig:
        """How walks were compared."""
        return settings_in(self.record, "matching", MatchingConfig)

    @property
    def metric(self) -> Metric:
        return self.matching.metric

    @property
    def reshaped(self) -> str:
        """What makes the distances that decide other than those of the embeddings, as settings; "" for nothing."""
        settings = {"matching.transform": self.matching.transform, "matching.score_norm": self.matching.score_norm}
        return " and ".join(f"{name}={value}" for name, value in settings.items() if value != "none")

    def enrolled(self) -> dict[str, TrackKey]:
        """Identity → the gallery track that it is, in the order that gives them their colours."""
        return {
            str(track.identity): track.key
            for tracks in self.gallery.values()
            for track in tracks
            if track.status == "enrolled"
        }

    def detections(self, video: str) -> Any:
        """The tracks of a video as `supervision.Detections`, all frames one after another.

        `data` has identity and status (of each box) and frame_index, counted from 0. Raises ConfigError where the
        package supervision is not installed, InputError where the tracks are missing or damaged.
        """
        return supervision_detections(self.tracklets(video), self.tracks(video))

    def table(self) -> pyarrow.Table:
        """A row for each track, as results.json has it; `.to_pandas()` makes a DataFrame of it."""
        return results_table(self.roles())

    def features(self) -> pyarrow.Table:
        """A row for each track that has an embedding. Raises InputError where none has."""
        found = [(role, track, self.embedding(track.key)) for role, track in self.roles()]
        rows = [(role, track, embedding) for role, track, embedding in found if embedding is not None]
        if not rows:
            raise InputError(f"{self.path}: no track has features. There is nothing to write.")
        return features_table(rows)

    def roles(self) -> Iterator[tuple[str, TrackResult]]:
        """Every track with its role: gallery or probe."""
        for role, videos in (("gallery", self.gallery), ("probe", self.probes)):
            for tracks in videos.values():
                for track in tracks:
                    yield role, track

    def find(self, name: str) -> TrackKey:
        """The track that `probe1/2` names. Raises InputError, with what there is, for one that is not there."""
        video, slash, number = name.rpartition("/")
        if not slash or not re.fullmatch(r"[0-9]{1,9}", number):
            raise InputError(f"{name!r}: a track is VIDEO/NUMBER, such as {self.videos[0]}/1.")
        if video not in self.videos:
            raise InputError(f"{name!r}: no video {video!r} in this run. There are: {', '.join(self.videos)}.")
        ids = [track.id for track in self.tracks(video)]
        if int(number) not in ids:
            there = ", ".join(map(str, ids)) or "none: nobody was found"
            raise InputError(f"{name!r}: no track {int(number)} in {video}. There are: {there}.")
        return video, int(number)


def settings_in(record: Mapping[str, Any], name: str, kind: type[S]) -> S:
    """A section of the settings that run.json keeps, as far as it is known today.

    Raises TypeError, ValueError or AttributeError where there is something else.
    """
    said = dict(record.get("config", {}).get(name, {}))
    return kind.model_validate({key: value for key, value in said.items() if key in kind.model_fields})


def pose_settings(run: Path) -> PoseConfig:
    """How a run looked for poses. Raises InputError for a folder whose run.json does not say."""
    record = RunFolder(run).record
    try:
        return settings_in(read_json(record), "pose", PoseConfig)
    except (TypeError, ValueError, AttributeError):
        raise InputError(f"{record}: not the record of a run. Start a new run.") from None
