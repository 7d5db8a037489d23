"""Which encoders labelled clips can be shown to."""

from __future__ import annotations

import pytest

from pipeline.errors import ConfigError
from pipeline.profiles import load_config
from pipeline.research.evaluation.clip_study import open_clip_encoder
from pipeline.types import Modality

GRAPH = ["recognition.encoder=gaitgraph1", "recognition.checkpoint=gaitgraph_casiab"]


def test_a_network_for_joints_is_opened_where_joints_are_kept(shared):
    config = load_config("light", GRAPH)
    assert open_clip_encoder(config, shared / "checkpoints", config).needs == (Modality.KEYPOINTS,)


def test_where_the_first_settings_find_no_joints_it_is_said_how_they_do(shared):
    silhouettes = load_config()
    with pytest.raises(ConfigError, match=r"needs keypoints.*set pose\.always=true"):
        open_clip_encoder(load_config("light", GRAPH), shared / "checkpoints", silhouettes)
    found = load_config("light", ["pose.always=true"])
    assert open_clip_encoder(load_config("light", GRAPH), shared / "checkpoints", found)


def test_a_network_for_pictures_of_people_is_refused_before_its_weights_are_looked_for(tmp_path):
    config = load_config("biggergait")
    with pytest.raises(ConfigError, match=r"looks at pictures of people.*silhouettes or joints"):
        open_clip_encoder(config, tmp_path, config)
