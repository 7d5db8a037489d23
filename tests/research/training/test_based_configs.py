"""A training's settings that are based on another's."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.errors import ConfigError
from pipeline.research.training.config import load_training_config


def test_a_file_says_only_what_it_changes(tmp_path):
    (tmp_path / "mine.yaml").write_text(
        "base: gaitbase_gait3d\n"
        "data_cfg: {dataset_partition: mine.json}\n"
        "trainer_cfg: {sampler: {batch_size: [2, 3]}, transform: []}\n"
    )
    (tmp_path / "again.yaml").write_text("base: mine.yaml\ntrainer_cfg: {total_iter: 7}\n")
    ours, base = load_training_config(str(tmp_path / "again.yaml")), load_training_config("gaitbase_gait3d")
    trainer = ours.trainer_cfg
    assert (trainer.total_iter, trainer.sampler.batch_size, list(trainer.transform)) == (7, (2, 3), [])
    assert (base.data_cfg.dataset_partition, ours.data_cfg.dataset_partition) == (None, Path("mine.json"))
    assert trainer.sampler.frames_num_max == base.trainer_cfg.sampler.frames_num_max == 50
    assert (ours.model_cfg, ours.loss_cfg, ours.unsupported) == (base.model_cfg, base.loss_cfg, ())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("base: gaitbase_gait3", r"mine\.yaml: base: no training configuration 'gaitbase_gait3'.*gaitbase_gait3d"),
        ("base: gone.yaml", r"mine\.yaml: base: .*gone\.yaml: no such training configuration"),
        ("base: [gaitset_casiab]", r"mine\.yaml: base must be the name"),
        ("base: mine.yaml", r"mine\.yaml is itself based on mine\.yaml"),
        ("base: other.yaml", r"other\.yaml: base: mine\.yaml is itself based on other\.yaml"),
    ],
)
def test_bases_that_are_none_are_refused(tmp_path, text, said):
    (tmp_path / "mine.yaml").write_text(text)
    (tmp_path / "other.yaml").write_text("base: mine.yaml")
    with pytest.raises(ConfigError, match=said):
        load_training_config(str(tmp_path / "mine.yaml"))
