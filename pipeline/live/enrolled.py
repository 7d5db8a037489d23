"""The people of a gallery while a camera is watched: who is enrolled, renamed or removed meanwhile is noticed."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from loguru import logger

from pipeline.config import Config
from pipeline.errors import GaitError
from pipeline.gallery.calibration import FILE as CALIBRATION
from pipeline.gallery.discriminant_file import FILE as BACKEND
from pipeline.gallery.store import Gallery
from pipeline.gallery.template import now
from pipeline.live.known import Known
from pipeline.recognition import Encoder

LOOK_S = 1.0  # so often the table is asked for its version, which takes about a millisecond


class Enrolled:
    """Reads a gallery, and again when it has changed. clock: seconds. Raises GalleryError at the start only."""

    def __init__(
        self, path: Path, encoder: Encoder, config: Config, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._path, self._encoder, self._config, self._clock = path, encoder, config, clock
        self._looked, self._problem = clock(), ""
        self._state = self._now()  # before the reading: what changes meanwhile is read again
        self.known = Known.of_gallery(path, encoder, config)

    def changed(self) -> bool:
        """Whether `known` is another than before. A gallery that cannot be read (any more) is told of, and kept."""
        if self._clock() - self._looked < LOOK_S:
            return False
        self._looked = self._clock()
        try:
            state = self._now()
            over = self.known.until is not None and self.known.until <= now()
            if state == self._state and not over:
                return False
            self._state, before = state, len(self.known.names)
            self.known = Known.of_gallery(self._path, self._encoder, self._config)
        except GaitError as error:
            if str(error) != self._problem:
                logger.warning(f"{error} The people known so far stay known.")
                self._problem = str(error)
            return False
        self._problem = ""
        logger.info(f"{self._path} has changed: {len(self.known.names)} people are known, {before} were")
        return True

    def _now(self) -> tuple[int, ...]:
        """What differs where the gallery, its calibration or its discriminant has changed."""
        gallery = Gallery.open(self._path)
        return gallery.version(), *(_written_at(gallery.path / name) for name in (CALIBRATION, BACKEND))


def _written_at(path: Path) -> int:
    """In nanoseconds; 0 where there is no such file."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0
