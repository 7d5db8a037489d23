"""Every probe track's answer: a name from the gallery or `unknown`, how sure, and why."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from pipeline.config import MatchingConfig
from pipeline.matching.assign import UNKNOWN, assign, covisible
from pipeline.matching.evidence import NOTHING_KNOWN, Evidence, Usual, deviations, posteriors
from pipeline.matching.stitch import stitch_tracks
from pipeline.types import Candidate, Embedding, Match, TrackKey, Tracklet


@dataclass(frozen=True, slots=True)
class Settled:
    """What a person said of a track. name: of the enrolled, None for nobody of them; reason: in words."""

    name: str | None
    reason: str


@dataclass(frozen=True, slots=True)
class Known:
    """Whom probes are compared with, and what their distances are worth.

    Attributes:
        identities: M people.
        evidence: What deviations are worth among them; None where a threshold of distances decides.
        usual: How far people are apart, as far as it is known before the probes are looked at.
        aside: How many of the nearest of each probe tell nothing of what is usual.
        settled: What a person said of tracks: their answers.
    """

    identities: Sequence[str]
    evidence: Evidence | None = None
    usual: Usual = NOTHING_KNOWN
    aside: int = 1
    settled: Mapping[TrackKey, Settled] = field(default_factory=dict)


def match_distances(
    probes: Sequence[Embedding],
    distances: NDArray[np.float64],
    tracklets: Sequence[Tracklet],
    unusable: Mapping[tuple[str, int], str],
    known: Known,
    config: MatchingConfig,
) -> list[Match]:
    """Name every probe track: one answer for each tracklet, in their order, then for what no tracklet belongs to.

    Args:
        probes: N embeddings.
        distances: N×M, smaller is more alike; infinite where it is not that person.
        tracklets: The probe side's; they say who was seen together.
        unusable: Why a track has no embedding.
        known: The M people.
        config: The settings.

    Tracks that are one broken track (stitch.py) are answered together, by the mean of their distances, each weighted by
    the silhouettes behind it.
    """
    told = [known.settled.get((probe.video, probe.track_id)) for probe in probes]
    together = seen_together(probes, tracklets) | _called_otherwise(told)
    near = (
        config.threshold
        if isinstance(config.threshold, float) and config.transform == config.score_norm == "none"
        else math.inf
    )
    groups = stitch_tracks(probes, tracklets, together, config.metric, near, config.stitch_seconds)
    table = _Table(
        identities=known.identities,
        distances=np.stack([_mean_row(distances[rows], [probes[row] for row in rows]) for rows in groups])
        if groups
        else distances,
        exclusive=_of_groups(together, groups) if config.one_to_one else _nobody(len(groups)),
        track_ids=[probes[rows[0]].track_id for rows in groups],
        settled={
            number: found
            for number, rows in enumerate(groups)
            if (found := next(filter(None, (told[r] for r in rows)), None))
        },
    )
    decide = _by_threshold if known.evidence is None else _by_evidence
    decided = decide(table, known, config)
    answers = {
        (probes[member].video, probes[member].track_id): _with_others(
            _answer(probes[member], row, decided, table), [probes[other].track_id for other in rows if other != member]
        )
        for row, rows in enumerate(groups)
        for member in rows
    }
    tracks = dict.fromkeys([*((t.video, t.track_id) for t in tracklets), *answers, *sorted(unusable)])
    return [answers.get(track) or _unusable(track, unusable.get(track, "no embedding")) for track in tracks]


def _called_otherwise(told: Sequence[Settled | None]) -> NDArray[np.bool_]:
    """Which tracks are different people, as a person said: N×N."""
    found = _nobody(len(told))
    rows = [row for row, one in enumerate(told) if one is not None and one.name is not None]
    for i in rows:
        for j in rows:
            one, other = told[i], told[j]
            found[i, j] = one is not None and other is not None and one.name != other.name
    return found


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


@dataclass(frozen=True, slots=True)
class _Table:
    """Probes (rows) against gallery identities (columns)."""

    identities: Sequence[str]
    distances: NDArray[np.float64]
    exclusive: NDArray[np.bool_]
    track_ids: Sequence[int]
    settled: Mapping[int, Settled]

    def columns(self) -> dict[int, int]:
        """By row that is settled: its column, or UNKNOWN."""
        place = {name: column for column, name in enumerate(self.identities)}
        return {row: UNKNOWN if one.name is None else place[one.name] for row, one in self.settled.items()}


@dataclass(frozen=True, slots=True)
class _Decided:
    """chosen: a column or UNKNOWN, for each row. likely: N×(M+1), nobody last. why: of those who got no name."""

    chosen: Sequence[int]
    likely: NDArray[np.float64]
    why: Mapping[int, str]
    threshold: float | None = (
        None  # of distances; infinite where the nearest is always named, None where evidence decides
    )


def _by_threshold(table: _Table, known: Known, config: MatchingConfig) -> _Decided:
    """The nearest within a distance; the settings say which, or that it has no end."""
    threshold = config.threshold if isinstance(config.threshold, float) else math.inf
    scale = 1.0 if config.signed else None
    likely = [softmax(row, threshold, config.temperature, scale) for row in table.distances]
    left, settled = table.distances.copy(), table.columns()
    for row, column in settled.items():
        left[row] = np.inf
        if column != UNKNOWN:
            left[table.exclusive[row], column] = np.inf
            likely[row] = np.where(np.arange(len(likely[row])) == column, 1.0, 0.0)
    chosen = assign(left, table.exclusive, threshold)
    why = {
        row: _beyond(row, table, threshold)
        for row, column in enumerate(chosen)
        if column == UNKNOWN and len(table.identities)
    }
    why |= {row: one.reason for row, one in table.settled.items()}
    chosen = [settled.get(row, column) for row, column in enumerate(chosen)]
    return _Decided(chosen, np.array(likely), why, threshold)


def _beyond(row: int, table: _Table, threshold: float) -> str:
    nearest = int(table.distances[row].argmin())
    name, distance = table.identities[nearest], table.distances[row, nearest]
    return f"nearest is {name} at {distance:.3g}, beyond the threshold {threshold:.3g}" if distance > threshold else ""


def _by_evidence(table: _Table, known: Known, config: MatchingConfig) -> _Decided:
    """The likeliest, where that is likely enough; of who is seen alone, if it is nearer than strangers usually come."""
    evidence = known.evidence
    assert evidence is not None
    found = deviations(table.distances, known.usual, known.aside)
    settled = table.columns()
    likely = posteriors(found, table.exclusive, evidence, settled)
    chosen, why = [settled.get(row, UNKNOWN) for row in range(len(found))], dict[int, str]()
    if not found.shape[1]:
        return _Decided(chosen, likely, why)
    why = {row: one.reason for row, one in table.settled.items()}
    best = likely[:, :-1].argmax(axis=1)
    for row in np.argsort(-likely[np.arange(len(best)), best], kind="stable").tolist():
        if row in settled:
            continue
        column = int(best[row])
        name, sure = table.identities[column], float(likely[row, column])
        if sure < config.min_confidence:
            why[row] = f"most like {name} ({sure:.0%}), too unsure for a name"
        elif found[row, column] > evidence.limit and not table.exclusive[row].any():
            why[row] = f"most like {name} ({sure:.0%}), but more than one stranger in ten comes as near to somebody"
        elif any(chosen[other] == column for other in np.flatnonzero(table.exclusive[row]).tolist()):
            why[row] = f"most like {name} ({sure:.0%}), who is somebody else in the same frames"
        else:
            chosen[row] = column
    return _Decided(chosen, likely, why)


def seen_together(probes: Sequence[Embedding], tracklets: Sequence[Tracklet]) -> NDArray[np.bool_]:
    """Which probes were seen in one frame, N×N; one without a tracklet was seen with nobody."""
    position = {(tracklet.video, tracklet.track_id): i for i, tracklet in enumerate(tracklets)}
    rows = [row for row, probe in enumerate(probes) if (probe.video, probe.track_id) in position]
    known = [position[probes[row].video, probes[row].track_id] for row in rows]
    exclusive = _nobody(len(probes))
    exclusive[np.ix_(rows, rows)] = covisible([tracklets[i] for i in known])
    return exclusive


def _nobody(count: int) -> NDArray[np.bool_]:
    return np.zeros((count, count), np.bool_)


def _answer(probe: Embedding, row: int, decided: _Decided, table: _Table) -> Match:
    distances, likely = table.distances[row], decided.likely[row]
    ranked = [column for column in np.argsort(distances, kind="stable").tolist() if math.isfinite(distances[column])]
    candidates = tuple(
        Candidate(table.identities[column], float(distances[column]), float(likely[column])) for column in ranked
    )
    column = decided.chosen[row]
    known = column != UNKNOWN
    nearest = column if known else next(iter(ranked), UNKNOWN)
    reason = decided.why.get(row) or (
        _reason(row, ranked, decided, table) if ranked else "no gallery person to compare with"
    )
    return Match(
        video=probe.video,
        track_id=probe.track_id,
        status="known" if known else "unknown",
        identity=table.identities[column] if known else None,
        distance=float(distances[nearest]) if nearest in ranked else None,
        confidence=float(likely[column]) if known or ranked else None,  # UNKNOWN, −1, is the last of them
        candidates=candidates,
        reason=reason,
    )


def softmax(
    distances: NDArray[np.floating], threshold: float, temperature: float, scale: float | None = None
) -> NDArray[np.float64]:
    """A weight for each candidate and, last, for nobody of the gallery: M + 1 values that sum to 1.

    Of −distance / T with "nobody" at the threshold; T is `temperature` times the scale: unless told, the
    threshold (the median distance where there is none), so that the size of the distances does not matter. Not
    calibrated: 0.9 is more than 0.6, but nine in ten need not be right. With one candidate and no threshold there is
    no alternative, hence 1.
    """
    if not len(distances):
        return np.ones(1)
    if scale is None:
        there = distances[np.isfinite(distances)]
        scale = threshold if math.isfinite(threshold) or not len(there) else float(np.median(there))
    energies = np.append(distances.astype(np.float64), threshold) / (temperature * max(scale, 1e-12))
    weights = np.exp(energies.min() - energies)
    return np.asarray(weights / weights.sum())


def _reason(row: int, ranked: Sequence[int], decided: _Decided, table: _Table) -> str:
    """Why this name, or none although somebody is near: names, distances and who took the nearer ones."""

    def named(column: int) -> str:
        return f"{table.identities[column]} at {table.distances[row, column]:.3g}"

    chosen, answer, nearest = decided.chosen, decided.chosen[row], ranked[0]
    distances, threshold = table.distances[row], decided.threshold
    within = "" if threshold is None or math.isinf(threshold) else f" within the threshold {threshold:.3g}"
    if answer != UNKNOWN and distances[answer] == distances[nearest]:
        if len(ranked) == 1:
            sure = "so it is always them" if threshold is not None and math.isinf(threshold) else within.strip()
            return f"only one person to compare with, at {distances[answer]:.3g}{f', {sure}' if sure else ''}"
        second = next(column for column in ranked if column != answer)
        return f"nearest of {len(ranked)} at {distances[answer]:.3g}, next {named(second)}"
    holders = [other for other in np.flatnonzero(table.exclusive[row]).tolist() if chosen[other] == nearest]
    owner = f" to track {table.track_ids[holders[0]]} seen in the same frames" if holders else " to another track"
    taken = f"{named(nearest)} is nearer but belongs{owner}"
    if answer != UNKNOWN:
        if not holders:
            taken = f"{named(nearest)} is nearer, as to many others"
        return f"number {ranked.index(answer) + 1} of {len(ranked)} at {distances[answer]:.3g}: {taken}"
    return f"nobody else is left{within}: {taken}"


def _unusable(track: tuple[str, int], reason: str) -> Match:
    video, track_id = track
    return Match(video, track_id, "unusable", None, None, None, (), reason)
