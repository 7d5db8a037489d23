"""The made-up people who are shipped with the program, so that a distance can be judged where nobody has labels."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.files import atomic
from pipeline.recognition.made_up import LEVELS
from pipeline.research.synth.body import draw_outfit
from pipeline.research.synth.camera import TURN, draw_shot, draw_side, turned
from pipeline.research.synth.dataset import light_segmenter, segment_walk
from pipeline.research.synth.silhouette import SIDEWAYS, Person, film_outlines, person
from pipeline.types import FloatArray

KINDS = ("nm", "bg", "cl")  # a walk of each
FRAMES = 12  # kept of a walk, at half the camera's rate: a second or so
LEAST = 8  # usable ones
ATTEMPTS = 5  # cameras and outfits that are tried for a walk

Walk = tuple[NDArray[np.uint8], FloatArray, float]  # T×64×44, T×17×3, heading


def write_cohort(path: Path, people: int, seed: int, checkpoints: Path | None = None) -> Iterator[int]:
    """Write the walks of so many people as `recognition/made_up.py` reads them; yields each person's number when done.

    Raises CheckpointError where the light profile's segmenter has no weights.
    """
    walks: list[Walk] = []
    whose: list[int] = []
    for number in range(people):
        found = [
            _walk(person((seed, number)), kind, (seed, number, place), checkpoints) for place, kind in enumerate(KINDS)
        ]
        walks += found
        whose += [number] * len(found)
        yield number
    with atomic(path) as stream:
        np.savez_compressed(
            stream,
            masks=np.round(np.concatenate([masks for masks, _, _ in walks]) / LEVELS).astype(np.uint8),
            keypoints=np.concatenate([joints for _, joints, _ in walks]).astype(np.float16),
            lengths=np.array([len(masks) for masks, _, _ in walks]),
            headings=np.array([heading for _, _, heading in walks]),
            people=np.array(whose),
        )


def _walk(who: Person, kind: str, seed: tuple[int, int, int], checkpoints: Path | None) -> Walk:
    by = light_segmenter(checkpoints)
    side = draw_side(np.random.default_rng(seed[:2]))  # the same for all of a person's walks
    for attempt in range(ATTEMPTS):
        rng = np.random.default_rng([*seed, attempt])
        outfit, shot = draw_outfit(rng, kind), turned(draw_shot(rng), side, rng, TURN / 2)
        found = segment_walk(film_outlines(who, outfit, shot, FRAMES, rng, detail=True), shot, by, rng)
        usable = [
            (one.aligned, joints)
            for one, joints in zip(*found, strict=True)
            if one.aligned is not None and joints is not None
        ]
        if len(usable) >= LEAST:
            break
    masks, joints = (np.stack(values) for values in zip(*usable, strict=True))
    sideways = -float(np.sin(shot.azimuth))
    return masks, joints, sideways if abs(sideways) >= SIDEWAYS else 0.0
