"""What a run found, as arrays and tables that other tools read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import InputError
from pipeline.runs.reader import FinishedRun

if TYPE_CHECKING:
    import pyarrow

PERSON = 0  # COCO's class


def detections_of(run: FinishedRun, video: str) -> dict[str, NDArray[Any]]:
    """The tracks of a video as `supervision.Detections` has them, all frames one after another.

    xyxy N×4 float32 px, confidence N float32 (of the detector), class_id N int64 (0: person), tracker_id N int64,
    frame_index N int64 (0-based, rising), and for its `data`: identity N str ("" for nobody), status N str.
    Raises InputError where the tracks are missing or damaged.
    """
    tracklets, entries = run.tracklets(video), run.tracks(video)
    frames = np.concatenate([t.frame_indices for t in tracklets]) if tracklets else np.zeros(0, np.int64)
    ids = np.repeat(np.array([t.track_id for t in tracklets], np.int64), [len(t) for t in tracklets])
    order = np.lexsort((ids, frames))
    boxes = np.concatenate([np.zeros((0, 4), np.float32), *(t.boxes for t in tracklets)])
    scores = np.concatenate([np.zeros(0, np.float32), *(t.scores for t in tracklets)])
    said = {t.track_id: entries.get(t.track_id, {}) for t in tracklets}
    return {
        "xyxy": boxes[order],
        "confidence": scores[order],
        "class_id": np.full(len(order), PERSON, np.int64),
        "tracker_id": ids[order],
        "frame_index": frames[order],
        "identity": np.array([_name(said[track]) for track in ids[order].tolist()], dtype=np.str_),
        "status": np.array([said[track].get("status", "") for track in ids[order].tolist()], dtype=np.str_),
    }


def features_table(run: FinishedRun) -> pyarrow.Table:
    """A row for each track that has an embedding, `embedding` being C·P float32 (C×P, row after row).

    Raises InputError for a run without features.
    """
    import pyarrow

    rows = list(_rows(run))
    if not rows:
        raise InputError(f"{run.folder.path}: no track has features. There is nothing to write.")
    kinds = {
        "role": pyarrow.string(), "video": pyarrow.string(), "track": pyarrow.int64(), "status": pyarrow.string(),
        "identity": pyarrow.string(), "distance": pyarrow.float64(), "confidence": pyarrow.float64(),
        "frames_used": pyarrow.int64(), "model": pyarrow.string(), "checkpoint_sha256": pyarrow.string(),
        "channels": pyarrow.int64(), "parts": pyarrow.int64(), "embedding": pyarrow.list_(pyarrow.float32()),
        "quality": pyarrow.map_(pyarrow.string(), pyarrow.float64()),
    }  # fmt: skip
    columns = {name: pyarrow.array([row[name] for row in rows], kind) for name, kind in kinds.items()}
    return pyarrow.table(columns)


def _rows(run: FinishedRun) -> Iterator[Mapping[str, Any]]:
    for role, videos in (("gallery", run.gallery), ("probe", run.probes)):
        for video, tracks in videos.items():
            for track_id, entry in tracks.items():
                embedding = run.embedding((video, track_id))
                if embedding is None:
                    continue
                yield {
                    "role": role,
                    "video": video,
                    "track": track_id,
                    "status": entry["status"],
                    "identity": _name(entry) or None,
                    "distance": entry.get("distance"),
                    "confidence": entry.get("confidence"),
                    "frames_used": embedding.frames_used,
                    "model": embedding.model,
                    "checkpoint_sha256": embedding.checkpoint_sha256,
                    "channels": embedding.parts.shape[0],
                    "parts": embedding.parts.shape[1],
                    "embedding": embedding.parts.ravel(),
                    "quality": list(embedding.quality.items()),
                }


def _name(entry: Mapping[str, Any]) -> str:
    """Who a track is, by name where a lasting gallery has one; a track that could not be enrolled is nobody."""
    return str(entry.get("name") or entry.get("identity") or "") if entry.get("status") != "unusable" else ""
