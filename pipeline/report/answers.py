"""The answers: who each probe track is, who else it might be, and which parts of the body say so."""

from __future__ import annotations

import math
from collections.abc import Sequence

from pipeline.drawing.colours import GREY
from pipeline.drawing.silhouettes import colour_rows, compared_colour, in_regions, region_of, stride
from pipeline.matching.parts import agreement
from pipeline.recognition.layers.strips import by_rows, strips_of
from pipeline.report.cards import Cards, facts_of, rejected_of
from pipeline.report.page import Bar, Comparison, Probe, ProbeEntry, Rival, css
from pipeline.report.pictures import png
from pipeline.report.roster import ReportCard, card_in, tag_of
from pipeline.runs.reader import Run
from pipeline.runs.results import NamedCandidate, TrackResult
from pipeline.types import SILHOUETTE_HEIGHT, FloatArray

MOST_RIVALS = 5
FULL_BAR = 2.0  # times the usual distance
NOBODY = {"unknown": "unknown", "unusable": "not usable"}


def probes_of(run: Run, people: Cards) -> list[Probe]:
    """Every probe video with the answers for its tracks."""
    return [
        Probe(video, f"probe-{number}", [_answer(people, track, f"answer-{number}-{track.id}") for track in tracks])
        for number, (video, tracks) in enumerate(run.probes.items(), start=1)
    ]


def _answer(people: Cards, track: TrackResult, anchor: str) -> ProbeEntry:
    known = track.status == "known"
    nearest = track.identity if known else (track.candidates[0].identity if track.candidates else None)
    card, other = card_in(people.run, track.key), people.compared(track.key, nearest)
    rivals, limit = _rivals(people, track.candidates, track.identity)
    return ProbeEntry(
        anchor=anchor,
        track=f"{track.video}/{track.id}",
        status=track.status,  # type: ignore[arg-type]  # one of them, as results.json has it
        tag=people.tag(track.identity, NOBODY.get(track.status, "unknown")),
        confidence=f"{100 * track.confidence:.0f} %" if known and track.confidence is not None else "",
        distance="" if track.distance is None else _number(track.distance),
        reason=track.reason,
        person=people.person(card, tag_of(f"track {track.id}", GREY)),
        other=people.person(other, people.tag(nearest)) if other else None,
        rivals=rivals,
        limit=limit,
        comparison=_comparison(people, card, other) if other else None,
        facts=facts_of(track),
        rejected=rejected_of(track),
    )


def _rivals(
    people: Cards, candidates: Sequence[NamedCandidate], identity: str | None
) -> tuple[list[Rival], float | None]:
    """The nearest few, the chosen one always among them, and where the threshold stands."""
    shown = list(candidates[:MOST_RIVALS])
    shown += [candidate for candidate in candidates[MOST_RIVALS:] if candidate.identity == identity]
    limit = people.roster.threshold if math.isfinite(people.roster.threshold) else None
    marks = [0.0, *(candidate.distance for candidate in shown), *([] if limit is None else [limit])]
    low, high = min(marks), max(marks)  # normalised scores can be negative
    room = 0.04 * max(high - low, 1e-12)
    low -= room if low < 0 else 0

    def share(distance: float) -> float:
        return round(100 * (distance - low) / (high + room - low), 1)

    rivals = [
        Rival(
            people.tag(candidate.identity),
            _number(candidate.distance),
            share(candidate.distance),
            candidate.identity == identity,
        )
        for candidate in shown
    ]
    return rivals, None if limit is None else share(limit)


def _comparison(people: Cards, one: ReportCard, other: ReportCard) -> Comparison | None:
    """The two walks part by part, or None where something of them is missing."""
    run, scale = people.run, people.thrift.scale
    sequences = [one.sequence, other.sequence]
    if one.embedding is None or other.embedding is None or any(sequence is None for sequence in sequences):
        return None
    ratios = agreement(one.embedding, other.embedding, people.roster.others, run.metric).ratios
    strips = strips_of(one.embedding.model, len(ratios))
    rows = by_rows(ratios, strips, SILHOUETTE_HEIGHT) if strips else None
    masks = [stride(sequence.masks) for sequence in sequences if sequence is not None]
    if any(len(mask) != SILHOUETTE_HEIGHT for mask in masks):
        rows = None  # another size of silhouettes: bars only
    shown = "each row in the colour of how well it agrees" if rows is not None else "one silhouette"
    left, right = (
        png(colour_rows(mask, rows, scale), f"{card.where}: {shown}")
        for mask, card in zip(masks, (one, other), strict=True)
    )
    summary = summary_of(rows) + (f" As embedded, before {run.reshaped}." if run.reshaped else "")
    return Comparison(left, right, _bars(ratios, rows), 100 / FULL_BAR, summary, rows is not None)


def _bars(ratios: FloatArray, rows: FloatArray | None) -> list[Bar]:
    """A bar for each sixteenth of the body; for each part where parts are no strips of it (at most 64 of them)."""
    values = ratios[:64] if rows is None else rows.reshape(16, -1).mean(axis=1)
    height = 100 / len(values)
    return [
        Bar(
            top=round(number * height, 2),
            height=round(height, 2),
            width=round(min(100.0, 100 * float(value) / FULL_BAR), 1),
            colour=css(compared_colour(float(value))),
            title=f"{_place(number, len(values)) if rows is not None else f'part {number + 1}'}: {value:.2f} × usual",
        )
        for number, value in enumerate(values)
    ]


def _place(number: int, count: int) -> str:
    return region_of(number / count, (number + 1) / count)


def summary_of(rows: FloatArray | None) -> str:
    """In words, which regions agree most and least: rows are ratios of the silhouette's rows."""
    if rows is None:
        return "The parts of this network are no strips of the body."
    regions = sorted(in_regions(rows).items(), key=lambda item: item[1])
    (best, low), (worst, high) = regions[0], regions[-1]
    return f"Most alike: {best} ({low:.2f} × usual). Least: {worst} ({high:.2f} × usual)."


def _number(distance: float) -> str:
    return f"{distance:.3g}"
