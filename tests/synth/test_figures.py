"""Made-up walkers: the same seed gives the same film, and different people differ."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pipeline.synth.figures import figures, write_street
from pipeline.video import open_video


def film(path: Path, seed: int) -> list[np.ndarray]:
    write_street(path, figures(3, seed=7), 0.4, seed, size=(320, 180), fps=25)
    with open_video(path) as video:
        return [frame.image for frame in video]


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "other"):
        film(tmp_path / f"{name}.mp4", seed=3)
    assert (tmp_path / "one.mp4").read_bytes() == (tmp_path / "other.mp4").read_bytes()


def test_people_move_and_another_seed_is_another_film(tmp_path: Path) -> None:
    one, other = film(tmp_path / "one.mp4", seed=3), film(tmp_path / "other.mp4", seed=4)
    assert len(one) == 10 and one[0].shape == (180, 320, 3)
    assert np.abs(one[0].astype(int) - one[-1]).max() > 60  # limbs have moved
    assert np.abs(one[0].astype(int) - other[0]).max() > 60


def test_people_differ_from_each_other() -> None:
    people = figures(6, seed=1)
    assert len({(one.stature, one.pace, one.shirt) for one in people}) == 6
    assert people == figures(6, seed=1)
