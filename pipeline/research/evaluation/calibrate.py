"""`gait calibrate`: search a gallery for people who are in it and for strangers, and learn from the distances."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.config import Config
from pipeline.engine.progress import Progress
from pipeline.errors import GalleryError, InputError
from pipeline.files import write_json
from pipeline.gallery.calibration import Calibration, compared_by, fingerprint, write_calibration
from pipeline.gallery.cohort import comparison
from pipeline.gallery.discriminant import discriminant_as_json, outdated_line, stored_discriminant
from pipeline.gallery.discriminant_file import StoredDiscriminant
from pipeline.gallery.names import confusable_key
from pipeline.gallery.people import Person, people_of
from pipeline.gallery.store import Gallery
from pipeline.gallery.template import Template, now, refuse_other_encoder
from pipeline.matching.confidence import Reliability, fit_confidence, left_out_in_turn, nearest_and_gap, threshold_at
from pipeline.matching.people import people_distances
from pipeline.research.evaluation.clip_study import clip_study, encode_clips, open_clip_encoder, open_study
from pipeline.research.evaluation.manifest import Clip, read_manifest
from pipeline.research.evaluation.ranks import PeopleBootstrap
from pipeline.types import Embedding

REPORT = "calibration.json"


@dataclass(frozen=True, slots=True)
class GallerySearches:
    """N searches of a gallery of M people.

    distances: N×M; whose: N, the person in the clip, numbered from 0; own: N, that person's column, −1 for strangers.
    """

    distances: NDArray[np.float64]
    whose: NDArray[np.int64]
    own: NDArray[np.int64]

    @property
    def nearest(self) -> NDArray[np.float64]:
        return nearest_and_gap(self.distances)[0]

    @property
    def right(self) -> NDArray[np.bool_]:
        return np.asarray(self.distances.argmin(axis=1) == self.own)


def calibrate(
    db: Path,
    manifest: Path,
    config: Config,
    fpir: float,
    checkpoints: Path | None = None,
    sequences: Path | None = None,
    progress: Progress | None = None,
) -> tuple[Calibration, Reliability | None, Path]:
    """Find the threshold at which at most `fpir` of the strangers' searches name somebody, and keep it in the gallery.

    The manifest's probe clips are searched for; `person` says whose they are: a name (or identity) of the gallery, or a
    stranger. Returns also how reliable confidences are, and the run folder.
    Raises GaitError for whatever a user can mend; InputError where the strangers' clips are too few for the rate.
    """
    gallery = Gallery.open(db)
    templates = [template for template in gallery.templates() if not template.expired(now())]
    if not templates:
        raise GalleryError(f"{db}: nobody is enrolled, so there is nothing to calibrate. See: gait enrol -h")
    clips = [clip for clip in read_manifest(manifest) if clip.role == "probe"]
    people = people_of(templates)
    require_strangers(manifest, [own for own in owners(clips, people) if own < 0], fpir)
    encoder = open_clip_encoder(config, checkpoints, config)
    refuse_other_encoder(encoder, {template.origin for template in templates}, db, config.profile)
    stored, unused = stored_discriminant(db, config.matching, templates[0].origin)
    noted = {"calibrated": {"db": str(db), "fpir": fpir, "backend": discriminant_as_json(stored)}}
    session = open_study(clips, config, checkpoints, progress)
    with clip_study(manifest, clips, session, sequences, noted) as study:
        with session.record.meter.time("recognise", clips=len(clips)):
            rows, probes = encode_clips(clips, study.kept, encoder, config)
        if len(rows) < len(clips):
            session.record.warn(
                f"{len(clips) - len(rows)} of {len(clips)} clips have too few usable frames and are left out"
            )
        for doubt in filter(None, (unused, outdated_line(stored, templates, db))):
            session.record.warn(doubt)
        found = search_gallery([clips[row] for row in rows], probes, templates, people, config, stored)
        require_strangers(manifest, found.own[found.own < 0].tolist(), fpir)
        calibration, reliable = calibration_of(found, templates, fpir, config, stored)
        write_json(session.folder.path / REPORT, calibration.model_dump(mode="json"))
        with gallery.writing():
            write_calibration(db, calibration)
    return calibration, reliable, session.folder.path


def owners(clips: Sequence[Clip], people: Sequence[Person]) -> list[int]:
    """Which of the gallery's people each clip is of, by number; −1 for a stranger."""
    number = {confusable_key(person.name): i for i, person in enumerate(people)}
    number |= {person.identity: i for i, person in enumerate(people)}
    return [number.get(clip.person, number.get(confusable_key(clip.person), -1)) for clip in clips]


def require_strangers(manifest: Path, strangers: Sequence[int], fpir: float) -> None:
    """Raise InputError where so many strangers' clips cannot show so small a rate."""
    wanted = math.ceil(1 / fpir - 1e-9)
    if len(strangers) < wanted:
        least = f" Ask for --fpir {math.ceil(1e3 / len(strangers)) / 1e3:g} or more, or add" if strangers else " Add"
        raise InputError(
            f"{manifest}: {len(strangers)} usable clips of people who are not enrolled cannot show a false positive "
            f"rate of {fpir:.2%}: that takes {wanted}.{least} probe clips of strangers."
        )


def search_gallery(
    clips: Sequence[Clip],
    probes: Sequence[Embedding],
    templates: Sequence[Template],
    people: Sequence[Person],
    config: Config,
    stored: StoredDiscriminant | None = None,
) -> GallerySearches:
    """Every clip against everybody in the gallery, as `gait identify` compares; stored: by this discriminant."""
    whose = np.unique(np.array([clip.person for clip in clips]), return_inverse=True)[1].astype(np.int64)
    identities = [template.identity for template in templates]
    enrolled, weights = [template.embedding() for template in templates], [template.weight for template in templates]
    how = comparison(config.matching, stored.discriminant if stored else None)
    distances = people_distances(probes, enrolled, identities, weights, how)
    return GallerySearches(distances, whose, np.array(owners(clips, people), np.int64))


def calibration_of(
    found: GallerySearches,
    templates: Sequence[Template],
    fpir: float,
    config: Config,
    stored: StoredDiscriminant | None = None,
) -> tuple[Calibration, Reliability | None]:
    """What the searches, by this discriminant, say."""
    strangers = found.own < 0
    (nearest, gap), right = nearest_and_gap(found.distances), found.right
    threshold = threshold_at(fpir, nearest[strangers])
    if threshold is None or not math.isfinite(threshold):
        raise InputError(f"--fpir {fpir:g}: no threshold gives that rate. Ask for another.")
    named = (nearest <= threshold).astype(np.float64)
    confidence = fit_confidence(nearest, gap, right)
    reliable = left_out_in_turn(nearest, gap, right, found.whose)
    calibration = Calibration(
        made=now().isoformat(timespec="seconds"),
        model=templates[0].model,
        checkpoint_sha256=templates[0].checkpoint_sha256,
        compared_by=compared_by(config.matching, stored.facts.digest if stored else None),
        gallery_people=len({template.identity for template in templates}),
        gallery_templates=len(templates),
        fingerprint=fingerprint(templates),
        fpir=fpir,
        threshold=threshold,
        strangers=tuple(float(distance) for distance in np.sort(nearest[strangers])),
        strangers_people=len(np.unique(found.whose[strangers])),
        enrolled_searches=int((~strangers).sum()),
        enrolled_people=len(np.unique(found.whose[~strangers])),
        confidence=None if confidence is None else (confidence.centre, confidence.scale, confidence.weights),
        ece=None if reliable is None else round(reliable.error, 6),
        **_rate("found", named[strangers], found.whose[strangers]),
        **_rate("tpir", (named * right)[~strangers], found.whose[~strangers]),
    )
    return calibration, reliable


def _rate(name: str, values: NDArray[np.float64], whose: NDArray[np.int64]) -> dict[str, Any]:
    """A mean and its interval over people, under `name` and `name`_ci95."""
    if not len(values):
        return {name: None, f"{name}_ci95": None}
    interval = PeopleBootstrap(whose).interval(values)
    return {
        name: round(float(values.mean()), 6),
        f"{name}_ci95": interval and (round(interval.low, 6), round(interval.high, 6)),
    }
