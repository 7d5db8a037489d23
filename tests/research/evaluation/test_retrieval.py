"""At which places the right walks come."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pipeline.errors import ConfigError
from pipeline.research.evaluation.datasets import retrieval as blocks
from pipeline.research.evaluation.datasets.features import DatasetFeatures
from pipeline.research.evaluation.datasets.retrieval import distances, ranked


def walks(labels, features=None, views=None):
    count = len(labels)
    features = np.zeros((count, 2, 1), np.float32) if features is None else features
    names, views = np.array(labels, str), np.array(views if views is not None else [""] * count, str)
    return DatasetFeatures(features, names, names, views)


def placed(rows, probes, gallery, same_view=True):
    right = probes.labels[:, None] == gallery.labels[None]
    junk = None if same_view else right & (probes.views[:, None] == gallery.views[None])
    return ranked(torch.tensor(rows, dtype=torch.float32), right, junk)


def brute(row, right):
    """Places by sorting, wrong walks before right ones at the same distance."""
    order = sorted(range(len(row)), key=lambda column: (row[column], right[column]))
    return [place for place, column in enumerate(order, 1) if right[column]]


def test_figures_are_those_of_their_definitions_on_distances_with_ties():
    rng = np.random.default_rng(0)
    rows = rng.integers(0, 12, (60, 40)).astype(np.float32)
    probes, gallery = walks(rng.integers(0, 6, 60)), walks(rng.integers(0, 6, 40))
    found = placed(rows.tolist(), probes, gallery)
    for probe, row in enumerate(rows):
        places = brute(row, gallery.labels == probes.labels[probe])
        assert found.first[probe] == places[0]
        assert found.precision[probe] == pytest.approx(np.mean([(i + 1) / place for i, place in enumerate(places)]))
        assert found.penalty[probe] == pytest.approx(len(places) / places[-1])


def test_a_gpu_counts_as_numpy_does():
    rng = np.random.default_rng(0)
    rows, right = torch.from_numpy(rng.integers(0, 12, (60, 40)).astype(np.float32)), rng.random((60, 40)) < 0.2
    most = int(right.sum(axis=1).max())
    one, other = (count(rows, right, most) for count in (blocks._counted, blocks._counted_on_gpu))
    held = np.arange(most) < right.sum(axis=1)[:, None]
    np.testing.assert_array_equal(one[held], other[held])


def test_who_is_not_in_the_gallery_cannot_be_answered():
    found = placed([[1, 2], [2, 1]], walks(["a", "z"]), walks(["a", "b"]))
    assert found.answerable.tolist() == [True, False]
    assert found.first.tolist() == [1, 0]
    assert found.cmc(2).tolist() == [1, 1]  # of those who can
    assert found.cmc(2, np.ones(2, bool)).tolist() == [0.5, 0.5]  # of all
    assert found.mean_precision() == found.mean_penalty() == 1


def test_nobody_to_answer_has_no_figures():
    found = placed([[1, 2]], walks(["z"]), walks(["a", "b"]))
    assert np.isnan([found.mean_precision(), found.mean_penalty(), *found.cmc(2)]).all()


def test_the_own_person_in_the_own_view_is_passed_over():
    probes, gallery = walks(["a"], views=["0"]), walks(["a", "b", "a"], views=["0", "0", "9"])
    assert placed([[1, 2, 3]], probes, gallery).first.tolist() == [1]
    found = placed([[1, 2, 3]], probes, gallery, same_view=False)
    assert found.first.tolist() == [2] and found.precision == 0.5


def test_no_block_is_larger_than_it_may_be(monkeypatch):
    monkeypatch.setattr(blocks, "BLOCK_VALUES", 1000)
    features = np.zeros((95, 2, 1), np.float32)
    shapes = [tuple(block.shape) for _, block in blocks.distance_blocks(features, features[:30], "euclidean")]
    assert shapes == [(33, 30), (33, 30), (29, 30)]


def test_features_of_different_shape_are_refused():
    with pytest.raises(ConfigError, match="features of 6×3 and 6×4 cannot be compared"):
        distances(np.zeros((1, 6, 3), np.float32), np.zeros((1, 6, 4), np.float32), "euclidean")


def test_an_empty_side_has_no_distances():
    assert distances(np.zeros((0, 2, 1), np.float32), np.zeros((3, 2, 1), np.float32), "cosine").shape == (0, 3)
