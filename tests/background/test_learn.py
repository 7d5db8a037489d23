"""What the samples of a video say of each pixel."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.background.learn import LOUDEST, NORMAL, QUIETEST, SHARE, empty_scene


@pytest.mark.parametrize("count", [3, 8, 40, 79])
def test_the_scene_is_the_middle_one_of_the_shortest_intervals_with_a_third_of_the_values(count):
    rng = np.random.default_rng(count)
    wall = rng.integers(20, 230, (70, 6, 3))
    samples = (wall + rng.normal(0, 2, (count, *wall.shape))).round().astype(np.uint8)
    samples[: count // 4] = rng.integers(0, 256, (count // 4, *wall.shape))  # somebody walks by
    inside = max(2, round(SHARE * count))
    mean, length = np.empty(wall.shape), np.empty(wall.shape)
    for place in np.ndindex(*wall.shape):
        values = sorted(samples[(slice(None), *place)].tolist())
        lengths = [values[end] - values[end - inside + 1] for end in range(inside - 1, count)]
        equally = [begin for begin, one in enumerate(lengths) if one == min(lengths)]
        begin = equally[(len(equally) + 1) // 2 - 1]
        mean[place], length[place] = np.mean(values[begin : begin + inside]), min(lengths)
    found = empty_scene(list(samples))
    assert np.allclose(found.mean, mean)
    inner = (slice(2, -2), slice(2, -2))
    noise = sum(np.roll((length + 1) / NORMAL, (dy, dx), (0, 1)) for dy in range(-2, 3) for dx in range(-2, 3)) / 25
    assert np.allclose(found.noise[inner], np.clip(noise, QUIETEST, LOUDEST)[inner], atol=1e-4)
