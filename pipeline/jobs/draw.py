"""The second pass: every video is decoded again, its stored tracks are drawn, and the result is encoded."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.config import Config
from pipeline.drawing.annotate import UNUSABLE, Label, write_annotated
from pipeline.drawing.colours import identity_colour
from pipeline.drawing.lettering import distinct_titles
from pipeline.drawing.portraits import Portraits
from pipeline.engine.progress import Progress
from pipeline.engine.stream import side_by_side
from pipeline.inference.runtime import threads
from pipeline.runs.job import Video
from pipeline.runs.record import Meter
from pipeline.runs.results import Walk, identity_of
from pipeline.types import Match, Tracklet


@dataclass(frozen=True, slots=True)
class Drawing:
    """One annotated video: where it goes, what it is drawn on, and the label of each track."""

    path: Path
    video: Video
    frames: int
    tracklets: Sequence[Tracklet]
    labels: Mapping[int, Label]
    portraits: Portraits | None = None  # to be taken on the way


def gallery_labels(walks: Sequence[Walk], unusable: Mapping[tuple[str, int], str]) -> dict[int, Label]:
    """The label of each gallery track: its identity in a colour of its own; grey where it cannot be recognised."""
    labels = {walk.tracklet.track_id: UNUSABLE for walk in walks}
    people = [walk for walk in walks if walk.track not in unusable]
    titles = distinct_titles({identity: identity for identity in (identity_of(*walk.track) for walk in people)})
    for number, walk in enumerate(people):
        labels[walk.tracklet.track_id] = Label(titles[identity_of(*walk.track)], "", identity_colour(number))
    return labels


def probe_labels(matches: Sequence[Match], gallery: str, labels: Mapping[int, Label]) -> dict[int, Label]:
    """The label of each probe track: name and confidence, as its identity is labelled in the gallery's video."""
    people = {identity_of(gallery, track_id): label for track_id, label in labels.items()}
    known = {match.track_id: people.get(match.identity or "", UNUSABLE) for match in matches}
    return {
        match.track_id: Label.of(match, known[match.track_id].title, known[match.track_id].colour) for match in matches
    }


def draw(
    drawings: Sequence[Drawing], config: Config, meter: Meter, bars: Progress, done: Callable[[Drawing], None]
) -> None:
    """Make the annotated videos, as many at a time as there are cores; `done` is told of each that is whole."""
    if not drawings:
        return
    bars.start("drawing", sum(drawing.frames for drawing in drawings), "frames")

    cores = threads(config.runtime)
    each = max(1, cores // len(drawings))  # one thread a video costs less than several, if there are videos enough

    def one(drawing: Drawing, check: Callable[[], None]) -> None:
        def advance(_: int) -> None:
            check()
            bars.advance("drawing")

        drawing.path.parent.mkdir(exist_ok=True)
        with meter.time("draw"):
            frames = write_annotated(
                drawing.video.source,
                drawing.path,
                drawing.tracklets,
                drawing.labels,
                config.output.crf,
                advance,
                each,
                config.output.blur_faces,
                drawing.portraits,
                drawing.video.turn,
            )
        meter.add("draw", frames=frames)
        done(drawing)

    longest_first = sorted(drawings, key=lambda drawing: -drawing.frames)  # else a core waits for the last one
    side_by_side(one, longest_first, cores)
    bars.finish("drawing")
