"""`gait gallery fit`: learn from the enrolled, or from a cohort, what tells people apart, and keep it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from pipeline.config import DEFAULT_PROFILE
from pipeline.errors import ConfigError
from pipeline.gallery.discriminant import fit_discriminant
from pipeline.gallery.store import Gallery
from pipeline.profiles import load_config


def fit_command(db: Path, transform: str, cohort: str | None, profile: str | None, overrides: Sequence[str]) -> None:
    """Fit a discriminant for the metric of the settings, and say what it learnt from and how it is used."""
    matching = load_config(profile or DEFAULT_PROFILE, [*overrides, f"matching.transform={transform}"]).matching
    if matching.transform == "none":
        raise ConfigError("--transform none: that is nothing to fit. Choose lda.")
    begun = time.perf_counter()
    facts = fit_discriminant(Gallery.open(db), matching.metric, cohort)
    learnt = f"{facts.walks} walks of {facts.people} people of the {facts.fitted_on}"
    print(
        f"{db}: {transform} for {matching.metric} distances of {facts.model}, fitted on {learnt} in "
        f"{time.perf_counter() - begun:.0f} s. Use it: --set matching.transform={transform}"
    )
