"""What a distance to this gallery is worth: the threshold for a stated rate of false names, kept beside the table.

It holds for one encoder, one way of comparing and one size of gallery: the more people are enrolled, the more often a
stranger is near to somebody. Nothing in it tells who anybody is.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from pipeline.config import MatchingConfig
from pipeline.errors import GalleryError
from pipeline.files import json_bytes
from pipeline.gallery.folder import read_listed, write_listed
from pipeline.gallery.template import Brief, Template
from pipeline.matching.confidence import Confidence
from pipeline.types import Match

FILE = "calibration.json"
# Settings of matching that distances depend on.
COMPARED_BY = ("metric", "transform", "score_norm", "cohort", "templates")
STORED = "stored_discriminant"  # the digest of the stored discriminant, as files of earlier versions call it


class Calibration(BaseModel):
    """A gallery's threshold and where it comes from.

    fpir: the rate that was asked for; threshold: below it a person is named; found, found_ci95: the rate of false names
    at that threshold among the strangers it was measured on, with a bootstrap interval over them; tpir: of the enrolled
    people's searches, how many are named rightly at it (None without any). strangers: sorted distances of their
    searches to the nearest person. confidence: see matching/calibrate.py; ece: its calibration error, people left out
    in turn.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    made: str
    model: str
    checkpoint_sha256: str
    compared_by: dict[str, str]
    gallery_people: int = Field(ge=1)
    gallery_templates: int = Field(ge=1)
    fingerprint: str
    fpir: float = Field(gt=0, lt=1)
    threshold: float
    found: float = Field(ge=0, le=1)
    found_ci95: tuple[float, float] | None
    tpir: float | None
    tpir_ci95: tuple[float, float] | None
    strangers: tuple[float, ...] = Field(min_length=1)
    strangers_people: int = Field(ge=1)
    enrolled_searches: int = Field(ge=0)
    enrolled_people: int = Field(ge=0)
    confidence: tuple[tuple[float, float], tuple[float, float], tuple[float, float, float]] | None
    ece: float | None

    def false_positive(self, distance: float) -> float:
        """The share of strangers' searches that come as near as this; never told as 0: one more would."""
        return (int(np.searchsorted(self.strangers, distance, side="right")) + 1) / (len(self.strangers) + 1)

    def probability(self, distance: float, gap: float) -> float | None:
        """That this name is right: `gap` is how much farther the nearest of the others is."""
        if self.confidence is None:
            return None
        return float(Confidence(*self.confidence)(np.array([distance]), np.array([gap]))[0])

    def mismatch(
        self, matching: MatchingConfig, model: str, checkpoint_sha256: str, discriminant: str | None = None
    ) -> str | None:
        """Why it cannot be used with these settings, and the stored discriminant of that digest; None where it can."""
        if (self.model, self.checkpoint_sha256) != (model, checkpoint_sha256):
            return f"it is of the encoder {self.model}"
        for name in COMPARED_BY:
            if (theirs := self.compared_by.get(name, "None")) != (ours := str(getattr(matching, name))):
                return f"it was made with matching.{name}={theirs}, this is {ours}"
        if self.compared_by.get(STORED, "None") != str(discriminant):
            return "its discriminant has been fitted anew"
        return None


def compared_by(matching: MatchingConfig, discriminant: str | None = None) -> dict[str, str]:
    """The settings that distances depend on, as they are kept; discriminant: digest of the stored one, if used."""
    return {**{name: str(getattr(matching, name)) for name in COMPARED_BY}, STORED: str(discriminant)}


def fingerprint(templates: Sequence[Template | Brief]) -> str:
    """Tells whether the gallery is still the one that was calibrated."""
    return hashlib.sha256("".join(sorted(template.template for template in templates)).encode()).hexdigest()


def read_calibration(gallery: Path) -> Calibration | None:
    """The gallery's calibration, None where there is none.

    Raises GalleryError for a damaged one, and for one that has gone.
    """
    again = f"gait calibrate --db {gallery} -h"
    try:
        content = read_listed(gallery / FILE, again)
        if content is None:
            return None
        return Calibration.model_validate_json(content)
    except (OSError, ValueError):
        raise GalleryError(f"{gallery / FILE}: damaged. Calibrate again: {again}") from None


def write_calibration(gallery: Path, calibration: Calibration) -> None:
    """Keep it in the gallery, in place of an older one; for who holds the gallery's lock."""
    content = json_bytes(calibration.model_dump(mode="json"))
    write_listed(gallery / FILE, lambda stream: stream.write(content))


def usable(
    calibration: Calibration | None,
    templates: Sequence[Template | Brief],
    matching: MatchingConfig,
    gallery: Path,
    discriminant: str | None = None,
) -> tuple[Calibration | None, str | None]:
    """The calibration if it may be used, and what the user should know about it.

    discriminant: the digest of the stored discriminant that is used.
    """
    if calibration is None:
        return None, None
    again = f"Calibrate again: gait calibrate --db {gallery}"
    if not templates:
        return None, None
    if reason := calibration.mismatch(matching, templates[0].model, templates[0].checkpoint_sha256, discriminant):
        return None, f"{gallery}: its calibration is not used, {reason}. {again}"
    if fingerprint(templates) != calibration.fingerprint:
        people = len({template.identity for template in templates})
        return calibration, (
            f"{gallery}: calibrated with {calibration.gallery_people} people and {calibration.gallery_templates} "
            f"templates, now there are {people} and {len(templates)}: its rates no longer hold exactly. {again}"
        )
    return calibration, None


def with_threshold(calibration: Calibration | None, matching: MatchingConfig) -> MatchingConfig:
    """The settings with the calibration's threshold, unless they have one of their own."""
    if calibration is None or isinstance(matching.threshold, float):
        return matching
    return matching.model_copy(update={"threshold": calibration.threshold})


def with_expected_threshold(
    gallery: Path, matching: MatchingConfig, model: str, checkpoint_sha256: str
) -> MatchingConfig:
    """The settings with the threshold of the gallery's calibration, as far as one can tell before anybody is seen.

    Raises GalleryError for a damaged calibration.
    """
    calibration = read_calibration(gallery)
    fits = calibration is not None and calibration.mismatch(matching, model, checkpoint_sha256) is None
    return with_threshold(calibration if fits else None, matching)


def with_calibration(match: Match, calibration: Calibration | None) -> Match:
    """With the probability that the name is right (of an unknown: that the nearest is not), and the rate behind it."""
    if calibration is None or match.distance is None or not match.candidates:
        return match
    named = match.identity or match.candidates[0].identity
    others = [candidate.distance for candidate in match.candidates if candidate.identity != named]
    probability = calibration.probability(match.distance, min(others, default=math.inf) - match.distance)
    reason = (
        f"{match.reason}; {calibration.false_positive(match.distance):.1%} of {len(calibration.strangers)} strangers' "
        "searches come as near"
    )
    if probability is None:
        return replace(match, reason=reason)
    confidence = probability if match.status == "known" else 1 - probability
    return replace(match, confidence=confidence, reason=reason)


def calibration_as_json(calibration: Calibration | None) -> dict[str, Any] | None:
    """What results.json says of it."""
    if calibration is None:
        return None
    return {
        "fpir": calibration.fpir,
        "threshold": calibration.threshold,
        "found": calibration.found,
        "found_ci95": calibration.found_ci95,
        "strangers": {"searches": len(calibration.strangers), "people": calibration.strangers_people},
        "gallery": {"people": calibration.gallery_people, "templates": calibration.gallery_templates},
    }
