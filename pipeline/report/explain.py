"""Which parts of two embeddings agree, as a table, a picture, or a tree for JSON."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pipeline.drawing.silhouettes import in_regions, region_of, stride
from pipeline.errors import InputError
from pipeline.matching.distance import distance_matrix
from pipeline.matching.parts import Agreement, agreement
from pipeline.recognition.layers.strips import Strip, by_rows, strips_of
from pipeline.report.explain_picture import Explained, explain_picture
from pipeline.runs.reader import Run
from pipeline.types import Embedding, Image, SilhouetteSequence, TrackKey

BAR = 24  # letters for twice the usual distance


@dataclass(frozen=True, slots=True)
class Explanation:
    """Two tracks, how far they are apart, and what each part says.

    strips: None where parts are none of the body; reshaped: settings under which another distance decided.
    """

    one: TrackKey
    other: TrackKey
    model: str
    metric: str
    distance: float
    agreement: Agreement
    strips: list[Strip] | None
    others: int
    reshaped: str


def explain(run: Run, one: TrackKey, other: TrackKey) -> Explanation:
    """Compare two tracks part by part; the others of the second one's video say what is usual."""
    first, second = _embedding(run, one), _embedding(run, other)
    others = run.embeddings(other[0])
    distance = float(distance_matrix([first], [second], run.metric)[0, 0])
    found = agreement(first, second, others, run.metric)
    strangers = {(walk.video, walk.track_id) for walk in others} - {one, other}
    strips = strips_of(first.model, first.parts.shape[1])
    return Explanation(one, other, first.model, run.metric, distance, found, strips, len(strangers), run.reshaped)


def picture_of(run: Run, found: Explanation) -> Image:
    """Both silhouettes and a bar for each part, H×W×3 uint8 BGR. Raises InputError where silhouettes are missing."""
    tracks = found.one, found.other
    masks = [_mask(run, track) for track in tracks]
    rows = None if found.strips is None else by_rows(found.agreement.ratios, found.strips, len(masks[0]))
    titles = [f"{video}/{track_id}" for video, track_id in tracks]
    shown = Explained(
        (titles[0], masks[0]),
        (titles[1], masks[1]),
        found.agreement.ratios if rows is None or len(rows) % 16 else rows.reshape(16, -1).mean(axis=1),
        rows if len(masks[0]) == len(masks[1]) else None,
        [summary(found)],
    )
    return explain_picture(shown)


def lines(found: Explanation) -> list[str]:
    """The table, a line a part."""
    table = [*heading(found), ""]
    for number, (place, distance, ratio) in enumerate(parts(found), start=1):
        bar = "#" * max(1, round(BAR / 2 * min(ratio, 2.0)))
        table.append(f"{number:3d}  {place:<20} {distance:9.4g}  {ratio:5.2f}  {bar}")
    caution = f"As embedded: what decided in this run is the distance after {found.reshaped}."
    return [*table, "", summary(found), *([caution] if found.reshaped else [])]


def heading(found: Explanation) -> tuple[str, str]:
    """How far the two are apart, and what the ratios are relative to."""
    one, other = (f"{video}/{track_id}" for video, track_id in (found.one, found.other))
    usual = f"1 is the usual distance of {one} to the {found.others} others of {found.other[0]}"
    if found.agreement.typical is None:
        usual = "1 is the mean over the parts: there is nobody else in that video to compare with"
    return f"{one} and {other}: {found.distance:.4g} apart ({found.metric}, {found.model})", usual


def parts(found: Explanation) -> Iterator[tuple[str, float, float]]:
    """Of each part: where it is, its distance, and the ratio of that to the usual one."""
    distances, ratios = found.agreement.distances.tolist(), found.agreement.ratios.tolist()
    for number, (distance, ratio) in enumerate(zip(distances, ratios, strict=True)):
        top, bottom = found.strips[number] if found.strips else (0.0, 0.0)
        place = f"{100 * top:3.0f}-{100 * bottom:<3.0f} % {region_of(top, bottom)}" if found.strips else "part"
        yield place, distance, ratio


def as_tree(found: Explanation) -> dict[str, Any]:
    """For JSON."""
    typical = found.agreement.typical
    return {
        "tracks": [f"{video}/{track_id}" for video, track_id in (found.one, found.other)],
        "model": found.model,
        "metric": found.metric,
        "distance": round(found.distance, 6),
        "compared_with": found.others,
        "decided_after": found.reshaped or None,
        "parts": [
            {
                "part": number + 1,
                "rows": None if found.strips is None else [round(edge, 4) for edge in found.strips[number]],
                "region": None if found.strips is None else region_of(*found.strips[number]),
                "distance": round(float(found.agreement.distances[number]), 6),
                "usual": None if typical is None else round(float(typical[number]), 6),
                "ratio": round(float(found.agreement.ratios[number]), 4),
            }
            for number in range(len(found.agreement.distances))
        ],
    }


def summary(found: Explanation) -> str:
    """What to remember of it."""
    if found.strips is None:
        return "The parts of this model are no strips of the body: the bars stand for parts, from the first on."
    regions = sorted(in_regions(by_rows(found.agreement.ratios, found.strips, 64)).items(), key=lambda item: item[1])
    (best, low), (worst, high) = regions[0], regions[-1]
    return f"Most alike: {best} ({low:.2f} x usual). Least: {worst} ({high:.2f} x usual)."


def _embedding(run: Run, track: TrackKey) -> Embedding:
    found = run.embedding(track)
    if found is None:
        video, track_id = track
        reason = next(one.reason for one in run.tracks(video) if one.key == track)
        raise InputError(f"{video}/{track_id}: has no features ({reason}). Choose a track that was usable.")
    return found


def _mask(run: Run, track: TrackKey) -> Any:
    found: SilhouetteSequence | None = run.sequence(track)
    if found is None:
        raise InputError(
            f"{run.folder.sequence(*track)}: no silhouettes to draw. Go on with the run: gait run --resume."
        )
    return stride(found.masks)
