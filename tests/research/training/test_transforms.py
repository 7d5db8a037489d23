"""What OpenGait's transforms make together."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pipeline.errors import ConfigError
from pipeline.research.training.data.sampling import Draws
from pipeline.research.training.data.transforms import transforms_of
from pipeline.research.training.zoo.disentanglement import threes


def test_two_views_of_a_walk_follow_each_other_in_time():
    """As GaitGraph's network takes them apart: C×2T×V×1."""
    (two,) = transforms_of(
        [{"type": "TwoView", "trf_cfg": [{"type": "RandomMove", "random_r": [4, 1]}, {"type": "GaitGraph1Input"}]}]
    )
    walk = np.random.default_rng(0).uniform(0, 100, (7, 17, 3))
    seen = two(walk, Draws.seeded(0))
    assert seen.shape == (3, 14, 17, 1)
    for view in (seen[:, :7], seen[:, 7:]):
        shift = view[..., 0] - walk.transpose(2, 0, 1)
        assert np.ptp(shift, axis=(1, 2)).max() < 1e-9 and 0 < abs(shift[0, 0, 0]) <= 4
    assert np.abs(seen[:, :7] - seen[:, 7:]).max() > 0.1


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"type": "RandomMove", "random_r": 3}, r"transform\[0\]\.random_r: expected 2 numbers, got 3"),
        ({"type": "RandomMove", "random_r": [3, "x"]}, r"transform\[0\]\.random_r: expected a number, got 'x'"),
        ({"type": "PointNoise", "std": None}, r"transform\[0\]\.std: expected a number, got None"),
        ({"type": "Compose", "trf_cfg": None}, r"transform\[0\]\.trf_cfg: expected a list of transforms, got None"),
        ({"type": "Compose", "trf_cfg": ["x"]}, r"transform\[0\]\.trf_cfg: expected a list of transforms"),
    ],
)
def test_a_setting_of_another_kind_is_named(entry, message):
    with pytest.raises(ConfigError, match=message):
        transforms_of([entry])


def test_threes_are_a_walk_another_view_of_it_and_another_person_from_its_view():
    labels, views = torch.tensor([0, 0, 1, 1, 2]), ["000", "090", "000", "000", "180"]
    one, other_view, other_person = threes(labels, views)
    assert one == [0] and other_view == [1] and other_person in ([2], [3])
    with pytest.raises(ConfigError, match="Take more people and more walks of each"):
        threes(labels[2:], views[2:])
