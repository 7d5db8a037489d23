"""What a trained encoder has to beat: silhouettes averaged, their gradients, and networks that were never trained."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pipeline.config import Config
from pipeline.errors import ConfigError
from pipeline.research.evaluation.clips import Contestant

MANY_FRAMES = 720  # of the baselines that look at a silhouette for microseconds, as in the light profile
NETWORK_FRAMES = 60  # of untrained networks, at most: the default of trained ones


def baselines_beside(config: Config, seeds: int, taken: Sequence[str]) -> list[Contestant]:
    """What a trained encoder has to beat, on the silhouettes and with the mirroring of `config`.

    gei: part-wise Gait Energy Image, Euclidean; hog: HOG of it, cosine; untrained: a network with random weights,
    cosine, the mean over `seeds` of them.
    """

    def with_encoder(encoder: str, metric: str, **settings: Any) -> Config:
        own = {"encoder": encoder, "checkpoint": None, "card": None, "features": "embeddings", "parts": 16, **settings}
        return config.model_copy(
            update={
                "recognition": config.recognition.model_copy(update=own),
                "matching": config.matching.model_copy(update={"metric": metric}),
            }
        )

    few = min(config.recognition.max_frames, NETWORK_FRAMES)
    found = [
        Contestant("gei", [with_encoder("gei", "euclidean", max_frames=MANY_FRAMES)]),
        Contestant("hog", [with_encoder("hog", "cosine", max_frames=MANY_FRAMES)]),
        Contestant(
            "untrained", [with_encoder("untrained", "cosine", max_frames=few, seed=seed) for seed in range(seeds)]
        ),
    ]
    for one in found:
        if one.name in taken:
            raise ConfigError(f"--baselines: {one.name!r} is the name of a --config already. Rename the file.")
    return found
