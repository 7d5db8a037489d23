"""ByteTrack: boxes of strong detections are matched first, then the weak ones, which are mostly occluded people.

Source: Zhang et al., ByteTrack: Multi-Object Tracking by Associating Every Detection Box, ECCV 2022. Ids and boxes
equal those of the authors' code (golden/bytetrack), but for what is ours on purpose: ids start at 1 in every tracker,
the buffer is in seconds of the video's real frame rate, frames without detections advance time (All-in-One-Gait's
demo skips them; `empty_frames_advance: false` does so too), and so do frames of a live stream that were left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import lap
import numpy as np
from numpy.typing import NDArray

from pipeline.config import TrackingConfig
from pipeline.tracking import kalman
from pipeline.tracking.kalman import Float64, KalmanState
from pipeline.types import Detections, TrackedBoxes

SECOND_MATCH = 0.5  # highest 1 − IoU when weak detections are matched
UNCONFIRMED_MATCH = 0.7  # … when a track that has been seen once waits for its second detection
DUPLICATE = 0.15  # a tracked and a lost box closer than this are one person
Pairs = list[tuple[int, int]]


@dataclass(slots=True, eq=False)
class _Track:
    """One person. A new one has to be seen again in the next frame to be confirmed, except in the first frame."""

    track_id: int
    state: KalmanState  # one row
    score: float
    box: Float64  # 4, as detected when it was seen last
    first: int
    last: int
    confirmed: bool
    lost: bool = False
    expired: bool = False  # once too long lost, it may be found in one more frame, but not be lost again


class ByteTracker:
    """Tracks the people of one video. `update` is called for one frame after another, in order."""

    def __init__(self, config: TrackingConfig, fps: float) -> None:
        self._settings = config.bytetrack
        # Rounded down, as the reference does; the epsilon keeps 1.0 s × 30 fps from becoming 29 frames.
        self._buffer = int(self._settings.buffer_seconds * fps + 1e-6)
        self._tracked: list[_Track] = []
        self._lost: list[_Track] = []
        self._clock = 0
        self._ids = 0

    def update(self, detections: Detections, elapsed: int = 1) -> TrackedBoxes:
        """Follow everybody into the next frame: ids, boxes (filtered, not the detections') and scores.

        elapsed: frames since the last call. Everybody is expected where they would be after so many steps; after more
        frames than lost tracks are kept for, nobody is followed on. Detections that are not finite or have no area are
        ignored. Only people seen in this frame are returned.
        """
        if elapsed < 1:
            raise ValueError(f"elapsed must be at least 1, got {elapsed}")
        if elapsed > 1:
            self._skip(elapsed - 1)
        if not len(detections) and not self._settings.empty_frames_advance:
            return self._answer(detections.frame_index, [])
        self._clock += 1
        strong, weak = self._bands(detections)
        new = [track for track in self._tracked if not track.confirmed]
        known = [track for track in self._tracked if track.confirmed]
        pool = known + self._lost
        _predict(pool)

        pairs, missed, rest = _match(pool, strong, self._settings.match_threshold, self._settings.fuse_score)
        found = [pool[t] for t, _ in pairs if pool[t].lost]
        self._update_seen([pool[t] for t, _ in pairs], strong, [d for _, d in pairs])

        missed_known = [pool[t] for t in missed if not pool[t].lost]
        pairs, missed, _ = _match(missed_known, weak, SECOND_MATCH, fuse_score=False)
        self._update_seen([missed_known[t] for t, _ in pairs], weak, [d for _, d in pairs])
        gone = [missed_known[t] for t in missed]

        strong = strong.take(rest)
        pairs, missed, rest = _match(new, strong, UNCONFIRMED_MATCH, self._settings.fuse_score)
        self._update_seen([new[t] for t, _ in pairs], strong, [d for _, d in pairs])
        given_up = {id(new[t]) for t in missed}

        started = self._start(strong.take(rest))
        for track in gone:
            track.lost = True
        kept = [track for track in self._tracked if not track.lost and id(track) not in given_up]
        self._tracked = kept + started + found
        # Lost tracks stay for the buffer and, as in the reference, for one frame more.
        waiting = [track for track in self._lost if track.lost]
        self._lost = [track for track in waiting + gone if not track.expired]
        for track in waiting:
            track.expired = self._clock - track.last > self._buffer
        self._drop_duplicates()
        return self._answer(detections.frame_index, [track for track in self._tracked if track.confirmed])

    def expect(self, frame_index: int, elapsed: int) -> TrackedBoxes:
        """Where those who were seen last are `elapsed` frames later, if they go on as before. Nothing is remembered."""
        tracks = [track for track in self._tracked if track.confirmed]
        expected = [replace(track, state=kalman.go_on(track.state, elapsed)) for track in tracks]
        return self._answer(frame_index, expected, filtered=True)

    def _skip(self, frames: int) -> None:
        """Let time pass in which nobody looked."""
        if self._clock:  # before the first frame there is nobody, and it stays the first
            self._clock += frames
        if frames > self._buffer:
            self._tracked, self._lost = [], []
            return
        pool = [track for track in self._tracked if track.confirmed] + self._lost
        for _ in range(frames):
            _predict(pool)

    def _answer(self, frame_index: int, tracks: Sequence[_Track], filtered: bool = False) -> TrackedBoxes:
        if not tracks:
            boxes = np.zeros((0, 4))
        elif filtered or self._settings.filtered_boxes:
            boxes = _corners(tracks)
        else:
            boxes = np.stack([track.box for track in tracks])
        return TrackedBoxes(
            frame_index,
            np.array([track.track_id for track in tracks], np.int64),
            boxes.astype(np.float32),
            np.array([track.score for track in tracks], np.float32),
        )

    def _bands(self, detections: Detections) -> tuple[_Boxes, _Boxes]:
        """Strong and weak detections; a score equal to a threshold belongs to neither band, as in the reference."""
        boxes, scores = detections.boxes, detections.scores
        with np.errstate(invalid="ignore"):  # inf − inf
            sane = np.isfinite(boxes).all(axis=1) & np.isfinite(scores) & (boxes[:, 2:] > boxes[:, :2]).all(axis=1)
        high = sane & (scores > self._settings.track_threshold)
        low = sane & (scores > self._settings.low_threshold) & (scores < self._settings.track_threshold)
        everything = _Boxes(boxes.astype(np.float64), scores)
        return everything.take(np.flatnonzero(high)), everything.take(np.flatnonzero(low))

    def _update_seen(self, tracks: Sequence[_Track], boxes: _Boxes, rows: Sequence[int]) -> None:
        if not tracks:
            return
        boxes = boxes.take(rows)
        state = kalman.update(KalmanState.stack([track.state for track in tracks]), boxes.as_measurements())
        for row, track in enumerate(tracks):
            track.state = state[row : row + 1]
            track.score, track.box = float(boxes.scores[row]), boxes.corners[row]
            track.last, track.confirmed, track.lost = self._clock, True, False

    def _start(self, boxes: _Boxes) -> list[_Track]:
        """New tracks from strong detections that nobody claimed."""
        needed = self._settings.track_threshold + self._settings.new_track_margin
        boxes = boxes.take(np.flatnonzero(boxes.scores >= needed))
        state = kalman.initiate(boxes.as_measurements())
        first_frame = self._clock == 1
        tracks = []
        for row, score in enumerate(boxes.scores):
            self._ids += 1
            now, box = self._clock, boxes.corners[row]
            tracks.append(_Track(self._ids, state[row : row + 1], float(score), box, now, now, confirmed=first_frame))
        return tracks

    def _drop_duplicates(self) -> None:
        """Of a tracked and a lost track in the same place only the older one stays."""
        if not self._tracked or not self._lost:
            return
        close = 1 - _iou(_corners(self._tracked), _corners(self._lost)) < DUPLICATE
        drop: set[int] = set()
        for t, s in zip(*np.nonzero(close), strict=True):
            tracked, lost = self._tracked[t], self._lost[s]
            older = tracked.last - tracked.first > lost.last - lost.first
            drop.add(id(lost if older else tracked))
        self._tracked = [track for track in self._tracked if id(track) not in drop]
        self._lost = [track for track in self._lost if id(track) not in drop]


@dataclass(frozen=True, slots=True)
class _Boxes:
    """Detections of one band: corners N×4 float64, scores N float32 (compared with thresholds as float32)."""

    corners: Float64
    scores: NDArray[np.float32]

    def take(self, rows: Sequence[int] | NDArray[np.intp]) -> _Boxes:
        picked = np.asarray(rows, np.intp)
        return _Boxes(self.corners[picked], self.scores[picked])

    def as_measurements(self) -> Float64:
        """N×4: centre x, centre y, width / height, height."""
        size = self.corners[:, 2:] - self.corners[:, :2]
        return np.column_stack([self.corners[:, :2] + size / 2, size[:, 0] / size[:, 1], size[:, 1]])


def _predict(pool: Sequence[_Track]) -> None:
    if not pool:
        return
    state = KalmanState.stack([track.state for track in pool])
    state.velocity[[track.lost for track in pool], kalman.HEIGHT] = 0  # or boxes of lost people grow without end
    state = kalman.predict(state)
    for row, track in enumerate(pool):
        track.state = state[row : row + 1]


def _match(
    tracks: Sequence[_Track], boxes: _Boxes, highest_cost: float, fuse_score: bool
) -> tuple[Pairs, list[int], list[int]]:
    """Assignment of least total 1 − IoU: pairs (track, box), tracks left over, boxes left over."""
    if not tracks or not len(boxes.scores):
        return [], list(range(len(tracks))), list(range(len(boxes.scores)))
    overlap = _iou(_corners(tracks), boxes.corners)
    if fuse_score:
        overlap = overlap * boxes.scores
    _, box_of_track, track_of_box = lap.lapjv(1 - overlap, extend_cost=True, cost_limit=highest_cost)
    pairs = [(track, int(box)) for track, box in enumerate(box_of_track) if box >= 0]
    return pairs, np.flatnonzero(box_of_track < 0).tolist(), np.flatnonzero(track_of_box < 0).tolist()


def _corners(tracks: Iterable[_Track]) -> Float64:
    """N×4 corners of the filtered boxes."""
    value = np.concatenate([track.state.value for track in tracks])
    height = value[:, 3]
    half = np.column_stack([value[:, 2] * height, height]) / 2
    return np.concatenate([value[:, :2] - half, value[:, :2] + half], axis=1)


def _iou(first: Float64, second: Float64) -> Float64:
    """N×M overlaps in the whole-pixel convention of the reference: a side is x2 − x1 + 1 long."""
    sides = np.minimum(first[:, None, 2:], second[None, :, 2:]) - np.maximum(first[:, None, :2], second[None, :, :2])
    shared = np.clip(sides + 1, 0, None).prod(axis=2)
    first_area = (first[:, 2:] - first[:, :2] + 1).prod(axis=1)
    second_area = (second[:, 2:] - second[:, :2] + 1).prod(axis=1)
    overlap: Float64 = shared / (first_area[:, None] + second_area[None] - shared)
    return overlap
