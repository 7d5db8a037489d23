"""Backends are found by name, imported when they are wanted, and every name that is listed leads somewhere."""

from __future__ import annotations

import pytest

from pipeline.errors import ConfigError
from pipeline.recognition import ENCODERS
from pipeline.recognition.model import Model
from pipeline.registry import load_backend
from pipeline.segmentation import SEGMENTERS
from pipeline.tracking import DETECTORS, TRACKERS

LISTED = [(table, name) for table in (DETECTORS, TRACKERS, SEGMENTERS, ENCODERS) for name in table]


@pytest.mark.parametrize(("table", "name"), LISTED, ids=[name for _, name in LISTED])
def test_every_listed_backend_is_there(table, name):
    backend = load_backend(table, name, "a.setting")
    assert callable(backend) or (isinstance(backend, Model) and backend.name == name)


def test_an_unknown_name_says_the_setting_and_the_nearest():
    with pytest.raises(ConfigError, match=r"tracking\.detector: no 'yolo'; did you mean 'yolox'\? Known: motion"):
        load_backend(DETECTORS, "yolo", "tracking.detector")


def test_a_name_like_none_at_all_gets_the_list():
    with pytest.raises(ConfigError, match=r"recognition\.encoder: no 'xyz'; Known: .*gei"):
        load_backend(ENCODERS, "xyz", "recognition.encoder")
