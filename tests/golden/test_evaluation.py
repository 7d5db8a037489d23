"""OpenGait's evaluation, to the digit: every item of golden/evaluation (its README.txt says what each is)."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

from pipeline.research.evaluation.datasets.features import DatasetFeatures
from pipeline.research.evaluation.datasets.protocols import PROTOCOLS
from pipeline.research.evaluation.datasets.ranking import Ranking, Search
from pipeline.research.evaluation.datasets.rerank import rerank
from pipeline.research.evaluation.datasets.retrieval import distances
from pipeline.research.evaluation.datasets.submission import submission
from pipeline.research.evaluation.tables import by_view, class_scores, cross_view, pairs, whole

METRICS = {"euc": "euclidean", "cos": "cosine"}
EXACT = {"rel": 0, "abs": 1e-12}


@pytest.fixture(scope="module")
def reference(golden):
    folder = golden("evaluation")
    return (
        np.load(folder / "input.npz", allow_pickle=False),
        np.load(folder / "output.npz", allow_pickle=False),
        json.loads((folder / "result.json").read_text()),
    )


def features(arrays, case):
    embeddings, types = arrays[f"{case}_embeddings"], arrays[f"{case}_types"]
    labels, views = (
        arrays[f"{case}_{name}"] if f"{case}_{name}" in arrays else np.full(len(types), "")
        for name in ("labels", "views")
    )
    return DatasetFeatures(embeddings, labels, types, views)


def scalars(result):
    return {name.rpartition("/")[2]: value for name, value in result.items()}


def logged(log, start):
    """The numbers of the first logged line that begins so."""
    line = next(line for line in log if line.startswith(start))
    return [float(number) for number in re.findall(r"-?\d+\.\d+", line)]


def after(log, title):
    """The line that follows a title."""
    return log[log.index(title) + 1]


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize(
    ("case", "protocol"), [("casiab", "casia-b"), ("oumvlp", "oumvlp"), ("sustech1k", "sustech1k")]
)
def test_tables_by_view(reference, case, protocol, metric):
    inputs, _, results = reference
    expected = results[f"{case}/{metric}"]
    found = by_view(PROTOCOLS[protocol], Ranking(features(inputs, case), METRICS[metric]))
    names = {
        name.removesuffix("@R1").replace("Umberalla", "Umbrella"): value
        for name, value in scalars(expected["result"]).items()
    }
    assert {name: one.ranks[1] for name, one in found.items()} == pytest.approx(names, **EXACT)
    for name, one in found.items():
        text = " ".join(expected["log"]).replace("Umberalla", "Umbrella")
        row = re.search(rf"{name}@R1: \[([^\]]*)\]", text)[1].split()
        assert [f"{value:.2f}" for value in one.tables.by_view(one.tables.ranks[1])] == row
    if protocol == "sustech1k":
        for k in (1, 5):
            line = next(line for line in expected["log"] if f"Normal@R{k}: " in line and "%" in line)
            rates = dict(re.findall(rf"(\w+)@R{k}: ([\d.]+)%", line.replace("Umberalla", "Umbrella")))
            assert {name: f"{one.ranks[k]:.2f}" for name, one in found.items()} == rates


@pytest.mark.parametrize("metric", METRICS)
def test_the_cross_view_gallery(reference, metric):
    inputs, _, results = reference
    expected = scalars(results[f"casiab_cross_view_gallery/{metric}"]["result"])
    found = cross_view(PROTOCOLS["casia-b"], Ranking(features(inputs, "casiab"), METRICS[metric]))
    mine = {f"{name}-Rank@1": one.ranks[1] for name, one in found.items()}
    mine |= {f"{name}-mAP": one.precision for name, one in found.items()}
    assert mine == pytest.approx(expected, **EXACT)


@pytest.mark.parametrize("metric", METRICS)
def test_gait3d(reference, golden, metric):
    inputs, _, results = reference
    expected = scalars(results[f"gait3d/{metric}"]["result"])
    data = features(inputs, "gait3d")
    # The partition is not part of the reference: probes are the first walk of each identity, and what has its name.
    names = ["-".join(name) for name in zip(data.labels, data.types, data.views, strict=True)]
    probes = [names[row] for row in np.unique(data.labels, return_index=True)[1]]
    found = whole(PROTOCOLS["gait3d"], Ranking(data, METRICS[metric]), listed=probes)["all"]
    mine = {f"Rank-{k}": found.ranks[k] for k in (1, 5, 10)} | {"mAP": found.precision, "mINP": found.penalty}
    assert mine == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("metric", METRICS)
def test_grew_in_the_wild(reference, metric):
    inputs, _, results = reference
    expected = results[f"real_scene_GREW/{metric}"]
    found = whole(PROTOCOLS["grew"], Ranking(features(inputs, "real_scene_GREW"), METRICS[metric]))["all"]
    assert [f"{found.ranks[k]:.3f}" for k in (1, 5, 10, 20)] == expected["log"][1::2]


@pytest.mark.parametrize("metric", METRICS)
def test_the_grew_submission(reference, metric):
    inputs, _, results = reference
    data = features(inputs, "grew_submission")
    expected = results[f"grew_submission/{metric}"]["csv"]
    assert submission(PROTOCOLS["grew-submission"], data, METRICS[metric], as_opengait=True) == expected
    once = submission(PROTOCOLS["grew-submission"], data, METRICS[metric]).splitlines()
    for line, reference_line in zip(once[1:], expected.splitlines()[1:], strict=True):
        name, *answers = line.split(",")
        assert len(set(answers)) == 20, "every place names somebody else"
        distinct = list(dict.fromkeys(reference_line.split(",")[1:]))
        assert [name, *answers[: len(distinct)]] == [reference_line.split(",")[0], *distinct]


@pytest.mark.parametrize("rerank", [True, False])
@pytest.mark.parametrize("half", [True, False], ids=["float16", "float32"])
def test_the_hid_submission(reference, rerank, half):
    inputs, _, results = reference
    found = submission(PROTOCOLS["hid"], features(inputs, "hid"), "euclidean", rerank=rerank, as_opengait=half)
    assert found == results[f"hid_submission/rerank_{rerank}/csv"]


@pytest.mark.parametrize("metric", METRICS)
def test_ccpg(reference, metric):
    inputs, _, results = reference
    expected = results[f"ccpg/{metric}"]
    found = pairs(PROTOCOLS["ccpg"], Ranking(features(inputs, "ccpg"), METRICS[metric]))
    assert list(found) == ["CL", "UP", "DN", "BG"]
    for name, table in scalars(expected["result"]).items():  # OpenGait returns the last of the ranks it looked at
        one = found[name].tables
        assert one.ranks[1].tolist() == table, name
    of = "(Exclude identical-view cases for Person Re-Identification)==="
    lines = {
        f"===Rank-1 {of}": lambda one: one.reid.ranks[1],
        f"===mAP {of}": lambda one: one.reid.precision,
        f"===mINP {of}": lambda one: one.reid.penalty,
        "===Rank-1 (Include identical-view cases)===": lambda one: one.identical[1],
        "===Rank-1 (Exclude identical-view cases)===": lambda one: one.ranks[1],
    }
    for title, figure in lines.items():
        mine = ",\t".join(f"{name}: {figure(one):.3f}" for name, one in found.items())
        assert mine == after(expected["log"], title).strip(), title
    for name, one in found.items():
        assert [f"{value:.2f}" for value in one.tables.by_view(one.tables.ranks[1])] == [
            f"{value:.2f}" for value in logged(expected["log"], f"{name}: [")
        ]


def test_scoliosis(reference):
    inputs, _, results = reference
    expected = {
        name.split("/")[1].removeprefix("test_"): 100 * value for name, value in results["scoliosis"]["result"].items()
    }
    assert class_scores(features(inputs, "scoliosis"), PROTOCOLS["scoliosis1k"].names) == pytest.approx(expected)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("rows", [None, 5], ids=["at once", "in blocks"])
def test_distances(reference, assert_close_to_rms, monkeypatch, metric, rows):
    inputs, outputs, _ = reference
    if rows:
        monkeypatch.setattr("pipeline.research.evaluation.datasets.retrieval.BLOCK_VALUES", rows * len(inputs["m_y"]))
    found = distances(inputs["m_x"], inputs["m_y"], METRICS[metric])
    assert_close_to_rms(found, outputs[f"cuda_dist_{metric}"], 1e-6)


@pytest.fixture
def search(reference):
    inputs, _, _ = reference
    names = [np.concatenate([inputs[f"m_{side}{name}"] for side in "qg"]).astype(str) for name in ("pid", "view")]
    embeddings = np.concatenate([inputs["m_x"], inputs["m_y"]])
    data = DatasetFeatures(embeddings, names[0], np.full(len(embeddings), ""), names[1])
    is_probe = np.arange(len(embeddings)) < len(inputs["m_x"])
    return lambda **how: Ranking(data, "euclidean").retrieve([Search(is_probe, ~is_probe, **how)])[0]


def test_ranks_precision_and_penalty(reference, search):
    _, outputs, results = reference
    found = search()
    np.testing.assert_allclose(found.cmc(20), outputs["rank_cmc"], rtol=1e-6)
    np.testing.assert_allclose(found.precision, outputs["rank_ap"], rtol=1e-12)
    np.testing.assert_allclose(found.penalty, outputs["rank_inp"], rtol=1e-12)
    figures = [found.cmc(1)[0], found.mean_precision()]
    np.testing.assert_allclose(figures, results["compute_ACC_mAP_noviews"], rtol=1e-12)


def test_without_the_own_view(reference, search):
    _, outputs, results = reference
    found = search(same_view=False)
    np.testing.assert_allclose(found.cmc(10), outputs["many_cmc"], rtol=1e-6)
    figures = [found.mean_precision(), found.mean_penalty()]
    np.testing.assert_allclose(figures, outputs["many_mAP_mINP"], rtol=1e-12)
    np.testing.assert_allclose([found.cmc(1)[0], figures[0]], results["compute_ACC_mAP"], rtol=1e-12)


@pytest.mark.parametrize(("k1", "k2", "weight"), [(6, 6, 0.3), (20, 6, 0.3), (6, 1, 0.5)])
def test_re_ranking(reference, k1, k2, weight):
    _, outputs, _ = reference
    expected = outputs[f"rerank_k1_{k1}_k2_{k2}_lambda_{weight}"]
    among_all, probes = outputs["rerank_input_dist"], len(expected)
    np.testing.assert_array_equal(rerank(among_all, probes, k1, k2, weight, half=True), expected)
    np.testing.assert_allclose(rerank(among_all, probes, k1, k2, weight), expected, atol=2e-3)
