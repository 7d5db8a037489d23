"""Which walks a protocol means."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.research.arranging.partitions import probes_of, rule_of
from pipeline.research.evaluation.datasets.protocols import PROTOCOLS, Types, identities_of_test, protocol_of


def test_types_are_exact_names_unless_parts_of_names_are_meant():
    types = np.array(["nm-01", "nm-011", "01-nm"])
    assert Types(("nm-01",)).of(types).tolist() == [True, False, False]
    assert Types(("nm",), contained=True).of(types).tolist() == [True, True, True]


@pytest.mark.parametrize(
    ("dataset", "protocol"),
    [("CASIA-B", "casia-b"), ("OUMVLP", "oumvlp"), ("Gait3D-Parsing", "gait3d"), ("GREW", "grew"), ("HID", "hid"),
     ("CASIA-E", "casia-e"), ("SUSTech1K", "sustech1k"), ("CCPG", "ccpg"), ("synth", None)],
)  # fmt: skip
def test_opengaits_names_of_datasets(dataset, protocol):
    assert protocol_of(dataset) == protocol


def test_the_authors_rules_name_the_test_set():
    numbers = [f"{number:03d}" for number in range(1, 125)]
    assert identities_of_test("casia-b", numbers) == numbers[74:]
    assert identities_of_test("oumvlp", ["00001", "00002", "10306", "notes"]) == ["00002", "10306"]
    assert identities_of_test("freegait", numbers) is None


@pytest.mark.parametrize(
    ("dataset", "people", "trained", "tested"),
    [("Gait3D-Parsing", 4000, 3000, 1000), ("Scoliosis1K", 1493, 745, 748), ("CCGR-MINI", 1001, 571, 400)],
)
def test_people_drawn_by_lot_are_as_many_as_the_authors_say(dataset, people, trained, tested):
    rule = rule_of(dataset)
    named = [rule(f"{number:04d}") for number in range(people)]
    assert (named.count(True), named.count(False)) == (trained, tested)
    assert rule("notes") is None and rule(str(people + 1)) is None


def test_each_of_gait3ds_tested_people_has_one_probe():
    probes, rule = probes_of("gait3d"), rule_of("gait3d")
    assert len(probes) == len({name[:4] for name in probes}) == 1000
    assert all(rule(name[:4]) is False for name in probes)
    assert {"0002-camid33_videoid2-seq0", "0073-camid34_videoid3-seq3", "3064-camid29_videoid1-seq0"} <= {*probes}
    assert probes_of("grew") == ()


def test_casia_es_probes_are_36_types():
    names = [name for types in PROTOCOLS["casia-e"].conditions.values() for name in types.names]
    assert len(names) == len(set(names)) == 36
    assert {"H-scene2-nm-1", "L-scene3_s-cl-2", "H-scene3-bg-2"} <= set(names)
