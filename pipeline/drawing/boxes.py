"""Who is where in which frame, from the tracklets that are stored."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pipeline.types import FloatArray, Tracklet

MAX_GAP_S = 0.3  # boxes are drawn across shorter gaps of a tracklet, so that they do not flicker


def boxes_by_frame(
    tracklets: Sequence[Tracklet], max_gap_s: float = MAX_GAP_S
) -> dict[int, tuple[list[int], FloatArray]]:
    """Frame index → track ids and boxes N×4; gaps of at most `max_gap_s` are bridged by straight lines."""
    frames: dict[int, tuple[list[int], list[FloatArray]]] = {}
    for tracklet in tracklets:
        known = tracklet.frame_indices
        if not len(known):
            continue
        every = np.arange(known[0], known[-1] + 1)
        before, after = np.searchsorted(known, every, "right") - 1, np.searchsorted(known, every)
        shown = known[after] - known[before] <= max_gap_s * tracklet.fps  # 0 where the box itself is there
        boxes = np.stack([np.interp(every, known, side) for side in tracklet.boxes.T], axis=1).astype(np.float32)
        for index, box in zip(every[shown].tolist(), boxes[shown], strict=True):
            ids, rows = frames.setdefault(index, ([], []))
            ids.append(tracklet.track_id)
            rows.append(box)
    return {index: (ids, np.stack(rows)) for index, (ids, rows) in frames.items()}
