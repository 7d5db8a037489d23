"""ByteTrack and its Kalman filter against the authors' code (../shared/golden/bytetrack)."""

import lap
import numpy as np
import pytest

from pipeline.config import ByteTrackConfig, TrackingConfig
from pipeline.tracking import kalman
from pipeline.tracking.bytetrack import ByteTracker, _iou
from pipeline.types import Detections

REFERENCE = ByteTrackConfig(new_track_margin=0.1)
MOT20 = ByteTrackConfig(
    new_track_margin=0.1, track_threshold=0.6, buffer_seconds=2, match_threshold=0.9, fuse_score=False
)
RUNS = {  # run: (scene, settings, frames per second, boxes divided by the detector's scale)
    "bytetrack_default": ("det", REFERENCE, 30, False),
    "allinone": ("det", REFERENCE, 30, False),
    "bytetrack_7col_scaled_800x1440": ("det", REFERENCE, 30, True),
    "bytetrack_tt06_buf60_mt09_mot20_fps60": ("det", MOT20, 60, False),
    "hard_bytetrack_default": ("hard_det", REFERENCE, 30, False),
    "hard_allinone": ("hard_det", REFERENCE, 30, False),
    "hard_mot20_tt06": ("hard_det", MOT20, 60, False),
}


@pytest.fixture(scope="module")
def reference(golden):
    folder = golden("bytetrack")
    return dict(np.load(folder / "input.npz")), dict(np.load(folder / "output.npz"))


def _frames(inputs, scene):
    ends = np.cumsum(inputs[f"{scene}_counts"])[:-1]
    return np.split(inputs[f"{scene}_x1y1x2y2s"], ends)


@pytest.mark.parametrize("run", RUNS)
def test_ids_boxes_and_scores_equal_the_reference(reference, run):
    inputs, outputs = reference
    scene, settings, fps, scaled = RUNS[run]
    rows = outputs[f"{run}_id_tlwh_score_start_len"]
    expected = np.split(rows, np.cumsum(outputs[f"{run}_counts"])[:-1])
    states = outputs[f"{run}_state_counts_tracked_lost_removed"]
    tracker = ByteTracker(TrackingConfig(bytetrack=settings), fps)
    for index, (found, want) in enumerate(zip(_frames(inputs, scene), expected, strict=True)):
        boxes = found[:, :4] / np.float32(min(800 / 1080, 1440 / 1920)) if scaled else found[:, :4]
        tracked = tracker.update(Detections(index, boxes, found[:, 4]))
        assert tracked.track_ids.tolist() == want[:, 0].astype(int).tolist(), f"frame {index}"
        tlwh = np.column_stack([tracked.boxes[:, :2], tracked.boxes[:, 2:] - tracked.boxes[:, :2]])
        np.testing.assert_allclose(tlwh, want[:, 1:5], rtol=1e-4, atol=2e-3)
        np.testing.assert_allclose(tracked.scores, want[:, 5], rtol=1e-6)
        assert (len(tracker._tracked), len(tracker._lost)) == tuple(states[index, :2]), f"frame {index}"


def test_kalman_filter_equals_the_reference(reference, assert_close_to_rms):
    _, outputs = reference
    rows = outputs["kalman_initiate_then_predict_update_x5_mean8_cov64"]
    state = kalman.initiate(rows[:1, :4])
    _assert_state(state, rows[0], assert_close_to_rms)
    for predicted, updated in zip(rows[1::2], rows[2::2], strict=True):
        state = kalman.predict(state)
        _assert_state(state, predicted, assert_close_to_rms)
        state = kalman.update(state, _measurement(predicted, updated))
        _assert_state(state, updated, assert_close_to_rms)


def _measurement(predicted, updated):
    """What was measured, from the reference's own matrices: updated = predicted + gain × (measured − predicted)."""
    covariance = predicted[8:].reshape(8, 8)
    noise = np.diag([predicted[3] / 20, predicted[3] / 20, 0.1, predicted[3] / 20]) ** 2
    gain = covariance[:4, :4] @ np.linalg.inv(covariance[:4, :4] + noise)
    return (predicted[:4] + np.linalg.solve(gain, updated[:4] - predicted[:4]))[None]


def _assert_state(state, row, assert_close_to_rms):
    value, cross, velocity = state.covariance[0]
    whole = np.block([[np.diag(value), np.diag(cross)], [np.diag(cross), np.diag(velocity)]])
    assert_close_to_rms(np.concatenate([state.value[0], state.velocity[0]]), row[:8], 1e-9)
    assert_close_to_rms(whole.ravel(), row[8:], 1e-9)


def test_overlap_uses_the_reference_convention(reference):
    inputs, outputs = reference
    overlap = _iou(inputs["iou_a"].astype(np.float64), inputs["iou_b"].astype(np.float64))
    np.testing.assert_allclose(overlap, outputs["iou_cython_bbox_plus1_convention"], rtol=1e-9)


def test_assignment_equals_the_reference(reference):
    inputs, outputs = reference
    _, column_of_row, row_of_column = lap.lapjv(inputs["assign_cost"], extend_cost=True, cost_limit=0.35)
    pairs = [(row, column) for row, column in enumerate(column_of_row) if column >= 0]
    assert pairs == [tuple(pair) for pair in outputs["assign_matches"]]
    assert np.flatnonzero(column_of_row < 0).tolist() == outputs["assign_unmatched_a"].tolist()
    assert np.flatnonzero(row_of_column < 0).tolist() == outputs["assign_unmatched_b"].tolist()
