"""What graph networks make of keypoints."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pipeline.recognition.layers.graph_inputs import (
    Place,
    as_joints,
    missing_to_middle,
    move_to_place,
    sides_swapped,
    ten_channels,
    three_branches,
    velocities,
)
from pipeline.recognition.models import gaitgraph1, gaitgraph2, gaittr
from pipeline.skeletons import BODY15, COCO17, COCO18, as_skeleton

PLACE = Place(torch.tensor([165.0, 101.0]), torch.tensor(39.0))


@pytest.fixture
def keypoints():
    """Two walks of nine frames."""
    points = torch.from_numpy(np.random.default_rng(0).uniform(10, 200, (2, 9, 17, 3)).astype(np.float32))
    points[..., 2] /= 200
    return points


@pytest.mark.parametrize("wanted", [COCO17, COCO18, BODY15], ids=lambda skeleton: skeleton.name)
def test_skeletons_change_in_torch_as_they_do_in_numpy(keypoints, wanted):
    keypoints[0, 3, 5] = 0  # a shoulder that was not found
    expected = np.stack([as_skeleton(walk.numpy(), wanted) for walk in keypoints])
    np.testing.assert_allclose(as_joints(keypoints, wanted).numpy(), expected, rtol=1e-6)


def test_other_numbers_of_joints_are_refused():
    with pytest.raises(ValueError, match="keypoints of 25 joints"):
        as_joints(torch.zeros(1, 2, 25, 3), COCO17)


def test_missing_joints_go_to_the_middle_one_after_another(keypoints):
    keypoints[1, 4, [2, 7]] = 0
    filled = missing_to_middle(keypoints)
    middle = keypoints[1, 4, :, :2].sum(0) / 17
    assert torch.allclose(filled[1, 4, 2], torch.tensor([*middle, 0]))
    assert torch.allclose(filled[1, 4, 7], torch.tensor([*(middle * (1 + 1 / 17)), 0]))
    filled[1, 4, [2, 7]] = 0
    assert torch.equal(filled, keypoints)


def test_walks_are_placed_whole(keypoints):
    moved = keypoints.clone()
    moved[..., :2] = moved[..., :2] * 3 + torch.tensor([700.0, -40.0])
    here, there = move_to_place(keypoints, PLACE), move_to_place(moved, PLACE)
    assert torch.allclose(here, there, atol=1e-3)
    assert torch.allclose(here[..., :2].mean(dim=(1, 2)), PLACE.mean.expand(2, 2), atol=1e-3)
    assert torch.allclose(here[..., 1].std(dim=(1, 2), correction=0), PLACE.spread.expand(2), atol=1e-3)
    assert torch.equal(here[..., 2], keypoints[..., 2])


def test_joints_that_were_not_found_are_not_moved(keypoints):
    complete = move_to_place(keypoints[:, :, 1:], PLACE)
    keypoints[:, :, 0] = 0
    found = move_to_place(keypoints, PLACE)
    assert not found[:, :, 0].any() and torch.allclose(found[:, :, 1:], complete)


@pytest.mark.parametrize("network", [gaitgraph1.GaitGraph1, gaitgraph2.GaitGraph2, gaittr.GaitTR])
def test_a_placed_network_does_not_care_where_in_the_picture_a_walk_is(network, keypoints):
    module = {gaitgraph1.GaitGraph1: gaitgraph1, gaitgraph2.GaitGraph2: gaitgraph2, gaittr.GaitTR: gaittr}[network]
    torch.manual_seed(0)
    made = network(module.Architecture(placed=True)).eval()
    for norm in (norm for norm in made.modules() if isinstance(norm, torch.nn.BatchNorm1d | torch.nn.BatchNorm2d)):
        norm.running_mean.uniform_(50, 150)
        norm.running_var.uniform_(100, 900)
    moved = keypoints.clone()
    moved[..., :2] = moved[..., :2] * 2 + torch.tensor([300.0, 50.0])
    with torch.inference_mode():
        assert torch.allclose(made(keypoints), made(moved), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("frames", [1, 2, 3, 9])
def test_the_last_two_frames_do_not_move(keypoints, frames):
    points = keypoints[:, :frames, :, :2]
    moved = velocities(points, 1)
    assert moved.shape == points.shape and not moved[:, max(frames - 2, 0) :].any()
    assert torch.equal(moved[:, : max(frames - 2, 0)], (points[:, 1:] - points[:, :-1])[:, : max(frames - 2, 0)])


@pytest.mark.parametrize("frames", [1, 2, 9])
def test_every_length_gives_inputs(keypoints, frames):
    some = keypoints[:, :frames]
    assert three_branches(some, COCO17.parents, 0).shape == (2, 3, 5, frames, 17)
    assert ten_channels(some, COCO17.parents).shape == (2, 10, frames, 17)
    assert torch.isfinite(three_branches(some, COCO17.parents, 0)).all()


def test_swapping_sides_twice_changes_nothing(keypoints):
    assert torch.equal(sides_swapped(sides_swapped(keypoints, COCO17), COCO17), keypoints)
    assert torch.equal(sides_swapped(keypoints, COCO17)[:, :, 5], keypoints[:, :, 6])
