"""`gait gallery index`: prepare a large gallery to be searched fast."""

from __future__ import annotations

import time
from pathlib import Path

from pipeline.errors import ConfigError
from pipeline.gallery.index import build
from pipeline.gallery.search import EXACT_UP_TO
from pipeline.gallery.store import Gallery
from pipeline.profiles import Options


def index_command(db: Path, options: Options) -> None:
    """Index everybody for the metric of the settings, and say when it counts."""
    matching, begun = options.config().matching, time.perf_counter()
    if matching.transform != "none":
        raise ConfigError(
            f"matching.transform={matching.transform}: an index does not serve it, and every template is compared. "
            "Index for distances without it, or go on without an index."
        )
    rows = build(Gallery.open(db), matching.metric)
    print(f"{db}: {rows} templates indexed for {matching.metric} distances in {time.perf_counter() - begun:.0f} s")
    if rows <= EXACT_UP_TO:
        print(f"the index is used from {EXACT_UP_TO + 1} templates on: until then everybody is compared")
