"""Silhouettes that look one way: left-going walks mirrored, or every walk together with its mirror image.

A camera sees one side of people who walk to the right and the other of those who walk to the left, and encoders take
the two for different people (docs/evaluation.md has figures). This wraps any encoder; none need know of it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Literal

import numpy as np

from pipeline.errors import ConfigError
from pipeline.recognition.encoder import Encoder, Walk
from pipeline.types import Embedding, FloatArray, SilhouetteSequence

HEADING = "heading"  # part of a sequence's quality: tracking/heading.py measures it


def mirror(sequence: Walk) -> SilhouetteSequence:
    """The same walk seen in a mirror. Raises ConfigError for what is not silhouettes alone."""
    if not isinstance(sequence, SilhouetteSequence):
        raise ConfigError("recognition.mirroring: only silhouettes can be mirrored. Use recognition.mirroring=off.")
    return dataclasses.replace(sequence, masks=np.ascontiguousarray(sequence.masks[:, :, ::-1]))


class MirroredEncoder:
    """An encoder that sees every walk in one direction; its embeddings are compared with their like only.

    heading: walks to the left are mirrored, those without a clear direction stay as they are. both: the mean of the
    embeddings of the walk and of its mirror image, the same for either direction.
    """

    def __init__(self, encoder: Encoder, mirroring: Literal["heading", "both"]) -> None:
        self._encoder = encoder
        self._mirroring = mirroring
        self.model = f"{encoder.model}+{mirroring}"
        self.checkpoint_sha256 = encoder.checkpoint_sha256
        self.needs = encoder.needs

    def encode(self, walks: Sequence[Walk]) -> list[Embedding]:
        """One embedding for each walk, in order. Raises ValueError where a heading is needed and not known."""
        if self._mirroring == "heading":
            return [self._named(one) for one in self._encoder.encode([_facing_right(walk) for walk in walks])]
        found = self._encoder.encode([*walks, *(mirror(walk) for walk in walks)])
        pairs = zip(found[: len(walks)], found[len(walks) :], strict=True)
        return [self._named(one, np.float32(0.5) * (one.parts + other.parts)) for one, other in pairs]

    def _named(self, embedding: Embedding, parts: FloatArray | None = None) -> Embedding:
        return dataclasses.replace(embedding, model=self.model, parts=embedding.parts if parts is None else parts)


def _facing_right(sequence: Walk) -> Walk:
    if HEADING not in sequence.quality:
        raise ValueError(f"{sequence.video} track {sequence.track_id}: its heading was not measured")
    return mirror(sequence) if sequence.quality[HEADING] < 0 else sequence
