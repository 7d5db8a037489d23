"""Tracklets from tracked boxes: what is no pedestrian is left out, ids are made dense, short tracks are dropped."""

from __future__ import annotations

from array import array
from collections.abc import Collection

import numpy as np

from pipeline.config import TrackingConfig
from pipeline.types import TrackedBoxes, Tracklet


class Pedestrians:
    """Leaves out what is no pedestrian, and numbers the rest."""

    def __init__(self, config: TrackingConfig) -> None:
        self._config = config
        self._ids: dict[int, int] = {}  # the tracker's id → ours
        self._count = 0

    def only(self, tracked: TrackedBoxes) -> TrackedBoxes:
        """The pedestrians of one frame under their final ids.

        Boxes of min_area or less and boxes wider than max_aspect × height are left out. Ids count from 1 in the order
        in which people first appear here: trackers use some up on people whom they never confirm.
        """
        width, height = (tracked.boxes[:, 2:] - tracked.boxes[:, :2]).T
        upright = (width * height > self._config.min_area) & (width <= self._config.max_aspect * height)
        for theirs in tracked.track_ids[upright].tolist():
            if theirs not in self._ids:
                self._count += 1
                self._ids[theirs] = self._count
        ids = [self._ids[theirs] for theirs in tracked.track_ids[upright].tolist()]
        return TrackedBoxes(
            tracked.frame_index, np.array(ids, np.int64), tracked.boxes[upright], tracked.scores[upright]
        )

    def forget(self, track_ids: Collection[int]) -> None:
        """Drop what is kept of tracks (by our ids) that do not come back; their ids are not given again."""
        self._ids = {theirs: ours for theirs, ours in self._ids.items() if ours not in track_ids}


class TrackletBuilder:
    """Collects the tracks of one video, frame by frame."""

    def __init__(self, video: str, fps: float, config: TrackingConfig) -> None:
        self._video, self._fps, self._config = video, fps, config
        self._pedestrians = Pedestrians(config)
        # Our id → frames, and x1 y1 x2 y2 score of each: an hour of five people takes 15 MB so.
        self._rows: dict[int, tuple[array[int], array[float]]] = {}

    def add(self, tracked: TrackedBoxes) -> TrackedBoxes:
        """Keep the pedestrians of one frame and return them under their final ids (see Pedestrians)."""
        kept = self._pedestrians.only(tracked)
        rows = np.column_stack([kept.boxes, kept.scores])
        for track_id, row in zip(kept.track_ids.tolist(), rows, strict=True):
            frames, values = self._rows.setdefault(track_id, (array("q"), array("f")))
            frames.append(kept.frame_index)
            values.extend(row.tolist())
        return kept

    def finish(self) -> list[Tracklet]:
        """The tracklets by id, without those shorter than min_frames; ids stay as `add` gave them."""
        tracklets = []
        for track_id, (frames, flat) in self._rows.items():
            if len(frames) >= self._config.min_frames:
                values = np.array(flat, np.float32).reshape(-1, 5)
                frame_indices = np.array(frames, np.int64)
                track = Tracklet(self._video, track_id, frame_indices, values[:, :4], values[:, 4], self._fps)
                tracklets.append(track)
        return tracklets
