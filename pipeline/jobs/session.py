"""The beginning of a job, once for all of them: videos inspected, networks loaded, the run folder made and recorded."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from loguru import logger

from pipeline.config import Config
from pipeline.engine.memory import return_freed_pictures
from pipeline.engine.progress import Progress, Silent
from pipeline.errors import GaitError, InputError
from pipeline.extraction.crops import Extraction
from pipeline.extraction.networks import (
    Checkpoints,
    Networks,
    describe_checkpoint,
    enough_silhouettes,
    find_checkpoints,
    open_fitting_encoder,
    open_networks,
    stages_of,
    wants_crops,
    wants_poses,
)
from pipeline.files import digests
from pipeline.inference import runtime
from pipeline.matching.scores import Cohort
from pipeline.profiles import as_record
from pipeline.recognition import Encoder
from pipeline.recognition.made_up import FILE, made_up_walks
from pipeline.runs.cache import Cache
from pipeline.runs.folder import RunFolder, key_of
from pipeline.runs.job import Job, Source, Video, fingerprint
from pipeline.runs.record import Record
from pipeline.tracking import open_tracker
from pipeline.types import Embedding, from_crops
from pipeline.version import __version__
from pipeline.video import VideoInfo
from pipeline.video.source import is_file
from pipeline.weights.checkpoints import cache_folder

WHEREABOUTS = ("threads", "workers", "cluster", "address")  # settings of the runtime that results do not depend on
MADE_UP_BYTES = 50_000_000  # that a user's cache keeps of made-up people; of one GaitBase it is 1.5 MB
TRACKS_FORMAT = 4  # of stored tracks and silhouettes; 3: in square pixels; 4: as many silhouettes as are wanted
CROPS_FORMAT = 1  # of crops in colour

Roles = Mapping[str, Video | Sequence[Video]]  # what each video is to the job: gallery, probes, videos


@dataclass
class Session:
    """Settings, videos and networks of one job; inside `working`, its run folder, record and cache too.

    Attributes:
        config: The settings.
        videos: What each video says of itself.
        checkpoints: The weights of each stage.
        bars: Where progress is shown.
        kept: Whether the run folder stays when the job is done.
        networks: Of extraction.
        encoder: Of silhouettes or poses.
        folder: The run folder.
        record: What run.json says.
        cache: Results of earlier runs.
    """

    config: Config
    videos: Mapping[Video, VideoInfo]
    checkpoints: Checkpoints
    bars: Progress
    kept: bool = True
    networks: Networks = field(init=False, repr=False)
    encoder: Encoder = field(init=False, repr=False)
    folder: RunFolder = field(init=False, repr=False)
    record: Record = field(init=False, repr=False)
    cache: Cache = field(init=False, repr=False)

    @classmethod
    def open(
        cls,
        videos: Mapping[Video, VideoInfo],
        config: Config,
        checkpoints: Path | None = None,
        progress: Progress | None = None,
        load: bool = True,
    ) -> Session:
        """Find and load what the settings name; nothing is written yet.

        Args:
            videos: What each video says of itself (`Video.inspect`).
            config: The settings.
            checkpoints: A folder that is searched for weights first.
            progress: Where progress is shown; nowhere by default.
            load: Whether networks are loaded now; else `load` does it.

        Raises:
            GaitError: Whatever a user can mend: settings, checkpoints, a stream that would have to be read twice.
        """
        return_freed_pictures()
        open_tracker(config.tracking, 25.0)  # each video gets its own; a wrong name is refused now
        found = find_checkpoints(config, checkpoints, stages_of(config))
        session = cls(config, videos, found, progress or Silent())
        if load:
            session.load()
        return session

    @classmethod
    def reopen(
        cls, folder: RunFolder, config: Config, checkpoints: Path | None = None, progress: Progress | None = None
    ) -> Session:
        """Go on in an earlier run with its encoder alone: no video is read, and run.json stays as it is.

        Raises GaitError as `open` does.
        """
        session = cls(config, {}, find_checkpoints(config, checkpoints, ("encoder",)), progress or Silent())
        session.encoder = open_fitting_encoder(config, session.checkpoints)
        session.folder = folder
        session.cache = Cache(folder.path.resolve().parent, int(config.output.cache_gb * 1e9))
        session.record = Record(folder, {}, resumed=True)
        return session

    def load(self) -> None:
        """Load the networks, those of extraction beside the encoder. Raises GaitError."""
        with ThreadPoolExecutor(1) as pool:
            encoder = pool.submit(open_fitting_encoder, self.config, self.checkpoints)
            self.networks = open_networks(self.config, self.checkpoints, self.videos.values())
            self.encoder = encoder.result()
        if self.networks.need_foreground:
            _refuse_streams(self.videos)

    @cached_property
    def _settings(self) -> Mapping[str, Any]:
        return as_record(self.config)

    def source(self, video: Video, info: VideoInfo | None = None) -> Source:
        """The video with the keys of what its results depend on."""
        info = info or self.videos[video]
        settings = self._settings
        weights = {stage: found.sha256 if found else "" for stage, found in self.checkpoints.items()}
        how = _what_counts(settings["runtime"])
        sha256 = fingerprint(video)
        tracks = [
            __version__,
            TRACKS_FORMAT,
            sha256,
            video.turn,
            self.config.output.silhouettes,
            *(settings[section] for section in ("background", "tracking", "segmentation")),
            enough_silhouettes(self.config),
            how,
            weights["detector"],
            weights["segmenter"],
        ]
        if wants_poses(self.config):
            tracks += [settings["pose"], weights.get("pose", "")]
        if wants_crops(self.config):
            tracks += ["crops", CROPS_FORMAT]
        features = [*tracks, settings["recognition"], weights["encoder"]]
        return Source(video, info, sha256, key_of(tracks), key_of(features))

    @property
    def cohort(self) -> Callable[[], Cohort] | None:
        """Gives made-up people; None where the encoder looks at colour, in which there are none."""
        return None if from_crops(self.encoder.needs) else self.made_up

    def made_up(self) -> Cohort:
        """Made-up people as the encoder sees them."""
        return self._made_up

    @cached_property
    def _made_up(self) -> Cohort:
        with self.record.meter.time("made-up people"):
            return made_up_people(self.encoder, self.config)

    @cached_property
    def keeps_crops(self) -> bool:
        """Whether the crops in colour of this job, if it makes any, outlive it: in its folder and in the cache."""
        return self.config.output.crops or not wants_crops(self.config)

    @property
    def extraction(self) -> Extraction:
        """What the extraction of a video works with."""
        return Extraction(self.networks, self.config, self.folder, self.record.meter, self.bars)

    @contextlib.contextmanager
    def working(
        self, sources: Sequence[Source], roles: Roles, resume: Path | None = None, **facts: Any
    ) -> Iterator[None]:
        """Make the run folder, hold it, and keep run.json true inside the block.

        Args:
            sources: The videos.
            roles: What each of them is to the job, as run.json lists them under `inputs`.
            resume: An earlier run folder to go on in, in place of a new one.
            **facts: What run.json says besides.
        """
        output = Path(self.config.output.folder)
        self.folder = RunFolder.open(resume) if resume else RunFolder.create(output, datetime.now())
        self.folder.hide_paths_of(self.videos)
        self.cache = Cache(self.folder.path.resolve().parent, int(self.config.output.cache_gb * 1e9))
        inputs = {source.video: source.as_json() for source in sources}
        described = {
            role: inputs[found] if isinstance(found, Video) else [dict(inputs[video]) for video in found]
            for role, found in roles.items()
        }
        known = {
            "config": self._settings,
            "device": runtime.device(self.config.runtime),
            "checkpoints": {stage: describe_checkpoint(found) for stage, found in self.checkpoints.items()},
            "inputs": described,
            **facts,
        }
        self.record = Record(self.folder, known, resumed=resume is not None)
        with self.folder.working(), self.record.open():
            if self.kept:
                logger.info(f"run folder: {self.folder.path}")
            for caution in (*cautions(self.checkpoints), *self._cautions_of_colour()):
                self.record.warn(caution)
            yield

    def _cautions_of_colour(self) -> list[str]:
        """What to know of an encoder that looks at pictures of people."""
        if not wants_crops(self.config):
            return []
        kept = "crops/ and the cache keep pictures of people (output.crops=false: not longer than they are needed)"
        unsure = (
            "there are no made-up people in colour, so the nearest is always named. Set matching.threshold, or "
            "calibrate a gallery"
        )
        return [kept] * self.config.output.crops + [unsure] * (self.config.matching.threshold is None)


def made_up_people(encoder: Encoder, config: Config) -> Cohort:
    """Made-up people as the encoder sees them; what this user's earlier jobs have embedded is taken from the cache.

    It holds nothing of anybody's videos, so it lies in the user's cache folder, not with a job's output.
    """
    settings = as_record(config)
    how = _what_counts(settings["runtime"]), settings["recognition"], encoder.checkpoint_sha256
    key = key_of([__version__, digests({"": FILE}), *how])
    walks, people = made_up_walks()
    with TemporaryDirectory() as folder:
        file = Path(folder) / "made_up.npz"
        try:
            cache = Cache(cache_folder(), MADE_UP_BYTES if config.output.cache_gb else 0)
        except GaitError:  # a user without a home
            cache = Cache(Path(folder), 0)
        if cache.restore("made_up", key, {file.name: file}) is not None:
            with np.load(file, allow_pickle=False) as kept:
                parts = kept["parts"]
            origin = encoder.model, encoder.checkpoint_sha256
            return Cohort([Embedding("made-up", n, one, *origin, 0) for n, one in enumerate(parts, 1)], people)
        embeddings = encoder.encode(walks)
        np.savez(file, parts=np.stack([one.parts for one in embeddings]))
        cache.store("made_up", key, {file.name: file})
    return Cohort(embeddings, people)


def _what_counts(runtime_settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of the runtime that results depend on."""
    return {name: value for name, value in runtime_settings.items() if name not in WHEREABOUTS}


def readable(job: Job) -> tuple[Job, dict[Video, VideoInfo], dict[Video, str]]:
    """Open every video once: the job without the probes that cannot be read, the videos' measures, and what is wrong.

    Raises InputError for the gallery, and when no probe is left.
    """
    gallery = {job.gallery: job.gallery.inspect()}
    infos, problems = inspected(probe for probe in job.probes if probe != job.gallery)
    infos = gallery | infos
    probes = tuple(probe for probe in job.probes if probe in infos)
    if not probes:
        raise next(iter(problems.values()))
    return Job(job.gallery, probes), infos, {video: str(problem) for video, problem in problems.items()}


def inspected(videos: Iterable[Video]) -> tuple[dict[Video, VideoInfo], dict[Video, InputError]]:
    """What each video says of itself, and what is wrong with those that cannot be read."""
    infos, problems = dict[Video, VideoInfo](), dict[Video, InputError]()
    for video in videos:
        try:
            infos[video] = video.inspect()
        except InputError as error:
            problems[video] = error
    return infos, problems


def cautions(checkpoints: Checkpoints) -> list[str]:
    """A line for each card that warns of its weights, and for each file that is not the one its card describes."""
    used = [found for found in checkpoints.values() if found is not None]
    warned = [f"{found.path.name}: {found.card.warning}" for found in used if found.card.warning]
    return warned + [
        f"{found.path.name}: not the published {found.card.name} (its sha256 differs): results say nothing of that one"
        for found in used
        if found.card.sha256 is not None and found.sha256 != found.card.sha256
    ]


def _refuse_streams(videos: Mapping[Video, VideoInfo]) -> None:
    """Raise InputError for a camera or a stream: a video is read twice here, the first time to its end."""
    for video in videos:
        if not is_file(video.source):
            raise InputError(
                f"{video.name}: a background is learnt from a whole video before it is searched, which a camera or a "
                "stream does not allow. Record it to a file first, or choose a profile with networks, such as light."
            )
