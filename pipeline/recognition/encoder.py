"""What every encoder is, and what they share: which silhouettes of a long walk are looked at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from pipeline.types import Embedding, SilhouetteSequence


class Encoder(Protocol):
    """Turns walks into embeddings.

    model: name and architecture, "gei-16" say; checkpoint_sha256: of the weights, "" where there are none. Embeddings
    can be compared when both are the same.
    """

    model: str
    checkpoint_sha256: str

    def encode(self, sequences: Sequence[SilhouetteSequence]) -> list[Embedding]:
        """One embedding for each sequence, in the same order. Every sequence must hold at least one silhouette."""
        ...


def evenly_spaced(sequence: SilhouetteSequence, most: int) -> NDArray[np.uint8]:
    """At most `most` masks (T×H×W), evenly spaced over the walk: all of them when there are no more than that.

    Raises ValueError for an empty sequence: the caller decides what an unusable track is.
    """
    count = len(sequence)
    if count == 0:
        raise ValueError(f"{sequence.video} track {sequence.track_id} has no silhouettes to encode")
    if count <= most:
        return sequence.masks
    middles = (np.arange(most) + 0.5) * (count / most)
    return sequence.masks[middles.astype(np.int64)]


def embedding_of(
    sequence: SilhouetteSequence, parts: NDArray[Any], model: str, checkpoint_sha256: str, frames_used: int
) -> Embedding:
    """`parts` (C×P) as the embedding of this walk."""
    return Embedding(
        video=sequence.video,
        track_id=sequence.track_id,
        parts=np.ascontiguousarray(parts, np.float32),
        model=model,
        checkpoint_sha256=checkpoint_sha256,
        frames_used=frames_used,
        quality=dict(sequence.quality),
    )
