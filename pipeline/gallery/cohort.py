"""A cohort: walks of people who are neither searched for nor enrolled, from which it is learnt what is usual.

A folder of one: a gallery (`gait enrol`), whose people are known, or a run, each of whose tracks counts as a person.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.config import MatchingConfig
from pipeline.errors import ConfigError, GaitError
from pipeline.matching.discriminants import Discriminant
from pipeline.matching.scores import Cohort, Comparison

if TYPE_CHECKING:
    from pipeline.gallery.store import Gallery


def comparison(matching: MatchingConfig, transform: Discriminant | None = None) -> Comparison:
    """How the settings compare, with their cohort read. Raises ConfigError.

    transform: of the settings, where it is fitted already.
    """
    return Comparison(matching, read_cohort(matching.cohort) if matching.cohort else None, transform)


@cache
def read_cohort(folder: str) -> Cohort:
    """The walks in a folder, read once.

    Raises ConfigError for a folder that has none, and for what cannot be read.
    """
    from pipeline.gallery.store import Gallery

    try:
        path = Path(folder)
        cohort = _of_gallery(Gallery.open(path)) if Gallery.exists(path) else _of_run(path)
    except (GaitError, OSError) as error:
        raise ConfigError(f"matching.cohort: {error}") from None
    if not cohort.embeddings:
        raise ConfigError(f"matching.cohort: {folder}: no walks there. Give a gallery, or the folder of a run.")
    return cohort


def _of_gallery(gallery: Gallery) -> Cohort:
    templates = gallery.templates()
    return Cohort([template.embedding() for template in templates], [template.identity for template in templates])


def _of_run(folder: Path) -> Cohort:
    from pipeline.recognition.features import read_features

    paths = sorted((folder / "features").glob("*/*.npz"))
    embeddings = [read_features(path, path.parent.name, int(path.stem)) for path in paths if path.stem.isdecimal()]
    return Cohort(embeddings, [f"{one.video}/{one.track_id}" for one in embeddings])
