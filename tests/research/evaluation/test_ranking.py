"""The same figures from blocks, and from several processes."""

from __future__ import annotations

import gc
import multiprocessing
import signal
import threading
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from pipeline.errors import ConfigError, GaitError
from pipeline.profiles import load_config
from pipeline.research.evaluation.datasets import ranking, retrieval
from pipeline.research.evaluation.datasets.features import DatasetFeatures
from pipeline.research.evaluation.datasets.protocols import PROTOCOLS
from pipeline.research.evaluation.datasets.ranking import Ranking, Search
from pipeline.research.evaluation.tables import by_view, cross_view, pairs, whole
from pipeline.research.training.data.processes import in_processes

TYPES = {"casia-b": ("nm-01", "nm-02", "nm-05", "bg-01", "cl-01", "cl-02"), "ccpg": ("U0_D0", "U1_D1", "U0_D0_BG"),
         "grew": ("01", "02")}  # fmt: skip


def made_up(types, count=360, seed=0):
    rng = np.random.default_rng(seed)
    people = rng.integers(0, 12, count)
    features = rng.normal(size=(12, 8, 3))[people] + 1.5 * rng.normal(size=(count, 8, 3))
    return DatasetFeatures(
        features.astype(np.float32),
        people.astype(str),
        rng.choice(types, count),
        rng.choice(["000", "090", "180"], count),
    )


@pytest.fixture
def small_blocks(monkeypatch):
    monkeypatch.setattr(retrieval, "BLOCK_VALUES", 7 * 70)


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_blocks_give_what_all_at_once_gives(monkeypatch, metric):
    data = made_up(("01", "02"))
    search = Search(data.types == "02", data.types == "01", same_view=False)
    (once,) = Ranking(data, metric).retrieve([search])
    monkeypatch.setattr(retrieval, "BLOCK_VALUES", 7 * 70)
    (piecewise,) = Ranking(data, metric).retrieve([search])
    np.testing.assert_array_equal(piecewise.first, once.first)
    np.testing.assert_allclose(piecewise.precision, once.precision, rtol=1e-12)


@pytest.mark.parametrize(
    ("tables", "protocol"), [(by_view, "casia-b"), (cross_view, "casia-b"), (pairs, "ccpg"), (whole, "grew")]
)
def test_two_processes_give_what_one_gives(small_blocks, tmp_path, monkeypatch, tables, protocol):
    asked = []
    monkeypatch.setattr(ranking, "in_processes", lambda *given: asked.append(given[2]) or in_processes(*given))
    data = made_up(TYPES[protocol])
    one = tables(PROTOCOLS[protocol], Ranking(data, "euclidean"))
    two = tables(PROTOCOLS[protocol], Ranking(data, "euclidean", processes=2, scratch=tmp_path))
    assert repr(one) == repr(two) and 20 < one[next(iter(one))].ranks[1] < 100
    assert set(asked) == {2} and not list(tmp_path.iterdir())


def test_a_process_that_dies_is_an_error_not_a_wait():
    with pytest.raises(GaitError, match="one of 2 processes died, perhaps for want of memory"):
        list(in_processes(abs, [1, 2, 3], 2, partial(signal.raise_signal, signal.SIGKILL)))


def test_what_keeps_a_process_from_its_work_is_told_as_itself():
    with pytest.raises(ConfigError, match="no profile 'nosuch'"):
        list(in_processes(abs, [1, 2, 3], 2, partial(load_config, "nosuch")))


def test_no_process_and_no_thread_is_left_where_the_caller_stops():
    found = in_processes(time.sleep, [0, 60, 60], 2, gc.collect)
    next(found)
    before = threading.active_count()
    found.close()
    assert not multiprocessing.active_children() and threading.active_count() < before


def test_nothing_is_left_behind_where_it_fails(small_blocks, tmp_path, monkeypatch):
    data = made_up(TYPES["grew"])
    monkeypatch.setattr(Ranking, "_counted", lambda self, one: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        whole(PROTOCOLS["grew"], Ranking(data, "euclidean", processes=2, scratch=Path(tmp_path)))
    assert not list(tmp_path.iterdir())
