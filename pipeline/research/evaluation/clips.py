"""`gait evaluate clips`: the whole pipeline on labelled clips, one encoder or several on the same silhouettes.

follow    every video once, through the main job's own code and cache
cut       each clip's walk out of the tracks
embed     with every encoder that is compared
rank      every probe clip against all gallery clips
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.config import Config
from pipeline.engine.progress import Progress
from pipeline.errors import InputError
from pipeline.files import write_json
from pipeline.gallery.cohort import comparison
from pipeline.jobs.session import made_up_people
from pipeline.matching.scores import scores
from pipeline.profiles import as_record
from pipeline.recognition import Encoder
from pipeline.research.evaluation.clip_study import clip_study, encode_clips, open_clip_encoder, open_study
from pipeline.research.evaluation.clip_walks import ClipFolder
from pipeline.research.evaluation.manifest import Clip, read_manifest, strangers
from pipeline.research.evaluation.one_to_one import one_to_one
from pipeline.research.evaluation.openset import draw_splits, equal_error_rate, open_set_figures, search
from pipeline.research.evaluation.ranks import FloatMatrix, Labels, by_direction, score
from pipeline.research.evaluation.report import Compared, Report, report
from pipeline.research.evaluation.unlabelled import without_labels
from pipeline.types import Embedding

REPORT = "evaluation.json"
LEAST_ENROLLED = 4  # people, of whom the open set enrols half


@dataclass(frozen=True, slots=True)
class Contestant:
    """What is compared under one name: a configuration, or several that differ by chance only (seeds)."""

    name: str
    configs: Sequence[Config]


@dataclass(frozen=True, slots=True)
class Labelled:
    """The clips in numbers: probes and gallery with whose they are, people numbered from 0."""

    probes: Sequence[Clip]
    gallery: Sequence[Clip]
    probe_people: Labels
    gallery_people: Labels
    people: int

    @classmethod
    def of(cls, clips: Sequence[Clip]) -> Labelled:
        """Without the strangers among the probes, whom nobody could name."""
        gallery = [clip for clip in clips if clip.role == "gallery"]
        number = {person: i for i, person in enumerate(sorted({clip.person for clip in gallery}))}
        probes = [clip for clip in clips if clip.role == "probe" and clip.person in number]
        probe_people, gallery_people = (
            np.array([number[clip.person] for clip in side], np.int64) for side in (probes, gallery)
        )
        return cls(probes, gallery, probe_people, gallery_people, len(number))


def evaluate_clips(
    manifest: Path,
    contestants: Sequence[Contestant],
    checkpoints: Path | None = None,
    sequences: Path | None = None,
    progress: Progress | None = None,
    splits: int = 0,
) -> tuple[Report, Path]:
    """Evaluate on the manifest's clips: the report (see report.py) and the run folder that holds it.

    splits: draws of who is enrolled, for the open set; 0: people are not left out.

    The first contestant's settings say how people are found and cut out, for all. sequences: a folder that keeps the
    silhouettes clip by clip; where it already has them, no video is looked at again.
    Raises GaitError for whatever a user can mend, before the work begins.
    """
    clips = read_manifest(manifest)
    labelled = Labelled.of(clips)
    if not labelled.probes:
        raise InputError(f"{manifest}: none of the probe clips is of a person who has a gallery clip.")
    if splits and labelled.people < LEAST_ENROLLED:
        raise InputError(f"{manifest}: the open set needs {LEAST_ENROLLED} people at least, to leave half of them out.")
    draws = draw_splits(labelled.people, splits) if splits else []
    first = contestants[0].configs[0]
    encoders = [[open_clip_encoder(config, checkpoints, first) for config in one.configs] for one in contestants]
    noted = {
        "compared": {one.name: [as_record(config)["recognition"] for config in one.configs] for one in contestants}
    }
    session = open_study(clips, first, checkpoints, progress)
    with clip_study(manifest, clips, session, sequences, noted) as study:
        compared = []
        for contestant, members in zip(contestants, encoders, strict=True):
            with session.record.meter.time("recognise", encoders=len(members)):
                compared.append(_rank(contestant, members, labelled, study.kept, session.bars, draws))
        tree = report(compared, [clip.condition for clip in labelled.probes], labelled.probe_people)
        write_json(session.folder.path / REPORT, tree)
        for left_out in strangers(clips):
            session.record.warn(f"line {left_out.row}: {left_out.person} has no gallery clip; left out")
    return tree, session.folder.path


@dataclass(frozen=True, slots=True)
class Encoded:
    """The usable clips of both sides as embeddings; rows, columns: which of the probes and of the gallery they are."""

    labelled: Labelled
    config: Config
    rows: NDArray[np.int64]
    probes: Sequence[Embedding]
    columns: NDArray[np.int64]
    gallery: Sequence[Embedding]

    def distances(self, enrolled: NDArray[np.bool_] | None = None) -> FloatMatrix:
        """Of every probe clip to every gallery clip, N×M; infinite where either has too few frames.

        enrolled: which people are, everybody unless told; clips of the others are infinitely far, and no
        discriminant is fitted on them.
        """
        whose = self.labelled.gallery_people[self.columns]
        taken = np.ones(len(whose), np.bool_) if enrolled is None else enrolled[whose]
        gallery = list(itertools.compress(self.gallery, taken))
        found = scores(self.probes, gallery, whose[taken].tolist(), comparison(self.config.matching))
        distances = np.full((len(self.labelled.probes), len(self.labelled.gallery)), np.inf)
        distances[np.ix_(self.rows, self.columns[taken])] = found
        return distances


def _rank(
    contestant: Contestant,
    members: Sequence[Encoder],
    labelled: Labelled,
    kept: ClipFolder,
    bars: Progress,
    splits: Sequence[NDArray[np.bool_]],
) -> Compared:
    bars.start(contestant.name, len(members), "encoders")
    found, directions, lost = [], [], 0
    opened: dict[str, Any] | None = None
    headings = kept.headings()
    probe_headings, gallery_headings = (
        np.array([headings[clip.row] for clip in side]) for side in (labelled.probes, labelled.gallery)
    )
    for config, encoder in zip(contestant.configs, members, strict=True):
        sides = (encode_clips(side, kept, encoder, config) for side in (labelled.probes, labelled.gallery))
        encoded = Encoded(labelled, config, *next(sides), *next(sides))
        distances = encoded.distances()
        whose = labelled.probe_people, labelled.gallery_people
        found.append(score(distances, *whose, labelled.people))
        directions.append(by_direction(distances, *whose, probe_headings, gallery_headings))
        lost = int(np.isinf(distances).all(axis=0).sum())
        if splits and opened is None:  # of several seeds the first one's
            pairs = one_to_one([*labelled.probes, *labelled.gallery], kept, encoder, config)
            opened = {**_open_set(encoded, encoder, distances, splits), "one_to_one": pairs}
        bars.advance(contestant.name)
    bars.finish(contestant.name)
    return Compared(contestant.name, found, directions, len(labelled.gallery), lost, opened)


def _open_set(
    encoded: Encoded, encoder: Encoder, distances: FloatMatrix, splits: Sequence[NDArray[np.bool_]]
) -> dict[str, Any]:
    labelled = encoded.labelled
    whose = labelled.probe_people, labelled.gallery_people
    searches = search(encoded.distances, *whose, splits)
    figures = open_set_figures(searches, labelled.people, len(splits))
    usable = labelled.probe_people[encoded.rows], labelled.gallery_people[encoded.columns]
    made_up = partial(made_up_people, encoder, encoded.config)
    figures["unlabelled"] = without_labels(
        encoded.probes, encoded.gallery, usable, made_up, encoded.config.matching, splits
    )
    return {"eer": round(equal_error_rate(distances, *whose, labelled.people), 6), **figures}
