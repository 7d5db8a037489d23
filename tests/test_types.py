"""What flows between the stages refuses what does not line up, and names both sides."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from pipeline.types import (
    Detections,
    Embedding,
    Frame,
    Match,
    SilhouetteSequence,
    TrackedBoxes,
    Tracklet,
)

BOXES, SCORES = np.zeros((12, 4), np.float32), np.zeros(12, np.float32)
MASKS = np.zeros((3, 64, 44), np.uint8)


def steps(count: int):
    return np.arange(count, dtype=np.int64)


MADE = {
    "frame": lambda: Frame(0, 0.0, np.zeros((4, 6, 3), np.uint8)),
    "detections": lambda: Detections(0, BOXES, SCORES),
    "tracked": lambda: TrackedBoxes(0, steps(12), BOXES, SCORES),
    "tracklet": lambda: Tracklet("g", 1, steps(12), BOXES, SCORES, 25.0),
    "sequence": lambda: SilhouetteSequence("g", 1, MASKS, steps(3)),
    "embedding": lambda: Embedding("g", 1, np.ones((5, 16), np.float32), "gei", "", 3),
    "match": lambda: Match("p", 1, "known", "g-001", 0.1, 0.9, (), "nearest"),
}


@pytest.mark.parametrize("make", MADE.values(), ids=MADE)
def test_what_lines_up_is_accepted_and_frozen(make):
    made = make()
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(made, dataclasses.fields(made)[0].name, None)
    assert not hasattr(made, "__dict__")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Detections(0, BOXES, SCORES[:11]), r"boxes \(12, 4\) and scores \(11,\) must have the same length"),
        (lambda: Detections(0, BOXES[:, :3], SCORES), r"boxes must be N×4 \(x1, y1, x2, y2\), got \(12, 3\)"),
        (lambda: Detections(0, np.zeros(4, np.float32), SCORES), r"boxes must be N×4 .*got \(4,\)"),
        (lambda: TrackedBoxes(0, steps(11), BOXES, SCORES), r"track_ids \(11,\) and boxes \(12, 4\)"),
        (lambda: TrackedBoxes(0, steps(12), BOXES, SCORES[1:]), r"track_ids \(12,\) and scores \(11,\)"),
        (lambda: Tracklet("g", 1, steps(3), BOXES, SCORES, 25), r"frame_indices \(3,\) and boxes \(12, 4\)"),
        (lambda: Tracklet("g", 1, steps(12)[::-1], BOXES, SCORES, 25), "frame_indices must rise strictly"),
        (lambda: Tracklet("g", 1, 0 * steps(12), BOXES, SCORES, 25), "frame_indices must rise strictly"),
        (lambda: SilhouetteSequence("g", 1, MASKS, steps(4)), r"masks \(3, 64, 44\) and frame_indices \(4,\)"),
        (lambda: SilhouetteSequence("g", 1, MASKS[0], steps(64)), r"masks must be T×H×W uint8, got \(64, 44\) uint8"),
        (lambda: SilhouetteSequence("g", 1, MASKS > 0, steps(3)), "masks must be T×H×W uint8, got .* bool"),
        (lambda: SilhouetteSequence("g", 1, MASKS, steps(3)[::-1]), "frame_indices must rise strictly"),
        (lambda: Embedding("g", 1, np.ones(16, np.float32), "gei", "", 3), r"parts must be C×P, got \(16,\)"),
        (lambda: Embedding("g", 7, np.full((5, 16), np.nan), "gei", "", 3), "embedding of g track 7 .*not finite"),
        (lambda: Match("p", 1, "known", None, 0.1, 0.9, (), ""), "status 'known' and identity None contradict"),
        (lambda: Match("p", 1, "unknown", "g-001", 0.1, 0.9, (), ""), "status 'unknown' and identity 'g-001'"),
        (lambda: Frame(0, 0.0, np.zeros((4, 6), np.uint8)), r"image must be H×W×3 uint8, got \(4, 6\)"),
        (lambda: Frame(0, 0.0, np.zeros((4, 6, 3), np.float32)), r"image must be H×W×3 uint8, got .* float32"),
    ],
)
def test_what_does_not_line_up_is_refused_naming_both_sides(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_nobody_is_detections_too():
    nobody = Detections.empty(7)
    assert (nobody.frame_index, len(nobody), nobody.boxes.shape) == (7, 0, (0, 4))


def test_lengths_count_boxes_and_frames():
    assert [len(MADE[name]()) for name in ("detections", "tracked", "tracklet", "sequence")] == [12, 12, 12, 3]
