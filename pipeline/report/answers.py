"""The answers: who each probe track is, who else it might be, and which parts of the body say so."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.drawing.colours import GREY
from pipeline.drawing.walks import coloured, compared_colour, in_regions, region_of, stride
from pipeline.matching.parts import agreement
from pipeline.recognition.layers.strips import by_rows, strips_of
from pipeline.report.page import Answer, Bar, Comparison, Probe, Rival, css
from pipeline.report.people import People, facts_of, rejected_of
from pipeline.report.pictures import png
from pipeline.report.roster import Walk, tag_of, walk_in
from pipeline.runs.reader import FinishedRun, Track
from pipeline.types import SILHOUETTE_HEIGHT, FloatArray

MOST_RIVALS = 5
FULL_BAR = 2.0  # times the usual distance
NOBODY = {"unknown": "unknown", "unusable": "not usable"}


def probes_of(run: FinishedRun, people: People) -> list[Probe]:
    """Every probe video with the answers for its tracks."""
    return [
        Probe(
            video,
            f"probe-{number}",
            [
                _answer(people, (video, track_id), entry, f"answer-{number}-{track_id}")
                for track_id, entry in tracks.items()
            ],
        )
        for number, (video, tracks) in enumerate(run.probes.items(), start=1)
    ]


def _answer(people: People, track: Track, entry: Mapping[str, Any], anchor: str) -> Answer:
    status, identity, candidates = entry["status"], entry["identity"], entry["candidates"]
    nearest = identity if status == "known" else (candidates[0]["identity"] if candidates else None)
    walk, other = walk_in(people.run, track), people.compared(track, nearest)
    rivals, limit = _rivals(people, candidates, identity)
    return Answer(
        anchor=anchor,
        track=f"{track[0]}/{track[1]}",
        status=status,
        tag=people.tag(identity, NOBODY.get(status, "unknown")),
        confidence="" if entry["confidence"] is None else f"{100 * entry['confidence']:.0f} %",
        distance="" if entry["distance"] is None else _number(entry["distance"]),
        reason=entry["reason"],
        person=people.person(walk, tag_of(f"track {track[1]}", GREY)),
        other=people.person(other, people.tag(nearest)) if other else None,
        rivals=rivals,
        limit=limit,
        comparison=_comparison(people, walk, other) if other else None,
        facts=facts_of(entry),
        rejected=rejected_of(entry),
    )


def _rivals(
    people: People, candidates: Sequence[Mapping[str, Any]], identity: str | None
) -> tuple[list[Rival], float | None]:
    """The nearest few, the chosen one always among them, and where the threshold stands."""
    shown = list(candidates[:MOST_RIVALS])
    shown += [candidate for candidate in candidates[MOST_RIVALS:] if candidate["identity"] == identity]
    limit = people.roster.threshold if math.isfinite(people.roster.threshold) else None
    marks = [0.0, *(float(candidate["distance"]) for candidate in shown), *([] if limit is None else [limit])]
    low, high = min(marks), max(marks)  # normalised scores can be negative
    room = 0.04 * max(high - low, 1e-12)
    low -= room if low < 0 else 0

    def share(distance: float) -> float:
        return round(100 * (distance - low) / (high + room - low), 1)

    rivals = [
        Rival(
            people.tag(candidate["identity"]),
            _number(candidate["distance"]),
            share(float(candidate["distance"])),
            candidate["identity"] == identity,
        )
        for candidate in shown
    ]
    return rivals, None if limit is None else share(limit)


def _comparison(people: People, one: Walk, other: Walk) -> Comparison | None:
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
        png(coloured(mask, rows, scale), f"{walk.where}: {shown}")
        for mask, walk in zip(masks, (one, other), strict=True)
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
