"""What a person said of walks: who said it, when, which template came of it, and what the distances were.

reviews.json lies beside the table. A review that adds templates is written first and counts once they are in the table,
so a killed one leaves nothing that counts. What is about templates or people that have gone is dropped with them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from pipeline.config import MatchingConfig
from pipeline.errors import GalleryError
from pipeline.files import json_bytes, parse_json
from pipeline.gallery.calibration import COMPARED_BY
from pipeline.gallery.folder import read_listed, remove_listed, write_listed
from pipeline.matching.evidence import Judged
from pipeline.types import Tracklet

FILE = "reviews.json"

_STRICT = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Item(BaseModel):
    """What was said of one walk.

    walk: see `walk_of`; run, track: where it was looked at, see `run_key`; said: the answer was right, it was wrong, or
    it is somebody new; template: what was enrolled of it, None for nothing; added: by this review; refused: the
    identity that it is not; own, others, people: as in `Judged`, no people where no deviations were looked at.
    """

    model_config = _STRICT

    walk: str
    run: str
    track: str
    said: Literal["right", "wrong", "new"]
    template: str | None = None
    added: bool = False
    refused: str | None = None
    own: float | None = None
    others: tuple[float, ...] = ()
    people: int = Field(0, ge=0)


class Review(BaseModel):
    """What one person said at one time. at: UTC; pending: it counts if one of its templates is there."""

    model_config = _STRICT

    id: str
    by: str
    at: str
    pending: bool = False
    model: str
    checkpoint_sha256: str
    compared_by: dict[str, str]
    items: tuple[Item, ...]

    @property
    def added(self) -> list[str]:
        """The templates that it brought."""
        return [item.template for item in self.items if item.added and item.template]

    @property
    def when(self) -> str:
        """Day and minute, UTC."""
        return self.at[:16].replace("T", " ")


def read_reviews(gallery: Path, templates: Collection[str]) -> list[Review]:
    """The reviews that count, oldest first. templates: those that are there.

    Raises GalleryError for a damaged file, and for one that has gone.
    """
    return list(_counting(_stored(gallery), templates))


def write_reviews(gallery: Path, reviews: Sequence[Review]) -> None:
    """Keep exactly these; for who holds the gallery's lock."""
    if not reviews:
        remove_listed(gallery / FILE)
        return
    content = json_bytes({"reviews": [review.model_dump(mode="json") for review in reviews]})
    write_listed(gallery / FILE, lambda stream: stream.write(content))


def drop_gone(gallery: Path, owners: Mapping[str, str]) -> None:
    """Forget what is about templates and people that are not there any more; for who holds the gallery's lock.

    owners: identities by template, of all that are there.
    """
    stored, people = _stored(gallery), set(owners.values())
    kept = []
    for review in _counting(stored, owners):
        items = tuple(
            item if item.refused is None or item.refused in people else item.model_copy(update={"refused": None})
            for item in review.items
        )
        kept.append(review.model_copy(update={"items": items, "pending": False}))
    if kept != stored:
        write_reviews(gallery, kept)


def judged(reviews: Iterable[Review], matching: MatchingConfig, origin: tuple[str, str]) -> list[Judged]:
    """The searches whose answers are known, where distances are measured as now. origin: as in `Template`."""
    measured = measured_by(matching)
    return [
        Judged(item.own, item.others, item.people)
        for review in reviews
        if (review.model, review.checkpoint_sha256) == origin and review.compared_by == measured
        for item in review.items
        if item.people and (item.others or item.own is not None)
    ]


def measured_by(matching: MatchingConfig) -> dict[str, str]:
    """The settings that deviations depend on."""
    return {name: str(getattr(matching, name)) for name in COMPARED_BY}


def walk_of(tracklet: Tracklet, video_sha256: str) -> str:
    """Tells a walk in any run, whatever it is embedded by: the same boxes in the same frames of the same video."""
    whole = hashlib.sha256(video_sha256.encode())
    whole.update(np.ascontiguousarray(tracklet.frame_indices, np.int64).tobytes())
    whole.update(np.ascontiguousarray(np.round(tracklet.boxes, 1), np.float32).tobytes())
    return whole.hexdigest()[:32]


def run_key(name: str, started: str) -> str:
    """Tells a run folder by its name and when the run began, wherever it lies."""
    return hashlib.sha256(f"{name} {started}".encode()).hexdigest()[:32]


def _counting(reviews: Iterable[Review], templates: Collection[str]) -> Iterator[Review]:
    for review in reviews:
        if review.pending and not any(template in templates for template in review.added):
            continue
        items = tuple(item for item in review.items if item.template is None or item.template in templates)
        if items:
            yield review if len(items) == len(review.items) else review.model_copy(update={"items": items})


def _stored(gallery: Path) -> list[Review]:
    again = f"gait review -h, or start anew: remove it from the list in {gallery / 'gallery.json'}"
    content = read_listed(gallery / FILE, again)
    if content is None:
        return []
    try:
        return [Review.model_validate(one) for one in parse_json(content)["reviews"]]
    except (ValueError, TypeError, KeyError):
        raise GalleryError(f"{gallery / FILE}: damaged. Restore a copy, or remove it: nobody is lost by it.") from None
