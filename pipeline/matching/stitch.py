"""Broken tracks: one person whose track ended and began anew under another number, behind a pillar say.

Two tracks of a video are taken for one person when the second begins soon after the first has ended (gap), where the
first would have walked to and about as tall (motion), when they are no farther apart than walks of one person are
(gait), and when each is the other's only such continuation. All must agree: a wrong join costs more than a missed one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.matching.distance import Metric, distance_matrix
from pipeline.types import Embedding, Tracklet

RECENT = 0.5  # seconds of a track that tell how somebody walks on
REACH = 0.5  # body heights that the new track may lie away from where the old one would be, and as much again a second
TALLER = 1.25  # ratio of the two heights, at most


def stitch_tracks(
    probes: Sequence[Embedding],
    tracklets: Sequence[Tracklet],
    exclusive: NDArray[np.bool_],
    metric: Metric,
    threshold: float,
    seconds: float,
) -> list[list[int]]:
    """Rows of the probes that are one person, in the order of time; every row is in one group.

    exclusive: N×N, who was seen together. threshold: distance within which two walks may be one person's; where it is
    infinite, the smallest distance of two who were seen together stands for it. seconds: the longest gap; 0: none.
    """
    alone = [[row] for row in range(len(probes))]
    if seconds <= 0 or len(probes) < 2:
        return alone
    of = {(tracklet.video, tracklet.track_id): tracklet for tracklet in tracklets}
    tracks = [of.get((probe.video, probe.track_id)) for probe in probes]
    follows = np.zeros((len(probes), len(probes)), np.bool_)
    for first, before in enumerate(tracks):
        for second, after in enumerate(tracks):
            if before is not None and after is not None and not exclusive[first, second]:
                follows[first, second] = goes_on(before, after, seconds)
    if not follows.any():
        return alone
    distances = distance_matrix(probes, probes, metric).astype(np.float64)
    if math.isinf(threshold):
        threshold = float(distances[exclusive].min(initial=math.inf))
    follows &= distances <= threshold
    follows &= (follows.sum(axis=1) == 1)[:, None] & (follows.sum(axis=0) == 1)[None]
    return _chains(follows, exclusive)


def goes_on(before: Tracklet, after: Tracklet, seconds: float) -> bool:
    """Whether `after` may be where `before` went, by time, place and height."""
    if before.video != after.video or not len(before) or not len(after):
        return False
    gap = (int(after.frame_indices[0]) - int(before.frame_indices[-1])) / before.fps
    if not 0 < gap <= seconds:
        return False
    recent = before.frame_indices >= before.frame_indices[-1] - RECENT * before.fps
    soon = after.frame_indices <= after.frame_indices[0] + RECENT * after.fps
    tall, then = (float(np.median(boxes[:, 3] - boxes[:, 1])) for boxes in (before.boxes[recent], after.boxes[soon]))
    if max(tall, then) > TALLER * min(tall, then):
        return False
    middles = (before.boxes[recent, :2] + before.boxes[recent, 2:]) / 2
    times = before.frame_indices[recent] / before.fps
    velocity = (middles[-1] - middles[0]) / max(times[-1] - times[0], 1 / before.fps) if len(middles) > 1 else 0.0
    start = (after.boxes[0, :2] + after.boxes[0, 2:]) / 2
    off = float(np.linalg.norm(start - (middles[-1] + velocity * gap)))
    return off <= REACH * (1 + gap) * tall


def _chains(follows: NDArray[np.bool_], exclusive: NDArray[np.bool_]) -> list[list[int]]:
    """Groups of rows along `follows`, in which nobody excludes anybody."""
    groups = []
    for start in np.flatnonzero(~follows.any(axis=0)).tolist():
        group = [start]
        while (later := np.flatnonzero(follows[group[-1]])).size:
            if exclusive[later[0], group].any():
                groups.append(group)
                group = []
            group.append(int(later[0]))
        groups.append(group)
    return sorted(groups)
