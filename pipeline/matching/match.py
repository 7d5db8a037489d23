"""Every probe track's answer: a name from the gallery or `unknown`, how sure, and why."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pipeline.config import MatchingConfig
from pipeline.matching.assign import UNKNOWN, assign, covisible
from pipeline.matching.stitch import stitch_tracks
from pipeline.types import Candidate, Embedding, Match, Tracklet

# GEI: measured on All-in-One-Gait's demo (4 people, 12 probe walks, 16 parts, masks of PP-HumanSeg): at 0.14 nobody
# gets a wrong name and 9 of 12 get their own. gaitbase_synth: one in ten of 81 walks of made-up people is that near to
# the nearest of 23 others, on silhouettes of `light` (docs/accuracy.md). Other encoders have none until it is measured,
# or set.
_SYNTH = "515c4b6b074ed96cd5e0b6338c1764505ad155299ae4f44ea681b4f6b295fec1"  # gaitbase_synth
THRESHOLDS: Mapping[tuple[str, str, str], float] = {
    ("", "gei", "euclidean"): 0.14,
    ("", "gei", "cosine"): 0.045,
    ("", "gei+heading", "euclidean"): 0.14,
    ("", "gei+heading", "cosine"): 0.045,
    (_SYNTH, "gaitbase+heading", "cosine"): 0.11,
}
"""By sha256 of the weights, encoder and metric."""


def match_distances(
    probes: Sequence[Embedding],
    identities: Sequence[str],
    distances: NDArray[np.float64],
    tracklets: Sequence[Tracklet],
    unusable: Mapping[tuple[str, int], str],
    config: MatchingConfig,
) -> list[Match]:
    """Name every probe track: one answer for each tracklet, in their order, then for what no tracklet belongs to.

    Args:
        probes: N embeddings.
        identities: M people.
        distances: N×M, smaller is more alike.
        tracklets: The probe side's; they say who was seen together.
        unusable: Why a track has no embedding.
        config: The settings.

    Tracks that are one broken track (stitch.py) are answered together, by the mean of their distances, each weighted by
    the silhouettes behind it.
    """
    together = _exclusive(probes, tracklets)
    own = "off" if config.threshold == "off" else None
    plain = threshold_of(
        config.model_copy(update={"transform": "none", "score_norm": "none", "threshold": own}), probes
    )
    groups = stitch_tracks(probes, tracklets, together, config.metric, plain, config.stitch_seconds)
    table = _Table(
        identities=identities,
        distances=np.stack([_mean_row(distances[rows], [probes[row] for row in rows]) for rows in groups])
        if groups
        else distances,
        exclusive=_of_groups(together, groups) if config.one_to_one else _nobody(len(groups)),
        track_ids=[probes[rows[0]].track_id for rows in groups],
        threshold=threshold_of(config, probes),
        temperature=config.temperature,
        scale=1.0 if config.signed else None,
    )
    chosen = assign(table.distances, table.exclusive, table.threshold)
    answers = {
        (probes[member].video, probes[member].track_id): _with_others(
            _answer(probes[member], row, chosen, table), [probes[other].track_id for other in rows if other != member]
        )
        for row, rows in enumerate(groups)
        for member in rows
    }
    tracks = dict.fromkeys([*((t.video, t.track_id) for t in tracklets), *answers, *sorted(unusable)])
    return [answers.get(track) or _unusable(track, unusable.get(track, "no embedding")) for track in tracks]


def _mean_row(distances: NDArray[np.float64], probes: Sequence[Embedding]) -> NDArray[np.float64]:
    if len(probes) == 1:
        return np.asarray(distances[0])
    weights = np.array([probe.frames_used for probe in probes], np.float64)
    return np.asarray(weights @ distances / weights.sum())


def _of_groups(exclusive: NDArray[np.bool_], groups: Sequence[Sequence[int]]) -> NDArray[np.bool_]:
    """Groups exclude each other where any of their members do."""
    member = np.zeros((len(groups), len(exclusive)))
    for number, rows in enumerate(groups):
        member[number, list(rows)] = 1
    found = np.asarray(member @ exclusive @ member.T > 0)
    np.fill_diagonal(found, False)
    return found


def _with_others(match: Match, others: Sequence[int]) -> Match:
    if not others:
        return match
    broken = f"one broken track with {' and '.join(map(str, others))}"
    return replace(match, reason=f"{match.reason}; {broken}")


def threshold_of(config: MatchingConfig, probes: Sequence[Embedding]) -> float:
    """The configured threshold, or the measured one of the encoder that made the embeddings, or infinity."""
    if isinstance(config.threshold, float):
        return config.threshold
    encoders = {(embedding.model, embedding.checkpoint_sha256) for embedding in probes}
    return min((threshold_for(config, *encoder) for encoder in encoders), default=math.inf)


def threshold_for(config: MatchingConfig, model: str, checkpoint_sha256: str) -> float:
    """The configured threshold, or the measured one of the encoder of that name with these weights, or infinity.

    What was measured holds for plain distances only.
    """
    if isinstance(config.threshold, float):
        return config.threshold
    if config.threshold == "off":
        return math.inf
    if config.transform != "none" or config.score_norm != "none":
        return math.inf
    return THRESHOLDS.get((checkpoint_sha256, _encoder_of(model), config.metric), math.inf)


def _encoder_of(model: str) -> str:
    """Of "gei-16", "gei"; of "gei-16+both", "gei+both": mirroring makes for distances of another size."""
    model, plus, mirroring = model.partition("+")
    return model.partition("-")[0] + plus + mirroring


@dataclass(frozen=True, slots=True)
class _Table:
    """Probes (rows) against gallery identities (columns). scale: of the distances; None: the threshold says."""

    identities: Sequence[str]
    distances: NDArray[np.float64]
    exclusive: NDArray[np.bool_]
    track_ids: Sequence[int]
    threshold: float
    temperature: float
    scale: float | None = None


def _exclusive(probes: Sequence[Embedding], tracklets: Sequence[Tracklet]) -> NDArray[np.bool_]:
    """Which probes were seen together; one without a tracklet excludes nobody."""
    position = {(tracklet.video, tracklet.track_id): i for i, tracklet in enumerate(tracklets)}
    rows = [row for row, probe in enumerate(probes) if (probe.video, probe.track_id) in position]
    known = [position[probes[row].video, probes[row].track_id] for row in rows]
    exclusive = _nobody(len(probes))
    exclusive[np.ix_(rows, rows)] = covisible([tracklets[i] for i in known])
    return exclusive


def _nobody(count: int) -> NDArray[np.bool_]:
    return np.zeros((count, count), np.bool_)


def _answer(probe: Embedding, row: int, chosen: Sequence[int], table: _Table) -> Match:
    distances = table.distances[row]
    ranked = np.argsort(distances, kind="stable").tolist()
    candidates = tuple(Candidate(table.identities[column], float(distances[column])) for column in ranked)
    column = chosen[row]
    known = column != UNKNOWN
    if not candidates:
        distance, confidence, reason = None, None, "no gallery person to compare with"
    else:
        posterior = posteriors(distances, table.threshold, table.temperature, table.scale)
        distance = float(distances[column if known else ranked[0]])
        confidence = float(posterior[column])  # UNKNOWN, −1, is the last of them
        reason = _reason(row, ranked, chosen, table)
    return Match(
        video=probe.video,
        track_id=probe.track_id,
        status="known" if known else "unknown",
        identity=table.identities[column] if known else None,
        distance=distance,
        confidence=confidence,
        candidates=candidates,
        reason=reason,
    )


def posteriors(
    distances: NDArray[np.floating], threshold: float, temperature: float, scale: float | None = None
) -> NDArray[np.float64]:
    """How likely each candidate is, and, last, nobody of the gallery: M + 1 values that sum to 1.

    A softmax of −distance / T with "nobody" at the threshold; T is `temperature` times the scale: unless told, the
    threshold (the median distance where there is none), so that the size of the distances does not matter. Not
    calibrated: 0.9 is more than 0.6, but nine in ten need not be right. With one candidate and no threshold there is
    no alternative, hence 1.
    """
    if scale is None:
        scale = threshold if math.isfinite(threshold) else float(np.median(distances))
    energies = np.append(distances.astype(np.float64), threshold) / (temperature * max(scale, 1e-12))
    weights = np.exp(energies.min() - energies)
    return np.asarray(weights / weights.sum())


def _reason(row: int, ranked: Sequence[int], chosen: Sequence[int], table: _Table) -> str:
    """Why this answer: names, distances and who took the nearer ones."""

    def named(column: int) -> str:
        return f"{table.identities[column]} at {table.distances[row, column]:.3g}"

    answer, nearest, distances = chosen[row], ranked[0], table.distances[row]
    if distances[nearest] > table.threshold:
        return f"nearest is {named(nearest)}, beyond the threshold {table.threshold:.3g}"
    if answer != UNKNOWN and distances[answer] == distances[nearest]:
        if len(ranked) == 1:
            within = f"within the threshold {table.threshold:.3g}"
            sure = "so it is always them" if math.isinf(table.threshold) else within
            return f"only one person to compare with, at {distances[answer]:.3g}, {sure}"
        second = next(column for column in ranked if column != answer)
        return f"nearest of {len(ranked)} at {distances[answer]:.3g}, next {named(second)}"
    holders = [other for other in np.flatnonzero(table.exclusive[row]).tolist() if chosen[other] == nearest]
    owner = f" to track {table.track_ids[holders[0]]} seen in the same frames" if holders else " to another track"
    taken = f"{named(nearest)} is nearer but belongs{owner}"
    if answer != UNKNOWN:
        return f"number {ranked.index(answer) + 1} of {len(ranked)} at {distances[answer]:.3g}: {taken}"
    left = "" if math.isinf(table.threshold) else f" within the threshold {table.threshold:.3g}"
    return f"nobody else is left{left}: {taken}"


def _unusable(track: tuple[str, int], reason: str) -> Match:
    video, track_id = track
    return Match(video, track_id, "unusable", None, None, None, (), reason)
