"""Pictures of the people for the report: taken while videos are drawn, or by a look at the video alone."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.config import Config
from pipeline.drawing.faces import heads_by_frame
from pipeline.drawing.portraits import Portraits, best_shots, take_portraits
from pipeline.files import from_home, write_bytes
from pipeline.jobs.prepare import Source
from pipeline.runs.folder import RunFolder, key_of
from pipeline.runs.results import Walk
from pipeline.segmentation.storage import read_frame_indices

STAGE = "portraits"
PORTRAITS_FORMAT = 1


def wanted_portraits(source: Source, walks: Sequence[Walk], folder: RunFolder, config: Config) -> Portraits | None:
    """The portraits of a video's people, or None where they are there. Old ones, with another blur, are removed."""
    if folder.done(STAGE, source.name, _key(source, config)) is not None:
        return None
    folder.clear(STAGE, source.name)
    tracklets = [walk.tracklet for walk in walks]
    usable = {t.track_id: read_frame_indices(folder.sequence(source.name, t.track_id)) for t in tracklets}
    return Portraits(
        best_shots(tracklets, usable),
        save=lambda track_id, picture: write_bytes(folder.portrait(source.name, track_id), picture),
    )


def portraits_taken(source: Source, folder: RunFolder, config: Config) -> None:
    """Note that they are all there."""
    folder.mark_done(STAGE, source.name, _key(source, config))


def take_missing_portraits(source: Source, walks: Sequence[Walk], folder: RunFolder, config: Config) -> None:
    """Take those that drawing did not take, from videos that can be seen again (no cameras, no streams)."""
    path = from_home(source.video.source)
    if not path.exists() or path.is_char_device():
        return
    portraits = wanted_portraits(source, walks, folder, config)
    if portraits is not None:
        heads = heads_by_frame([walk.tracklet for walk in walks]) if config.output.blur_faces else {}
        if not portraits.complete:
            take_portraits(source.video.source, portraits, heads, source.video.turn)
        portraits_taken(source, folder, config)


def _key(source: Source, config: Config) -> str:
    return key_of(source.walks_key, PORTRAITS_FORMAT, config.output.blur_faces)
