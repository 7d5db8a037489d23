"""Small datasets of made-up walkers in OpenGait's layout."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np


def silhouettes(seed: int, frames: int = 12, height: int = 64, width: int = 44, jitter: int = 0) -> np.ndarray:
    """A walk T×H×W uint8: a body built after `seed`, with legs that swing; jitter makes another take of it."""
    build, take = np.random.default_rng(seed), np.random.default_rng((seed, jitter))
    shoulder, waist, head = build.uniform(6, 12), build.uniform(4, 9), build.uniform(3, 6)
    stride, arm, phase = build.uniform(4, 14), build.uniform(0, 6), take.uniform(0, 2 * np.pi)
    rows, columns = np.mgrid[:height, :width] * (64 / height)
    centre = width / 2 * (64 / height)
    masks = np.zeros((frames, height, width), np.uint8)
    for index in range(frames):
        swing = np.sin(phase + index * 0.6)
        torso = (rows >= 12) & (rows < 36) & (np.abs(columns - centre) < np.where(rows < 24, shoulder, waist))
        skull = (rows - 6) ** 2 + (columns - centre) ** 2 < head**2
        legs = np.zeros_like(torso)
        for side in (-1, 1):
            lean = side * swing * stride * (rows - 34) / 30
            legs |= (rows >= 34) & (np.abs(columns - centre - lean) < 3)
        arms = (rows >= 16) & (rows < 34) & (np.abs(columns - centre - swing * arm * (rows - 16) / 18) < shoulder)
        masks[index] = np.where(torso | skull | legs | arms, 255, 0)
    noise = take.random(masks.shape) < 0.01
    return np.where(noise, 255 - masks, masks).astype(np.uint8)


def write_dataset(
    root: Path,
    identities: int = 6,
    types: tuple[str, ...] = ("nm-01", "nm-02", "bg-01"),
    views: tuple[str, ...] = ("000", "090"),
    held_out: int = 2,
    frames: int = 12,
    size: tuple[int, int] = (64, 44),
    names: list[str] | None = None,
) -> Path:
    """root/001/nm-01/000/000.pkl … with root/partition.json whose last `held_out` identities are the test set.

    names: of the identities, instead of numbers from 1 on.
    """
    names = names or [f"{number + 1:03d}" for number in range(identities)]
    for number, name in enumerate(names):
        for take, (kind, view) in enumerate((kind, view) for kind in types for view in views):
            folder = root / name / kind / view
            folder.mkdir(parents=True)
            walk = silhouettes(number, frames + take % 3, *size, jitter=take)
            (folder / f"{view}.pkl").write_bytes(pickle.dumps(walk))
    partition = {"TRAIN_SET": names[: identities - held_out], "TEST_SET": names[identities - held_out :]}
    (root / "partition.json").write_text(json.dumps(partition))
    return root
