"""Verification of labelled clips: every pair from two videos, judged as `gait verify` does, and how often rightly."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pipeline.config import Config
from pipeline.gallery.cohort import comparison
from pipeline.jobs.session import made_up_people
from pipeline.matching.confidence import reliability
from pipeline.matching.verification import PairEvidence, Verdict, apart, wants_a_gallery
from pipeline.recognition import Encoder
from pipeline.recognition.encoder import EncoderInput
from pipeline.recognition.stretches import stretches
from pipeline.research.evaluation.clip_walks import ClipFolder
from pipeline.research.evaluation.manifest import Clip

FPS = 25.0  # taken for that of every clip: their silhouettes keep no rate


def one_to_one(clips: Sequence[Clip], kept: ClipFolder, encoder: Encoder, config: Config) -> dict[str, Any] | None:
    """Judge all pairs of usable clips from different videos; None where all or none are of one person.

    None as well where the settings learn from a gallery.

    Returns:
        As `figures_of`.
    """
    if wants_a_gallery(comparison(config.matching)):
        return None
    counts = kept.usable(clips, encoder.needs, config)
    usable = [clip for clip, count in zip(clips, counts, strict=True) if count >= config.recognition.min_frames]
    walks = [kept.read(clip, encoder.needs, config) for clip in usable]
    pairs = [(i, j) for i, one in enumerate(usable) for j in range(i) if usable[j].video != one.video]
    same = np.array([usable[i].person == usable[j].person for i, j in pairs], np.bool_)
    return figures_of(walks, pairs, same, encoder, config) if same.any() and not same.all() else None


def figures_of(
    walks: Sequence[EncoderInput],
    pairs: Sequence[tuple[int, int]],
    same: np.ndarray[Any, np.dtype[np.bool_]],
    encoder: Encoder,
    config: Config,
) -> dict[str, Any]:
    """How right the verdicts on pairs of walks are.

    Args:
        walks: Usable ones.
        pairs: K pairs of them.
        same: K, whether they are one person's.
        encoder: Of the walks.
        config: The settings.

    Returns:
        pairs: how many of one person and of two. same, different: which share of each was said to be the same, to be
        different, and left open. eer: of the distance alone. ece: calibration error of the probability, pairs of one
        person and of two counting as much. inside: in how many tenths of the pairs, by probability, what happened lies
        within the mean interval.
    """
    cut = [encoder.encode(stretches(walk, encoder.needs, FPS)) for walk in walks]
    how = comparison(config.matching)
    evidence = PairEvidence.of(made_up_people(encoder, config), how)
    every, begin = [one for walk in cut for one in walk], np.cumsum([0, *(len(walk) for walk in cut)])
    between = apart(every, every, how)
    verdicts, distances = [], []
    for i, j in pairs:
        found = between[begin[i] : begin[i + 1], begin[j] : begin[j + 1]]
        verdicts.append(Verdict.of(evidence.draws(found)))
        distances.append(found.mean())
    said = np.array([verdict.probability for verdict in verdicts])
    ends = np.array([verdict.interval for verdict in verdicts])
    answer = np.array([-1 if verdict.same is None else int(verdict.same) for verdict in verdicts])
    rows = np.concatenate([np.resize(np.flatnonzero(side), len(same)) for side in (same, ~same)])
    reliable = reliability(said[rows], same[rows])
    tenths = np.array_split(rows[np.argsort(said[rows], kind="stable")], 10)
    within = [ends[tenth, 0].mean() <= same[tenth].mean() <= ends[tenth, 1].mean() for tenth in tenths]

    def shares(side: np.ndarray[Any, np.dtype[np.bool_]]) -> list[float]:
        return [round(float((answer[side] == what).mean()), 4) for what in (1, 0, -1)]

    return {
        "pairs": [int(same.sum()), int((~same).sum())],
        "same": shares(same),
        "different": shares(~same),
        "eer": round(_equal_error(np.array(distances), same), 4),
        "ece": round(reliable.error, 4),
        "said": np.round(reliable.said, 3).tolist(),
        "happened": np.round(reliable.happened, 3).tolist(),
        "inside": int(sum(within)),
    }


def _equal_error(distances: np.ndarray[Any, np.dtype[np.float64]], same: np.ndarray[Any, np.dtype[np.bool_]]) -> float:
    """Where as many pairs of one person are too far apart as pairs of two are near enough."""
    limits = np.unique(distances)
    missed = 1 - np.searchsorted(np.sort(distances[same]), limits, side="right") / same.sum()
    passed = np.searchsorted(np.sort(distances[~same]), limits, side="right") / (~same).sum()
    at = int(np.abs(missed - passed).argmin())
    return float((missed[at] + passed[at]) / 2)
