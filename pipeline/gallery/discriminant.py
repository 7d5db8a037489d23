"""`gait gallery fit`: a discriminant is fitted once, kept beside the table, and taken from there by whoever compares.

matching.transform=lda takes the stored one, and fits anew where there is none.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.config import MatchingConfig
from pipeline.errors import GalleryError
from pipeline.gallery.calibration import Calibration, fingerprint, usable
from pipeline.gallery.cohort import read_cohort
from pipeline.gallery.discriminant_file import (
    FILE,
    DiscriminantFacts,
    StoredDiscriminant,
    read_discriminant,
    write_discriminant,
)
from pipeline.gallery.rows import briefs_of
from pipeline.gallery.store import Gallery
from pipeline.gallery.template import Brief, Template, now
from pipeline.matching.discriminants import fit
from pipeline.matching.distance import Metric, refuse_mixture
from pipeline.matching.scores import Cohort

MOST_WALKS = 8192  # that are learnt from: 4096 values each take 270 MB
READ_AT_ONCE = 1024


def fit_discriminant(gallery: Gallery, metric: Metric, cohort: str | None = None) -> DiscriminantFacts:
    """Fit a discriminant on the gallery's people, or on a cohort's, and keep it in place of an older one.

    Others may enrol meanwhile. Raises ConfigError for walks that are too few, GalleryError for a cohort of another
    encoder, and where people were removed or changed meanwhile.
    """
    learnt = _of_cohort(cohort) if cohort else _of_gallery(gallery)
    refuse_mixture(learnt.walks.embeddings)
    discriminant = fit(learnt.walks.embeddings, learnt.walks.people, metric)
    first = learnt.walks.embeddings[0]
    with gallery.writing():
        there = _briefs(gallery, None)
        if there and (first.model, first.checkpoint_sha256) != (there[0].model, there[0].checkpoint_sha256):
            raise GalleryError(
                f"{gallery.path}: its embeddings are of {there[0].model}, the cohort's of {first.model}, or of another "
                "checkpoint. Give a cohort of the same encoder."
            )
        if not set(learnt.templates) <= set(there):
            raise GalleryError(f"{gallery.path}: people were removed or changed while it was fitted. Start again.")
        return write_discriminant(
            gallery.path,
            discriminant,
            made=now().isoformat(timespec="seconds"),
            metric=metric,
            model=first.model,
            checkpoint_sha256=first.checkpoint_sha256,
            fitted_on="cohort" if cohort else "gallery",
            fingerprint=learnt.fingerprint,
            walks=len(learnt.walks.embeddings),
            people=len(set(learnt.walks.people)),
        )


def stored_discriminant(
    gallery: Path, matching: MatchingConfig, encoder: tuple[str, str]
) -> tuple[StoredDiscriminant | None, str | None]:
    """The gallery's discriminant if these settings want it, and one line where they want another than it has.

    encoder: its model, and the sha256 of its checkpoint. None where there is none: then it is fitted on what is
    compared. Raises GalleryError for a damaged one, and for one of another encoder.
    """
    if matching.transform == "none" or (stored := read_discriminant(gallery)) is None:
        return None, None
    facts = stored.facts
    again = f"gait gallery fit --db {gallery}"
    if (facts.model, facts.checkpoint_sha256) != encoder:
        raise GalleryError(
            f"{gallery / FILE}: fitted for {facts.model}, this is {encoder[0]}, or another checkpoint. Fit it again "
            f"({again}), or choose matching.transform=none."
        )
    if facts.metric != matching.metric:
        reason = f"it is for matching.metric={facts.metric}"
    elif matching.cohort and cohort_fingerprint(read_cohort(matching.cohort)) != facts.fingerprint:
        reason = "it was not fitted on matching.cohort as that is now"
    else:
        return stored, None
    return (
        None,
        f"{gallery}: its stored discriminant is not used, {reason}; one is fitted anew. See: {again}",
    )


def outdated_line(
    stored: StoredDiscriminant | None, templates: Sequence[Template | Brief], gallery: Path
) -> str | None:
    """One line where people have come or gone since it was fitted on the gallery."""
    facts = stored.facts if stored else None
    if facts is None or facts.fitted_on == "cohort" or fingerprint(templates) == facts.fingerprint:
        return None
    return (
        f"{gallery}: people have come or gone since its discriminant was fitted ({facts.people} people, "
        f"{facts.walks} walks). Fit it again: gait gallery fit --db {gallery}"
    )


def usable_calibration(
    calibration: Calibration | None,
    stored: StoredDiscriminant | None,
    templates: Sequence[Template | Brief],
    matching: MatchingConfig,
    gallery: Path,
) -> tuple[Calibration | None, list[str]]:
    """The calibration, if it may be used, and what the user should know of it and of the stored discriminant.

    templates: everybody's that have not expired.
    """
    calibration, doubt = usable(calibration, templates, matching, gallery, stored.facts.digest if stored else None)
    return calibration, [one for one in (outdated_line(stored, templates, gallery), doubt) if one]


def discriminant_problems(gallery: Path, templates: Sequence[Template]) -> tuple[list[str], list[str]]:
    """What is wrong with the gallery's discriminant, and what the user may want to know; templates: all of them."""
    try:
        stored = read_discriminant(gallery)
    except GalleryError as error:
        return [str(error)], []
    if stored is None:
        return [], []
    facts = stored.facts
    if any(template.origin != (facts.model, facts.checkpoint_sha256) for template in templates):
        return [f"its discriminant was fitted for {facts.model}, or another checkpoint: gait gallery fit"], []
    remark = outdated_line(stored, [template for template in templates if not template.expired(now())], gallery)
    return [], [remark] if remark else []


def discriminant_as_json(stored: StoredDiscriminant | None) -> dict[str, Any] | None:
    """What results.json says of it."""
    names = {"made", "transform", "fitted_on", "people", "walks", "digest"}
    return stored.facts.model_dump(mode="json", by_alias=True, include=names) if stored else None


def cohort_fingerprint(cohort: Cohort) -> str:
    """Tells whether a cohort is still the one that was learnt from."""
    whole = hashlib.sha256()
    for embedding, person in zip(cohort.embeddings, cohort.people, strict=True):
        whole.update(f"{person} {embedding.parts.shape}\n".encode())
        whole.update(np.ascontiguousarray(embedding.parts).tobytes())
    return whole.hexdigest()


@dataclass(frozen=True, slots=True)
class _Learnt:
    """The walks to learn from. templates: those of the gallery among them."""

    walks: Cohort
    fingerprint: str
    templates: Sequence[Brief] = ()


def _of_cohort(folder: str) -> _Learnt:
    cohort = read_cohort(folder)
    return _Learnt(cohort, cohort_fingerprint(cohort))


def _of_gallery(gallery: Gallery) -> _Learnt:
    """Everybody; of a large gallery as many people, drawn at random, as have MOST_WALKS walks."""
    current = _briefs(gallery, now())
    if not current:
        raise GalleryError(f"{gallery.path}: nobody is enrolled, so there is nobody to learn from. See: gait enrol -h")
    owners = sorted({brief.identity for brief in current})
    walks = Counter(brief.identity for brief in current)
    np.random.default_rng(0).shuffle(owners)
    drawn = set(owners[: max(2, int(np.searchsorted(np.cumsum([walks[one] for one in owners]), MOST_WALKS, "right")))])
    chosen = [brief for brief in current if brief.identity in drawn]
    found: list[Template] = []
    for first in range(0, len(chosen), READ_AT_ONCE):
        found += gallery.templates(only=[brief.template for brief in chosen[first : first + READ_AT_ONCE]])
    cohort = Cohort([template.embedding() for template in found], [template.identity for template in found])
    return _Learnt(cohort, fingerprint(current), chosen)


def _briefs(gallery: Gallery, at: datetime | None) -> list[Brief]:
    """What tells the templates apart that have not expired at a time, or all of them."""
    return gallery.reading(lambda: briefs_of(gallery.table(), at))
