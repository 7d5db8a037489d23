"""Silhouettes that look one way: left-going walks mirrored, or every walk together with its mirror image.

A camera sees one side of people who walk to the right and the other of those who walk to the left, and encoders take
the two for different people (docs/evaluation.md has figures). This wraps any encoder; none need know of it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Literal

import numpy as np

from pipeline.recognition.encoder import Encoder
from pipeline.types import Embedding, FloatArray, SilhouetteSequence

HEADING = "heading"  # part of a sequence's quality: tracking/heading.py measures it


def mirror(sequence: SilhouetteSequence) -> SilhouetteSequence:
    """The same walk seen in a mirror."""
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

    def encode(self, sequences: Sequence[SilhouetteSequence]) -> list[Embedding]:
        """One embedding for each sequence, in order. Raises ValueError where a heading is needed and not known."""
        if self._mirroring == "heading":
            return [self._named(one) for one in self._encoder.encode([_facing_right(walk) for walk in sequences])]
        found = self._encoder.encode([*sequences, *(mirror(sequence) for sequence in sequences)])
        pairs = zip(found[: len(sequences)], found[len(sequences) :], strict=True)
        return [self._named(one, np.float32(0.5) * (one.parts + other.parts)) for one, other in pairs]

    def _named(self, embedding: Embedding, parts: FloatArray | None = None) -> Embedding:
        return dataclasses.replace(embedding, model=self.model, parts=embedding.parts if parts is None else parts)


def _facing_right(sequence: SilhouetteSequence) -> SilhouetteSequence:
    if HEADING not in sequence.quality:
        raise ValueError(f"{sequence.video} track {sequence.track_id}: its heading was not measured")
    return mirror(sequence) if sequence.quality[HEADING] < 0 else sequence
