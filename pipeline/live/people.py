"""Whom people on a camera are compared with: a stored gallery, read again when it changes, or the gallery of a run."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path

from loguru import logger

from pipeline.config import Config
from pipeline.errors import ConfigError, GaitError, InputError
from pipeline.files import read_json, safe_name
from pipeline.gallery.calibration import FILE as CALIBRATION
from pipeline.gallery.calibration import read_calibration
from pipeline.gallery.discriminant import stored_discriminant, usable_calibration
from pipeline.gallery.discriminant_file import FILE as BACKEND
from pipeline.gallery.reviews import FILE as REVIEWS
from pipeline.gallery.reviews import judged, read_reviews
from pipeline.gallery.store import Gallery
from pipeline.gallery.template import now, refuse_other_encoder
from pipeline.jobs.people import People, Said
from pipeline.jobs.session import made_up_people
from pipeline.recognition import Encoder
from pipeline.recognition.features import read_features
from pipeline.runs.folder import RunFolder

LOOK_S = 1.0  # from one look at the table's version to the next; each takes about a millisecond


class WatchedGallery:
    """The people of a gallery, read again when somebody is enrolled, renamed or removed, or a template expires.

    clock: seconds. Raises GalleryError at the start only.
    """

    def __init__(
        self, path: Path, encoder: Encoder, config: Config, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._path, self._encoder, self._config, self._clock = path, encoder, config, clock
        self._looked, self._problem = clock(), ""
        self._state = self._version()  # before the reading: what changes meanwhile is read again
        self.people, self._until = people_of_gallery(path, encoder, config)

    def changed(self) -> bool:
        """Whether `people` are others than before. A gallery that cannot be read any more is warned of, and kept."""
        if self._clock() - self._looked < LOOK_S:
            return False
        self._looked = self._clock()
        try:
            state = self._version()
            over = self._until is not None and self._until <= now()
            if state == self._state and not over:
                return False
            self._state, before = state, len(self.people.names)
            self.people, self._until = people_of_gallery(self._path, self._encoder, self._config)
        except GaitError as error:
            if str(error) != self._problem:
                logger.warning(f"{error} The people known so far stay known.")
                self._problem = str(error)
            return False
        self._problem = ""
        logger.info(f"{self._path} has changed: {len(self.people.names)} people are known, {before} were")
        return True

    def _version(self) -> tuple[int, ...]:
        """What differs where the gallery, its calibration or its transform has changed."""
        gallery = Gallery.open(self._path)
        return gallery.version(), *(_written_at(gallery.path / name) for name in (CALIBRATION, BACKEND, REVIEWS))


def _written_at(path: Path) -> int:
    """In nanoseconds; 0 where there is no such file."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def people_of_gallery(path: Path, encoder: Encoder, config: Config) -> tuple[People, datetime | None]:
    """The people of a gallery, as `gait identify` compares with them, and when the first template expires.

    Raises GalleryError.
    """
    templates = Gallery.open(path).templates()
    refuse_other_encoder(encoder, {template.origin for template in templates}, path, config.profile)
    current = [template for template in templates if not template.expired(now())]
    if len(current) < len(templates):
        logger.warning(f"{path}: {len(templates) - len(current)} templates are past their expiry and left out")
    if not current:
        logger.warning(f"{path}: nobody is enrolled, so everybody is unknown")
    stored, unused = stored_discriminant(path, config.matching, (encoder.model, encoder.checkpoint_sha256))
    calibration, doubts = usable_calibration(read_calibration(path), stored, current, config.matching, path)
    for doubt in filter(None, (unused, *doubts)):
        logger.warning(doubt)
    transform = stored.discriminant if stored else None
    made_up = partial(made_up_people, encoder, config)
    people = People.of_gallery(current, config.matching, calibration, transform, made_up)
    reviews = read_reviews(path, {template.template for template in current})
    origin = encoder.model, encoder.checkpoint_sha256
    people = replace(people, said=Said(judged=judged(reviews, config.matching, origin)))
    return people, min((template.expires for template in current if template.expires), default=None)


def people_of_run(path: Path, encoder: Encoder, config: Config) -> People:
    """The people of a run's gallery video, named `<video>-<track>`.

    Raises:
        InputError: The folder is no run, or has no features of a gallery.
        ConfigError: Another encoder than the configured one embedded them.
    """
    folder = RunFolder.open(path)
    found: list[Path] = []
    match read_json(folder.record):
        case {"inputs": {"gallery": {"name": str(video)}}} if video == safe_name(video):  # else it leads elsewhere
            found = [file for file in sorted((path / "features" / video).glob("*.npz")) if file.stem.isdecimal()]
    if not found:
        raise InputError(f"{path}: no features of a gallery in it. Give the folder of a finished run, or --db DIR.")
    embeddings = [read_features(file, file.parent.name, int(file.stem)) for file in found]
    for one in embeddings:
        if (one.model, one.checkpoint_sha256) != (encoder.model, encoder.checkpoint_sha256):
            raise ConfigError(
                f"{path}: its features are of {one.model}, these would be of {encoder.model} or of other weights, "
                "and the two cannot be compared. Give --config and --set as for that run."
            )
    return People.of_tracks(embeddings, config.matching, partial(made_up_people, encoder, config))
