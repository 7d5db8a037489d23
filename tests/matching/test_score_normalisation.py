"""Score normalisation against its definition, pair by pair."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.errors import ConfigError
from pipeline.matching.score_normalisation import among_the_gallery

PEOPLE = np.array([0, 0, 1, 1, 2, 2, 3])


@pytest.fixture
def distances():
    rng = np.random.default_rng(0)
    within = rng.random((7, 7)) + 1
    return rng.random((5, 7)) + 100, (within + within.T) / 2


def told(value, strangers):
    return (value - strangers.mean()) / strangers.std(ddof=1)


@pytest.mark.parametrize("name", ["z", "t", "s"])
def test_every_pair_is_told_in_deviations_from_strangers(distances, name):
    probes, within = distances
    found = among_the_gallery(name, probes, within, PEOPLE)
    for probe in range(5):
        for column, person in enumerate(PEOPLE):
            others = person != PEOPLE
            t, z = (
                told(probes[probe, column], probes[probe, others]),
                told(probes[probe, column], within[column, others]),
            )
            assert found[probe, column] == pytest.approx({"t": t, "z": z, "s": (t + z) / 2}[name])


def test_none_leaves_distances_as_they_are(distances):
    assert among_the_gallery("none", *distances, PEOPLE) is distances[0]


def test_a_probe_that_is_far_from_everybody_is_judged_by_its_own_standard(distances):
    """The same walk seen badly (all distances doubled) ends at the same value from its own side."""
    probes, within = distances
    assert np.allclose(
        among_the_gallery("t", probes, within, PEOPLE), among_the_gallery("t", 2 * probes + 5, within, PEOPLE)
    )


def test_unusable_walks_stay_infinitely_far(distances):
    probes, within = distances
    probes[1] = np.inf
    found = among_the_gallery("t", probes, within, PEOPLE)
    assert np.isinf(found[1]).all() and np.isfinite(found[0]).all()


def test_too_few_strangers_are_refused(distances):
    with pytest.raises(ConfigError, match=r"3 walks of other people.*only 1"):
        among_the_gallery("s", distances[0][:, :3], distances[1][:3, :3], np.array([0, 1, 1]))
