"""Tables by view, and what is done where walks are missing (the digits themselves: tests/golden/test_evaluation.py)."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.errors import ConfigError, InputError
from pipeline.research.evaluation.datasets import rerank as reranking
from pipeline.research.evaluation.datasets.features import DatasetFeatures
from pipeline.research.evaluation.datasets.protocols import PROTOCOLS
from pipeline.research.evaluation.datasets.ranking import Ranking
from pipeline.research.evaluation.datasets.submission import submission
from pipeline.research.evaluation.tables import by_view, class_scores, cross_view, pairs, whole


def dataset(*walks):
    """(label, type, view, place on a line) each: the nearer two walks on the line, the more alike."""
    labels, types, views, places = zip(*walks, strict=True)
    features = np.zeros((len(walks), 2, 1), np.float32)
    features[:, 0, 0] = places
    return DatasetFeatures(features, *(np.array(names, str) for names in (labels, types, views)))


def compared(*walks):
    return Ranking(dataset(*walks), "euclidean")


CASIA = PROTOCOLS["casia-b"]
GALLERY = [("a", "nm-01", "0", 0), ("b", "nm-01", "0", 10), ("a", "nm-01", "9", 1), ("b", "nm-01", "9", 11)]


def test_identical_views_are_left_out_of_the_mean():
    # Probes of view 0 are right at their own view and wrong at the other; those of view 9 the other way round.
    found = by_view(CASIA, compared(*GALLERY, ("a", "nm-05", "0", 5.5), ("b", "nm-05", "9", 8)))["NM"]
    assert found.tables.views == ["0", "9"]
    np.testing.assert_array_equal(found.tables.ranks[1], [[0, 100], [100, 100]])
    assert found.tables.by_view(found.tables.ranks[1]).tolist() == [100, 100]
    assert found.ranks[1] == 100 and found.identical[1] == 75


def test_cells_are_rounded_before_they_are_averaged():
    probes = [("a", "nm-05", "0", place) for place in (0, 1, 9)]
    found = by_view(CASIA, compared(*GALLERY, *probes))["NM"]
    assert found.ranks[1] == 66.67


def test_a_view_without_walks_is_empty_and_counts_nowhere():
    found = by_view(CASIA, compared(*GALLERY, ("a", "nm-05", "0", 0), ("c", "bg-01", "45", 3)))
    table = found["NM"].tables.ranks[1]
    assert found["NM"].tables.views == ["0", "45", "9"]
    assert np.isnan(table[1]).all() and np.isnan(table[:, 1]).all()
    assert found["NM"].ranks[1] == 100


def test_with_one_view_it_counts_itself():
    found = by_view(CASIA, compared(*GALLERY[:2], ("a", "nm-05", "0", 0)))["NM"]
    assert found.ranks[1] == 100


def test_who_is_not_in_the_gallery_counts_as_wrong_and_is_counted():
    found = by_view(CASIA, compared(*GALLERY, ("a", "nm-05", "0", 0), ("z", "nm-05", "0", 0)))["NM"]
    assert (found.ranks[1], found.unanswerable, found.n) == (50, 1, 2)


def test_conditions_that_nobody_walked_are_left_out():
    found = by_view(CASIA, compared(*GALLERY, ("a", "cl-01", "0", 0)))
    assert list(found) == ["CL"]


def test_casia_e_leaves_view_270_out():
    walks = [("a", "H-scene1-nm-1", view, 0) for view in ("000", "090", "270")]
    walks += [("a", "L-scene3_s-bg-2", view, 1) for view in ("000", "270")]
    found = by_view(PROTOCOLS["casia-e"], compared(*walks))
    assert list(found) == ["BG"] and found["BG"].tables.views == ["000", "090"]


@pytest.mark.parametrize("evaluate", [by_view, cross_view, pairs])
def test_other_datasets_are_refused_with_their_types(evaluate):
    protocol = PROTOCOLS["ccpg"] if evaluate is pairs else CASIA
    with pytest.raises(InputError, match=r"none of the 1 walks .* Types here: 03\. Is it the right --protocol\?"):
        evaluate(protocol, compared(("a", "03", "0", 0)))


def test_a_cross_view_gallery_is_not_everybodys():
    with pytest.raises(ConfigError, match="casia-b and oumvlp have"):
        cross_view(PROTOCOLS["casia-e"], compared(*GALLERY))


def test_listed_probes_that_are_not_there_are_refused():
    with pytest.raises(InputError, match="0 probes and 4 gallery walks among 4"):
        whole(PROTOCOLS["gait3d"], compared(*GALLERY), listed=["x-y-z"])


def test_re_ranking_brings_walks_forward_that_share_neighbours():
    """The probe's nearest walk has six nearer neighbours of its own; those of the right person have the probe."""
    right = [("a", "g", "0", 1 + 0.01 * step) for step in range(5)]
    strangers = [("c", "g", "0", -1.2 - 0.01 * step) for step in range(6)]
    data = dataset(("a", "p", "0", 0), ("b", "g", "0", -0.9), *strangers, *right)
    plain, better = (
        whole(PROTOCOLS["gait3d"], Ranking(data, "euclidean"), listed=["a-p-0"], rerank=rerank)["all"]
        for rerank in (None, "float32")
    )
    assert (plain.ranks[1], better.ranks[1]) == (0, 100)
    assert better.precision > plain.precision


def test_more_walks_than_memory_holds_are_not_re_ranked(monkeypatch):
    monkeypatch.setattr(reranking, "MOST_SAMPLES", 3)
    with pytest.raises(ConfigError, match="re-ranking 4 walks would need"):
        whole(PROTOCOLS["gait3d"], compared(*GALLERY), listed=["a-nm-01-0"], rerank="float32")


def test_a_submission_needs_probes():
    with pytest.raises(InputError, match="0 probes and 4 gallery walks"):
        submission(PROTOCOLS["hid"], dataset(*GALLERY), "euclidean")


def test_classes_that_nobody_is_do_not_spoil_the_averages():
    scores = np.zeros((4, 3, 2), np.float32)
    scores[[0, 1, 2, 3], [0, 0, 1, 0]] = 1
    types = np.array(["negative", "negative", "neutral", "neutral"])
    empty = np.array([""] * 4)
    found = class_scores(DatasetFeatures(scores, empty, types, empty), PROTOCOLS["scoliosis1k"].names)
    precision, recall = [2 / 3, 1], [1, 1 / 2]
    f1 = [2 * p * r / (p + r) for p, r in zip(precision, recall, strict=True)]
    expected = {"accuracy": 3 / 4, "precision": np.mean(precision), "recall": np.mean(recall), "f1": np.mean(f1)}
    assert found == pytest.approx({name: 100 * value for name, value in expected.items()})


def test_other_classes_are_refused():
    data = dataset(("a", "fine", "0", 0))
    with pytest.raises(InputError, match="found 2 and the type fine"):
        class_scores(data, PROTOCOLS["scoliosis1k"].names)
