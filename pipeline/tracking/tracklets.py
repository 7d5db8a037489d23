"""Tracklets from tracked boxes: what is no pedestrian is left out, ids are made dense, short tracks are dropped."""

from __future__ import annotations

from array import array

import numpy as np

from pipeline.config import TrackingConfig
from pipeline.types import TrackedBoxes, Tracklet


class TrackletBuilder:
    """Collects the tracks of one video, frame by frame."""

    def __init__(self, video: str, fps: float, config: TrackingConfig) -> None:
        self._video, self._fps, self._config = video, fps, config
        self._ids: dict[int, int] = {}  # the tracker's id → ours
        # Our id → frames, and x1 y1 x2 y2 score of each: an hour of five people takes 15 MB so.
        self._rows: dict[int, tuple[array[int], array[float]]] = {}

    def add(self, tracked: TrackedBoxes) -> TrackedBoxes:
        """Keep the pedestrians of one frame and return them under their final ids.

        Boxes of min_area or less and boxes wider than max_aspect × height are left out. Ids count from 1 in the order
        in which people first appear here: trackers use some up on people whom they never confirm.
        """
        width, height = (tracked.boxes[:, 2:] - tracked.boxes[:, :2]).T
        upright = (width * height > self._config.min_area) & (width <= self._config.max_aspect * height)
        boxes, scores = tracked.boxes[upright], tracked.scores[upright]
        ids = [self._ids.setdefault(int(theirs), len(self._ids) + 1) for theirs in tracked.track_ids[upright]]
        for track_id, row in zip(ids, np.column_stack([boxes, scores]), strict=True):
            frames, values = self._rows.setdefault(track_id, (array("q"), array("f")))
            frames.append(tracked.frame_index)
            values.extend(row.tolist())
        return TrackedBoxes(tracked.frame_index, np.array(ids, np.int64), boxes, scores)

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
