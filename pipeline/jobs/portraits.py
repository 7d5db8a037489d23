"""Pictures of the people for the report: taken while videos are drawn, or by reading the video for them alone."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.drawing.faces import heads_by_frame
from pipeline.drawing.portraits import Portraits, best_shots, take_portraits
from pipeline.files import from_home, write_bytes
from pipeline.jobs.session import Session
from pipeline.runs.folder import key_of
from pipeline.runs.job import Source
from pipeline.runs.results import TrackSummary
from pipeline.segmentation.storage import read_frame_indices

STAGE = "portraits"
PORTRAITS_FORMAT = 1


def missing_portraits(session: Session, source: Source, tracks: Sequence[TrackSummary]) -> Portraits | None:
    """The portraits of a video's people, or None where they are there. Old ones, with another blur, are removed."""
    folder = session.folder
    if folder.done(STAGE, source.name, _key(session, source)) is not None:
        return None
    folder.clear(STAGE, source.name)
    tracklets = [track.tracklet for track in tracks]
    usable = {t.track_id: read_frame_indices(folder.sequence(source.name, t.track_id)) for t in tracklets}
    return Portraits(
        best_shots(tracklets, usable),
        save=lambda track_id, picture: write_bytes(folder.portrait(source.name, track_id), picture),
    )


def mark_portraits(session: Session, source: Source) -> None:
    """Note that all portraits of a video are there."""
    session.folder.mark_done(STAGE, source.name, _key(session, source))


def take_missing_portraits(session: Session, source: Source, tracks: Sequence[TrackSummary]) -> None:
    """Take those that drawing did not take, from videos that can be read again (no cameras, no streams)."""
    path = from_home(source.video.source)
    if not path.exists() or path.is_char_device():
        return
    portraits = missing_portraits(session, source, tracks)
    if portraits is not None:
        heads = heads_by_frame([track.tracklet for track in tracks]) if session.config.output.blur_faces else {}
        if not portraits.complete:
            take_portraits(source.video.source, portraits, heads, source.video.turn)
        mark_portraits(session, source)


def _key(session: Session, source: Source) -> str:
    return key_of(source.tracks_key, PORTRAITS_FORMAT, session.config.output.blur_faces)
