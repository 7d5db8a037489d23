"""What a run found, as arrays and tables that other tools read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import ConfigError
from pipeline.runs.results import TrackResult
from pipeline.types import Embedding, Tracklet

if TYPE_CHECKING:
    import pyarrow

PERSON = 0  # COCO's class


def detections_of(tracklets: Sequence[Tracklet], results: Iterable[TrackResult]) -> dict[str, NDArray[Any]]:
    """The tracks of a video with their answers as `supervision.Detections` has them, all frames one after another.

    xyxy N×4 float32 px, confidence N float32 (of the detector), class_id N int64 (0: person), tracker_id N int64,
    frame_index N int64 (0-based, rising), and for its `data`: identity N str ("" for nobody), status N str.
    """
    known = {track.id: track for track in results}
    frames = np.concatenate([t.frame_indices for t in tracklets]) if tracklets else np.zeros(0, np.int64)
    ids = np.repeat(np.array([t.track_id for t in tracklets], np.int64), [len(t) for t in tracklets])
    order = np.lexsort((ids, frames))
    boxes = np.concatenate([np.zeros((0, 4), np.float32), *(t.boxes for t in tracklets)])
    scores = np.concatenate([np.zeros(0, np.float32), *(t.scores for t in tracklets)])
    of_row = [known.get(track) for track in ids[order].tolist()]
    return {
        "xyxy": boxes[order],
        "confidence": scores[order],
        "class_id": np.full(len(order), PERSON, np.int64),
        "tracker_id": ids[order],
        "frame_index": frames[order],
        "identity": np.array([_name(track) if track else "" for track in of_row], dtype=np.str_),
        "status": np.array([track.status if track else "" for track in of_row], dtype=np.str_),
    }


def supervision_detections(tracklets: Sequence[Tracklet], results: Iterable[TrackResult]) -> Any:
    """The tracks of a video as `supervision.Detections`. Raises ConfigError where that package is not installed."""
    try:
        import supervision
    except ImportError:
        raise ConfigError("supervision is not installed. Install it with: pip install supervision") from None
    arrays = detections_of(tracklets, results)
    own = ("xyxy", "confidence", "class_id", "tracker_id")
    data = {name: values for name, values in arrays.items() if name not in own}
    return supervision.Detections(**{name: arrays[name] for name in own}, data=data)


def results_table(tracks: Iterable[tuple[str, TrackResult]]) -> pyarrow.Table:
    """A row for each track, as results.json has it. tracks: each with its role, gallery or probe."""
    import pyarrow

    kinds = {
        "role": pyarrow.string(), "video": pyarrow.string(), "track": pyarrow.int64(), "status": pyarrow.string(),
        "identity": pyarrow.string(), "name": pyarrow.string(), "distance": pyarrow.float64(),
        "confidence": pyarrow.float64(), "reason": pyarrow.string(), "frames": pyarrow.int64(),
        "first_frame": pyarrow.int64(), "last_frame": pyarrow.int64(), "silhouettes": pyarrow.int64(),
    }  # fmt: skip
    rows = [
        {name: getattr(track, name, None) for name in kinds} | {"role": role, "track": track.id}
        for role, track in tracks
    ]
    return pyarrow.Table.from_pylist(rows, schema=pyarrow.schema(kinds))


def features_table(tracks: Iterable[tuple[str, TrackResult, Embedding]]) -> pyarrow.Table:
    """A row for each track, `embedding` being C·P float32 (C×P, row after row). tracks: each with its role."""
    import pyarrow

    kinds = {
        "role": pyarrow.string(), "video": pyarrow.string(), "track": pyarrow.int64(), "status": pyarrow.string(),
        "identity": pyarrow.string(), "distance": pyarrow.float64(), "confidence": pyarrow.float64(),
        "frames_used": pyarrow.int64(), "model": pyarrow.string(), "checkpoint_sha256": pyarrow.string(),
        "channels": pyarrow.int64(), "parts": pyarrow.int64(), "embedding": pyarrow.list_(pyarrow.float32()),
        "quality": pyarrow.map_(pyarrow.string(), pyarrow.float64()),
    }  # fmt: skip
    return pyarrow.Table.from_pylist([_features_row(*one) for one in tracks], schema=pyarrow.schema(kinds))


def _features_row(role: str, track: TrackResult, embedding: Embedding) -> dict[str, Any]:
    of_track = {name: getattr(track, name) for name in ("video", "status", "distance", "confidence")}
    of_embedding = {name: getattr(embedding, name) for name in ("frames_used", "model", "checkpoint_sha256")}
    return {
        **of_track,
        **of_embedding,
        "role": role,
        "track": track.id,
        "identity": _name(track) or None,
        "channels": embedding.parts.shape[0],
        "parts": embedding.parts.shape[1],
        "embedding": embedding.parts.ravel(),
        "quality": list(embedding.quality.items()),
    }


def _name(track: TrackResult) -> str:
    """Who a track is, by name where there is one; a track that could not be enrolled is nobody."""
    return track.name or "" if track.status != "unusable" else ""
