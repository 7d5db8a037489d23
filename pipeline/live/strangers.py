"""Unknown walkers of all cameras: who is the same, by the likeness and the limit of `gait gallery strangers`."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Collection
from dataclasses import dataclass

from pipeline.drawing.lettering import SHORT
from pipeline.gallery.template import new_id
from pipeline.jobs.people import People
from pipeline.types import Embedding, TrackKey, Tracklet

MOST_WALKS = 64  # that are remembered; who was not looked at for longest is forgotten first


@dataclass(frozen=True, slots=True)
class _Walk:
    label: str
    embedding: Embedding
    tracklet: Tracklet
    beside: Collection[int]


class Strangers:
    """Gives every unknown track the label of the stranger whose walks are all within the limit, or a new one.

    Two who were in one picture are two people. Cameras may show the same place, so who is before two of them at once
    may be one.
    """

    def __init__(self) -> None:
        self._walks: OrderedDict[TrackKey, _Walk] = OrderedDict()  # who was looked at last is last

    def label(self, embedding: Embedding, tracklet: Tracklet, beside: Collection[int], known: People) -> str:
        """Whose track it is; of one that has a label, the same again.

        beside: tracks that were in one picture with it; known: say how far walks of one person are apart.
        """
        key = embedding.video, embedding.track_id
        before = self._walks.pop(key, None)
        label = before.label if before else self._nearest(embedding, tracklet, beside, known)
        label = label or f"unknown-{new_id()[:SHORT]}"
        self._walks[key] = _Walk(label, embedding, tracklet, beside)
        if len(self._walks) > MOST_WALKS:
            self._walks.popitem(last=False)
        return label

    def _nearest(self, embedding: Embedding, tracklet: Tracklet, beside: Collection[int], known: People) -> str | None:
        walks = list(self._walks.values())
        probes, tracklets = [walk.embedding for walk in walks], [walk.tracklet for walk in walks]
        limit = known.alike_below(2 ** int(math.log2(len(walks) + 1)))  # few numbers: each takes a while the first time
        if not math.isfinite(limit):  # nothing tells one person from two
            return None
        distances = known.between([*probes, embedding], [*tracklets, tracklet])
        farthest: dict[str, float] = {}
        for walk, distance in zip(walks, distances[-1, :-1].tolist(), strict=True):
            together = walk.embedding.video == embedding.video and walk.embedding.track_id in beside
            farthest[walk.label] = max(farthest.get(walk.label, -math.inf), math.inf if together else distance)
        label = min(farthest, key=farthest.__getitem__, default=None)
        return label if label is not None and farthest[label] <= limit else None
