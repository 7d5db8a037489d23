"""A stage's choices are found by name, imported when they are used, and every listed name leads somewhere."""

from __future__ import annotations

import pytest

from pipeline import registry
from pipeline.errors import ConfigError
from pipeline.recognition import ENCODERS
from pipeline.recognition.model import Model
from pipeline.segmentation import SEGMENTERS
from pipeline.tracking import DETECTORS, TRACKERS

TABLES = {"detectors": DETECTORS, "trackers": TRACKERS, "segmenters": SEGMENTERS, "encoders": ENCODERS}


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_every_listed_choice_is_there(table):
    for name in table:
        found = registry.load(table, name, "a.setting")
        assert callable(found) or (isinstance(found, Model) and found.name == name), name


def test_an_unknown_name_says_the_setting_and_the_nearest():
    with pytest.raises(ConfigError, match=r"tracking\.detector: no 'yolo'; did you mean 'yolox'\? Known: motion"):
        registry.load(DETECTORS, "yolo", "tracking.detector")


def test_a_name_like_none_at_all_gets_the_list():
    with pytest.raises(ConfigError, match=r"recognition\.encoder: no 'xyz'; Known: .*gei"):
        registry.load(ENCODERS, "xyz", "recognition.encoder")
