"""`gait gallery fit`: learn from the enrolled, or from a cohort, what tells people apart, and keep it."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

from pipeline.gallery.discriminant import fit_discriminant
from pipeline.gallery.store import Gallery
from pipeline.profiles import Options

LDA = "matching.transform=lda"


def fit_command(db: Path, cohort: str | None, options: Options) -> None:
    """Fit a discriminant for the metric of the settings, and say what it learnt from and how it is used."""
    metric = replace(options, overrides=[*options.overrides, LDA]).config().matching.metric
    begun = time.perf_counter()
    facts = fit_discriminant(Gallery.open(db), metric, cohort)
    learnt = f"{facts.walks} walks of {facts.people} people of the {facts.fitted_on}"
    print(
        f"{db}: lda for {metric} distances of {facts.model}, fitted on {learnt} in "
        f"{time.perf_counter() - begun:.0f} s. Use it: --set {LDA}"
    )
