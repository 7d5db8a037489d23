"""`gait gallery index`: prepare a large gallery to be searched fast."""

from __future__ import annotations

import time
from pathlib import Path

from pipeline.config import MatchingConfig
from pipeline.errors import GalleryError
from pipeline.gallery.discriminant_file import StoredDiscriminant, read_discriminant
from pipeline.gallery.index import build
from pipeline.gallery.search import EXACT_UP_TO
from pipeline.gallery.store import Gallery
from pipeline.profiles import Options


def index_command(db: Path, options: Options) -> None:
    """Index everybody for the metric and the stored discriminant of the settings, and say when it counts."""
    matching = options.config().matching
    gallery, begun = Gallery.open(db), time.perf_counter()
    facts = build(gallery, matching.metric, fitted=_stored(gallery, matching))
    kind = f"{matching.metric} distances" + ("" if matching.transform == "none" else f" after its {matching.transform}")
    print(f"{db}: {facts.rows} templates indexed for {kind} in {time.perf_counter() - begun:.0f} s")
    if facts.rows <= EXACT_UP_TO:
        print(f"the index is used from {EXACT_UP_TO + 1} templates on: until then everybody is compared")


def _stored(gallery: Gallery, matching: MatchingConfig) -> StoredDiscriminant | None:
    """Raises GalleryError where the settings name a discriminant that the gallery does not have."""
    if matching.transform == "none":
        return None
    stored = read_discriminant(gallery.path)
    if stored is None or stored.facts.metric != matching.metric:
        raise GalleryError(
            f"{gallery.path}: no {matching.transform} for matching.metric={matching.metric} is stored with it. Fit it "
            f"first: gait gallery fit --db {gallery.path}"
        )
    return stored
