"""The made-up people who are shipped: made by a command, read by the program."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pipeline.commands.synth import synth_cohort
from pipeline.errors import ConfigError
from pipeline.recognition import made_up


def test_the_shipped_people_are_what_the_command_makes(shared: Path, tmp_path: Path) -> None:
    """Up to how this machine rounds: the first four of them, pixel by pixel and joint by joint."""
    synth_cohort(tmp_path / "few.npz", people=4, seed=2026, checkpoints=shared / "checkpoints")
    with np.load(tmp_path / "few.npz") as made, np.load(made_up.FILE) as shipped:
        assert made["people"].tolist() == shipped["people"][:12].tolist()
        np.testing.assert_allclose(made["headings"], shipped["headings"][:12])
        walks = [np.split(file["masks"], np.cumsum(file["lengths"])[:-1])[:12] for file in (made, shipped)]
        alike = [one.shape == other.shape and (one == other).mean() > 0.98 for one, other in zip(*walks, strict=True)]
        assert sum(alike) >= 10
        assert np.isfinite(made["keypoints"]).all() and made["keypoints"].shape[1:] == (17, 3)


@pytest.mark.parametrize("wrong", [{"people": 3, "seed": 0}, {"people": 4, "seed": -1}])
def test_what_makes_no_sense_is_refused(tmp_path: Path, wrong: dict[str, int]) -> None:
    with pytest.raises(ConfigError, match="--people must be at least 4"):
        synth_cohort(tmp_path / "x.npz", **wrong)
    assert not list(tmp_path.iterdir())
