"""The weights that are shipped, on people who do not exist and were not trained on: far better than a GEI."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from pipeline.config import Config
from pipeline.matching.distance import distance_matrix
from pipeline.profiles import load_config
from pipeline.recognition import open_encoder
from pipeline.research.synth.silhouette import sequences
from pipeline.types import SilhouetteSequence
from pipeline.weights.cards import cards
from pipeline.weights.checkpoints import resolve

PEOPLE = 16
SEED = 77  # the training's is 1


@pytest.fixture(scope="module")
def walks() -> list[list[SilhouetteSequence]]:
    """Two walks each of 16 people, from the side, by cameras and in clothes of their own."""
    found = []
    for number in range(PEOPLE):
        drawn = sequences((SEED, number), count=20, frames=24, kinds=("nm",))
        pair = islice((walk for walk in drawn if 60 <= walk.view <= 120 or 240 <= walk.view <= 300), 2)
        found.append(
            [
                SilhouetteSequence(
                    str(i), number + 1, walk.masks, np.arange(24), {"heading": 1 if walk.view > 180 else -1}
                )
                for i, walk in enumerate(pair)
            ]
        )
    return found


def rank1(walks: list[list[SilhouetteSequence]], config: Config) -> float:
    recognition = config.recognition
    checkpoint = resolve(recognition.checkpoint, None) if recognition.checkpoint else None
    encoder = open_encoder(recognition, config.runtime, checkpoint)
    first, second = (encoder.encode([pair[side] for pair in walks]) for side in (0, 1))
    nearest = distance_matrix(second, first, config.matching.metric).argmin(axis=1)
    return float((nearest == np.arange(PEOPLE)).mean())


def test_they_tell_strangers_apart_better_than_their_mean_silhouettes(walks: list[list[SilhouetteSequence]]) -> None:
    ours = rank1(walks, load_config("offline"))
    gei = rank1(walks, load_config("light", ["recognition.encoder=gei", "matching.metric=euclidean"]))
    assert ours >= 0.5
    assert ours >= gei + 0.15


def test_they_are_found_without_any_folder_of_checkpoints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GAIT_CHECKPOINTS", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    found = resolve("gaitbase_synth", None)
    assert found.sha256 == cards()["gaitbase_synth"].sha256
    assert found.path.stat().st_size < 8_000_000
