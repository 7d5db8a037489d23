"""Two walks of a run part by part, as the app shows them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pipeline.report.explain import as_tree, explain, picture_of
from pipeline.report.pictures import Picture
from pipeline.runs.reader import Run


@dataclass(frozen=True, slots=True)
class Part:
    """One part of the comparison of two walks. ratio: of its distance to the usual one; width: of its bar, percent."""

    place: str
    distance: str
    ratio: str
    width: float
    colour: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two walks part by part."""

    lead: str
    usual: str
    picture: Picture
    parts: Sequence[Part] = field(default_factory=tuple)


def walks_of(run: Run) -> tuple[list[str], str, str]:
    """The walks that can be compared; and two to begin with: a probe with its answer, where there is one."""
    tracks = [track.key for video in (*run.probes, *run.gallery) for track in run.tracks(video)]
    usable = [track for track in dict.fromkeys(tracks) if run.embedding(track) is not None]
    names = [f"{video}/{track}" for video, track in usable]
    enrolled = run.enrolled()
    for track in (track for found in run.probes.values() for track in found):
        other = enrolled.get(track.identity or "")
        if other in usable and track.key in usable and other != track.key:
            return names, f"{track.video}/{track.id}", f"{other[0]}/{other[1]}"
    return names, *([*names[:2], "", ""][:2])  # type: ignore[return-value]


def comparison_of(run: Run, one: str, other: str) -> Comparison:
    """Two walks part by part. Raises InputError for walks that are not there."""
    import cv2

    from pipeline.drawing.silhouettes import compared_colour
    from pipeline.report.page import css
    from pipeline.report.pictures import png

    found = explain(run, run.find(one), run.find(other))
    tree = as_tree(found)
    image = picture_of(run, found)
    small = cv2.resize(image, None, fx=0.75, fy=0.75, interpolation=cv2.INTER_AREA)
    picture = png(small, f"The silhouettes of {one} and {other}, and a bar for each part: {_summary(tree)}")
    parts = [
        Part(
            f"{100 * part['rows'][0]:.0f}–{100 * part['rows'][1]:.0f} % {part['region']}"
            if part["rows"]
            else f"part {part['part']}",
            f"{part['distance']:.3g}",
            f"{part['ratio']:.2f}",
            round(50 * min(part["ratio"], 2.0), 1),
            css(compared_colour(part["ratio"])),
        )
        for part in tree["parts"]
    ]
    usual = (
        f"1 × usual is the median distance of {one} to the {found.others} others of {found.other[0]}"
        if found.agreement.typical is not None
        else "1 × usual is the mean over the parts: there is nobody else in that video to compare with"
    )
    return Comparison(f"{one} and {other}: {found.distance:.3g} apart", usual, picture, parts)


def _summary(tree: Mapping[str, Any]) -> str:
    nearest = min(tree["parts"], key=lambda part: part["ratio"])
    return f"most alike {nearest['region'] or 'part ' + str(nearest['part'])}, {nearest['ratio']:.2f} times the usual"
