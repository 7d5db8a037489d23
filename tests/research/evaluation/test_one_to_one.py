"""How often `gait verify` would be right on labelled clips."""

from __future__ import annotations

import json

import numpy as np
import pytest

from pipeline.commands.evaluate import show_one_to_one
from pipeline.profiles import load_config
from pipeline.recognition.made_up import made_up_walks
from pipeline.research.evaluation.clip_study import open_clip_encoder
from pipeline.research.evaluation.one_to_one import figures_of, one_to_one


def test_verdicts_are_counted_for_pairs_of_one_person_and_of_two(capsys):
    config = load_config()
    encoder = open_clip_encoder(config, None, config)  # its weights are shipped
    walks, people = made_up_walks()
    pairs = [(i, j) for i in range(30) for j in range(i)]
    same = np.array([people[i] == people[j] for i, j in pairs])
    found = figures_of(walks[:30], pairs, same, encoder, config)
    assert found["pairs"] == [30, 405]
    assert sum(found["same"]) == pytest.approx(1, abs=1e-3) and sum(found["different"]) == pytest.approx(1, abs=1e-3)
    assert found["same"][0] > found["different"][0] and found["different"][1] > found["same"][1]
    assert found["eer"] < 0.45 and found["ece"] < 0.35 and 0 <= found["inside"] <= 10
    assert json.loads(json.dumps(found)) == found
    show_one_to_one({"light": {"one_to_one": found}, "lda": {"one_to_one": None}})
    said = capsys.readouterr().out
    assert "one to one" in said and "lda" not in said


def test_nothing_is_said_where_the_settings_learn_from_a_gallery():
    config = load_config(overrides=["matching.transform=lda"])
    assert one_to_one([], None, None, config) is None
