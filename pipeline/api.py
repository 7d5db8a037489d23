"""The door for Python: what the commands do, as functions that return what they found.

Everything here is reached as `import pipeline as gait; gait.run(...)`. Errors that a user can mend are `GaitError`.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from pipeline.config import DEFAULT_PROFILE, Config
from pipeline.errors import ConfigError
from pipeline.profiles import load_config
from pipeline.runs.reader import Run
from pipeline.types import FloatArray, GaitSequence, Modality, ModalityFrames

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pipeline.feedback.again import Outcome
    from pipeline.feedback.strangers import Group as Stranger
    from pipeline.feedback.suggest import Suggestion
    from pipeline.gallery.register import Who as Person
    from pipeline.jobs.verification.answer import Verification
    from pipeline.recognition import Encoder

Path_ = str | os.PathLike[str]
Settings = Mapping[str, Any]
OnProgress = Callable[[str, int, int | None, str], None]


def run(
    gallery: Path_,
    probes: Path_ | Iterable[Path_],
    *,
    profile: str = DEFAULT_PROFILE,
    settings: Settings | None = None,
    checkpoints: Path_ | None = None,
    output: Path_ | None = None,
    resume: Path_ | None = None,
    progress: OnProgress | None = None,
) -> Run:
    """Name everybody in the probe videos after the people in the gallery video, as `gait run` does.

    Args:
        gallery: Video of the known people.
        probes: Videos to search.
        profile: A shipped profile (light, balanced, full, …), or a YAML file.
        settings: Settings by their dotted names, such as {"matching.metric": "cosine"}.
        checkpoints: A folder that is searched for weights first.
        output: The folder that gets the timestamped run folder; "output" by default.
        resume: The folder of an earlier run to go on in.
        progress: Called with stage, items done, items in all (None where unknown), and unit; from several threads, one
            call at a time.

    Returns:
        What was found; `run.path` is the run folder.

    Raises:
        GaitError: Whatever a user can mend: a video, a setting, missing weights.
    """
    from pipeline.jobs.run import run as do_run
    from pipeline.runs.job import plan

    videos = [probes] if isinstance(probes, str | os.PathLike) else probes
    job = plan(os.fspath(gallery), [os.fspath(video) for video in videos])
    config = _config(profile, settings, output)
    return Run.open(do_run(job, config, _path(checkpoints), _path(resume), _Callback.of(progress)))


def verify(
    first: Path_,
    second: Path_,
    *,
    profile: str = DEFAULT_PROFILE,
    settings: Settings | None = None,
    checkpoints: Path_ | None = None,
    output: Path_ | None = None,
    progress: OnProgress | None = None,
) -> Verification:
    """Tell whether the walkers of two clips are one person, as `gait verify` does. No gallery is needed.

    Args:
        first: A clip. Of several people in it the one that is usable for longest; "clip.mp4/2" means track 2.
        second: Another, in the same way.
        profile: A shipped profile (light, balanced, full, …), or a YAML file.
        settings: Settings by their dotted names.
        checkpoints: A folder that is searched for weights first.
        output: The folder that gets a timestamped run folder with all that was found; nothing is kept without.
        progress: As in `run`.

    Returns:
        The verdict, the probability with its interval, and which parts and joints agree.

    Raises:
        GaitError: Whatever a user can mend: a clip, a track that is not there, nobody in a clip, a setting.
    """
    from pipeline.jobs.verification.verify import verify as do_verify

    clips = os.fspath(first), os.fspath(second)
    kept = _path(output)
    return do_verify(*clips, _config(profile, settings, None), _path(checkpoints), kept, _Callback.of(progress))[0]


def read_run(path: Path_) -> Run:
    """Read the folder of a finished run. Raises GaitError for a folder that is none."""
    return Run.open(Path(path))


def review(
    run: Path_ | Run,
    *,
    right: Iterable[str] = (),
    wrong: Mapping[str, str | None] | None = None,
    new: Mapping[str, str] | None = None,
    by: str = "",
    gallery: Path_ | None = None,
    checkpoints: Path_ | None = None,
    progress: OnProgress | None = None,
) -> Outcome:
    """Say which answers of a run are right and who it is instead: that is enrolled, and the run decided again.

    Args:
        run: The run, or its folder.
        right: Tracks whose answer is right, such as "probe1/2".
        wrong: Tracks that are somebody else who is enrolled; None: nobody says who, only that it is not the answer.
        new: Tracks of people who are not enrolled yet, and their names.
        by: Who says so; the name of the login by default.
        gallery: The gallery; by default that which the run was compared with. A run with a gallery video gets one of
            its own, in its folder.
        checkpoints: A folder that is searched for weights first.
        progress: As in `run`.

    Returns:
        What changed; `outcome.run` is the run as it is now.

    Raises:
        GaitError: Whatever a user can mend; nothing is changed then.
    """
    from pipeline.feedback.answers import Said
    from pipeline.feedback.say import review as do_review

    said = Said(tuple(right), wrong or {}, new or {}, by)
    return do_review(_folder(run), said, _path(gallery), _path(checkpoints), _Callback.of(progress))


def undo_review(run: Path_ | Run, *, gallery: Path_ | None = None, checkpoints: Path_ | None = None) -> Outcome:
    """Take back the latest review of a run, with what it enrolled. The arguments are those of `review`."""
    from pipeline.feedback.say import undo

    return undo(_folder(run), _path(gallery), _path(checkpoints))[1]


def decide_again(run: Path_ | Run, *, gallery: Path_ | None = None, checkpoints: Path_ | None = None) -> Outcome:
    """Decide a run again by the people who are enrolled now; no video is decoded. Arguments are those of `review`."""
    from pipeline.feedback.again import again

    return again(_folder(run), _path(gallery), _path(checkpoints))


class Gallery:
    """People who are enrolled once and recognised in any video later; a folder, made when somebody is enrolled.

    Args:
        path: The folder.
        profile: A shipped profile, or a YAML file: how people are found and embedded.
        settings: Settings by their dotted names.
        checkpoints: A folder that is searched for weights first.
        output: The folder that gets the timestamped run folders; "output" by default.
        progress: As in `run`.
    """

    def __init__(
        self,
        path: Path_,
        *,
        profile: str = DEFAULT_PROFILE,
        settings: Settings | None = None,
        checkpoints: Path_ | None = None,
        output: Path_ | None = None,
        progress: OnProgress | None = None,
    ) -> None:
        self.path = Path(path)
        self._config = _config(profile, settings, output)
        self._checkpoints, self._progress = _path(checkpoints), progress

    def enrol(
        self,
        video: Path_,
        names: Mapping[int, str] | None = None,
        *,
        merge: bool = False,
        consent: str = "",
        expires: datetime | None = None,
    ) -> Run:
        """Enrol the people of a video, or of a folder of clips that are named after people.

        Args:
            video: The video, or the folder: `NAME.mp4` is a clip of NAME, and so is every clip in a folder `NAME`.
            names: By track number; only these are enrolled. Without, everybody is, as `<video>-<track>`. A folder takes
                none.
            merge: Somebody who has such a name already gets a further template; else that is refused.
            consent: A note of what they agreed to.
            expires: Until when they may be known (with a time zone); None for good.

        Returns:
            What became of each track: `run.gallery`. Of a folder also what became of each clip, `run.clips`, and which
            view of whom is missing, `run.advice`.

        Raises:
            GaitError: Whatever a user can mend: a video, a name that is taken, another encoder than the gallery's.
        """
        from pipeline.jobs.enrol import Enrolment, enrol
        from pipeline.jobs.enrol_folder import enrol_folder
        from pipeline.runs.clips import is_folder_of_clips

        if expires is not None and expires.tzinfo is None:
            raise ConfigError("expires: a time without a zone. Give one, such as datetime(2027, 1, 31, tzinfo=UTC).")
        wanted = Enrolment(dict(names or {}), merge, consent, expires)
        how = self.path, self._config, wanted, self._checkpoints, _Callback.of(self._progress)
        source = os.fspath(video)
        return Run.open(enrol_folder(source, *how) if is_folder_of_clips(source) else enrol(source, *how)[1])

    def identify(self, videos: Path_ | Iterable[Path_], *, unknown_as: Literal["unknown", "new"] = "unknown") -> Run:
        """Name everybody in these videos after the people of the gallery.

        Args:
            videos: One video or several.
            unknown_as: "new" enrols people who are nobody of the gallery under a label of their own.

        Raises:
            GaitError: Whatever a user can mend: a video, a gallery that is missing or of another encoder.
        """
        from pipeline.jobs.identify import identify

        several = [videos] if isinstance(videos, str | os.PathLike) else videos
        names = [os.fspath(video) for video in several]
        progress = _Callback.of(self._progress)
        return Run.open(identify(names, self.path, self._config, unknown_as, self._checkpoints, progress))

    def people(self) -> list[Person]:
        """Everybody who is enrolled, first enrolled first: identity, name, number of templates. Raises GaitError."""
        from pipeline.gallery.register import Register
        from pipeline.gallery.store import Gallery as Store

        return list(Register.of(Store.open(self.path)))

    def strangers(self, runs: Iterable[Path_] = (), *, names: Mapping[str, str] | None = None) -> list[Stranger]:
        """Who keeps coming without a name: the unknown walks of some runs in groups of one person each.

        A page of them lies in the newest of the run folders, as strangers.html.

        Args:
            runs: The run folders; by default those in the output folder that were compared with this gallery.
            names: Names for groups, by their labels: all of a group is enrolled, and its runs are decided again.

        Returns:
            The groups before they were named, the most often seen first.

        Raises:
            GaitError: There is no run or no such group.
        """
        from pipeline.feedback.strangers import name_strangers, runs_of, strangers

        paths = [Path(run) for run in runs] or runs_of(self.path, Path(self._config.output.folder))
        found = strangers(paths, self.path, self._checkpoints, _Callback.of(self._progress))
        if names:
            name_strangers(found, names, "", self.path, self._checkpoints)
        return list(found.groups)

    def suggest(self) -> list[Suggestion]:
        """Pairs of people who are probably one, and people who are probably two, the likeliest first.

        Raises GaitError.
        """
        from pipeline.feedback.suggest import suggest

        return list(suggest(self.path, self._config, self._checkpoints, _Callback.of(self._progress)).suggestions)

    def delete(self, who: str) -> None:
        """Remove somebody and every trace of them, old versions included, and look for what is left.

        Args:
            who: A name, or an identity or the beginning of one.

        Raises:
            GaitError: Nobody or several are meant, or a trace was left.
        """
        from pipeline.gallery.people import delete
        from pipeline.gallery.store import Gallery as Store

        delete(Store.open(self.path), who)


class LoadedEncoder:
    """A gait encoder with its weights: see `load_encoder`.

    Attributes:
        model: Name and architecture.
        needs: The modalities that it reads.
    """

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self.model, self.needs = encoder.model, encoder.needs

    def encode(self, frames: NDArray[Any] | Mapping[Modality, NDArray[Any]]) -> FloatArray:
        """Embed one person's walk.

        Args:
            frames: T×64×44 uint8 silhouettes (0–255), or T frames of the one modality that the encoder reads; of
                several modalities, an array each.

        Returns:
            C×P float32: P parts of the body with C values each.

        Raises:
            ConfigError: A modality is missing, or an array is empty.
        """
        arrays = frames if isinstance(frames, Mapping) else {self.needs[0]: frames}
        missing = [need for need in self.needs if need not in arrays or not len(arrays[need])]
        if missing:
            raise ConfigError(f"{self.model} needs {' and '.join(self.needs)}; {missing[0]} is missing or empty.")
        modalities = {
            Modality(name): ModalityFrames(array, np.arange(len(array), dtype=np.int64))
            for name, array in arrays.items()
        }
        try:
            (embedding,) = self._encoder.encode([GaitSequence("", 1, modalities)])
        except ValueError as error:
            raise ConfigError(f"{self.model}: {error}") from None
        return embedding.parts


def load_encoder(
    name: str, *, card: str | None = None, checkpoints: Path_ | None = None, device: str = "auto"
) -> LoadedEncoder:
    """Load a gait encoder.

    Args:
        name: A checkpoint's card (`gait checkpoints list`), a file, or an encoder that needs no weights, such as gei.
        card: The card whose conventions a file follows.
        checkpoints: A folder that is searched for weights first.
        device: auto, cpu or cuda.

    Raises:
        GaitError: The name is unknown, or the weights are missing, damaged or of another stage.
    """
    from pipeline.recognition import ENCODERS, open_encoder
    from pipeline.weights.checkpoints import resolve, search_folders

    found, encoder = None, name
    if name not in ENCODERS:
        found = resolve(name, card, search_folders(_path(checkpoints)), stage="encoder")
        encoder = found.card.model
    config = _config(
        DEFAULT_PROFILE,
        {"recognition.encoder": encoder, "recognition.mirroring": "off", "runtime.device": device},
        None,
    )
    return LoadedEncoder(open_encoder(config.recognition, config.runtime, found))


def fetch(profile: str = DEFAULT_PROFILE, *, checkpoints: Path_ | None = None) -> list[Path]:
    """Have the weights that a profile needs: those that are missing are downloaded. Raises GaitError."""
    from pipeline.extraction.networks import checkpoints_of
    from pipeline.weights.checkpoints import cards, download_folder, locate, search_folders
    from pipeline.weights.fetch import fetch as fetch_card

    folders = search_folders(_path(checkpoints))
    table, found = cards(folders, {}), []
    for name in checkpoints_of(load_config(profile)):
        if name in table:
            there = next(iter(locate(table[name], folders)), None)
            found.append(there or fetch_card(table[name], download_folder(_path(checkpoints))).path)
    return found


def demo_videos(folder: Path_ = "inputs/demo") -> tuple[Path, list[Path]]:
    """The demo's gallery video and its probe videos, downloaded where they are missing. Raises GaitError."""
    from pipeline.jobs.demo_videos import fetch_demo_videos

    found = fetch_demo_videos(Path(folder))
    return found["gallery"], [path for name, path in found.items() if name != "gallery"]


class _Callback:
    """Progress of every stage, handed to one function."""

    def __init__(self, function: OnProgress) -> None:
        self._function, self._lock = function, threading.Lock()
        self._stages: dict[str, tuple[int, int | None, str]] = {}

    @classmethod
    def of(cls, function: OnProgress | None) -> _Callback | None:
        return cls(function) if function else None

    def start(self, stage: str, total: int | None, unit: str) -> None:
        self._report(stage, (0, total, unit))

    def advance(self, stage: str, items: int = 1) -> None:
        with self._lock:
            done, total, unit = self._stages[stage]
            self._stages[stage] = done + items, total, unit
            self._function(stage, *self._stages[stage])

    def finish(self, stage: str) -> None:
        done, _, unit = self._stages[stage]
        self._report(stage, (done, done, unit))

    def _report(self, stage: str, state: tuple[int, int | None, str]) -> None:
        with self._lock:
            self._stages[stage] = state
            self._function(stage, *state)


def _config(profile: str, settings: Settings | None, output: Path_ | None) -> Config:
    chosen = {**(settings or {}), **({} if output is None else {"output.folder": os.fspath(output)})}
    overrides: Sequence[str] = [f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in chosen.items()]
    return load_config(profile, overrides)


def _folder(run: Path_ | Run) -> Path:
    return run.path if isinstance(run, Run) else Path(run)


def _path(path: Path_ | None) -> Path | None:
    return None if path is None else Path(path)
