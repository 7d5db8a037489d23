"""`gait gallery index`: prepare a large gallery to be searched fast."""

from __future__ import annotations

import time
from collections.abc import Sequence

from pipeline.config import DEFAULT_PROFILE, load_config
from pipeline.gallery.index import build
from pipeline.gallery.place import Where
from pipeline.gallery.search import EXACT_UP_TO
from pipeline.gallery.store import Gallery


def index_command(db: Where, overrides: Sequence[str]) -> None:
    """Index everybody for the metric of the settings, and say when it counts."""
    metric = load_config(DEFAULT_PROFILE, overrides).matching.metric
    begun = time.perf_counter()
    facts = build(Gallery.open(db), metric)
    print(f"{db}: {facts.rows} templates indexed for {metric} distances in {time.perf_counter() - begun:.0f} s")
    if facts.rows <= EXACT_UP_TO:
        print(f"the index is used from {EXACT_UP_TO + 1} templates on: until then everybody is compared")
