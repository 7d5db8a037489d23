"""The second pass: every video is decoded again, its stored tracks are drawn, and the result is encoded."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import astuple, dataclass
from pathlib import Path

from pipeline.drawing.annotate import Label, Scene, Style, write_annotated
from pipeline.engine.stream import side_by_side
from pipeline.inference.runtime import threads
from pipeline.jobs.analyse import Analysis, noted_extraction
from pipeline.jobs.portraits import mark_portraits, missing_portraits
from pipeline.jobs.session import Session
from pipeline.runs.folder import key_of
from pipeline.runs.job import Source

Labels = Mapping[int, Label]  # by track


@dataclass(frozen=True, slots=True)
class _Drawing:
    """One annotated video."""

    path: Path
    key: str
    source: Source
    frames: int
    scene: Scene


def draw_videos(session: Session, found: Analysis, labels: Mapping[Path, tuple[str, Labels]]) -> None:
    """Draw the stored tracks on the frames, decoded again, where that has not been done yet.

    Args:
        session: The job.
        found: Everybody in its videos.
        labels: Of each annotated video, by its path: the video's name and what is written at its tracks.
    """
    if not session.config.output.videos:
        return
    drawings = [
        drawing
        for path, (video, shown) in labels.items()
        if (drawing := _missing(session, found, path, video, shown)) is not None
    ]
    if not drawings:
        return
    session.bars.start("drawing", sum(drawing.frames for drawing in drawings), "frames")
    cores = threads(session.config.runtime)
    each = max(1, cores // len(drawings))  # one thread a video costs less than several, if there are videos enough

    def draw(drawing: _Drawing, check: Callable[[], None]) -> None:
        def advance(_: int) -> None:
            check()
            session.bars.advance("drawing")

        _draw(session, drawing, each, advance)

    longest_first = sorted(drawings, key=lambda drawing: -drawing.frames)  # else a core waits for the last one
    side_by_side(draw, longest_first, cores)
    session.bars.finish("drawing")


def _missing(session: Session, found: Analysis, path: Path, video: str, labels: Labels) -> _Drawing | None:
    """A video that has to be drawn; None where it is there."""
    source, folder, output = found.sources[video], session.folder, session.config.output
    shown = sorted((track, astuple(label)) for track, label in labels.items())
    key = key_of(source.tracks_key, output.crf, output.blur_faces, shown)
    if folder.done("video", path.stem, key) is not None:
        return None
    folder.clear("video", path.stem)
    known, tracks = noted_extraction(source, folder), found.tracks[video]
    portraits = missing_portraits(session, source, tracks) if output.report else None
    frames = known.frames if known else 0
    return _Drawing(path, key, source, frames, Scene([track.tracklet for track in tracks], labels, portraits))


def _draw(session: Session, drawing: _Drawing, cores: int, advance: Callable[[int], None]) -> None:
    drawing.path.parent.mkdir(exist_ok=True)
    output = session.config.output
    with session.record.meter.time("draw"):
        style = Style(output.crf, output.blur_faces, cores)
        frames = write_annotated(drawing.source.video.open(), drawing.path, drawing.scene, style, advance)
    session.record.meter.add("draw", frames=frames)
    session.folder.mark_done("video", drawing.path.stem, drawing.key)
    if drawing.scene.portraits is not None:
        mark_portraits(session, drawing.source)
