"""What every encoder is, and what they share: which silhouettes of a long walk are looked at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from pipeline.config import RecognitionConfig
from pipeline.errors import ConfigError
from pipeline.networks.checkpoints import Checkpoint
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


def sampled(sequence: SilhouetteSequence, most: int, window: int = 1) -> NDArray[np.uint8]:
    """At most `most` masks (T×H×W) of a walk: all of them when there are no more than that.

    They are taken in windows of `window` consecutive ones, evenly spaced over the walk: single silhouettes show the
    most different poses, longer windows keep the motion for encoders that look at it.
    Raises ValueError for an empty sequence: the caller decides what an unusable track is.
    """
    count = len(sequence)
    if count == 0:
        raise ValueError(f"{sequence.video} track {sequence.track_id} has no silhouettes to encode")
    if count <= most:
        return sequence.masks
    window = min(window, most)
    windows = most // window
    middles = (np.arange(windows) + 0.5) * (count / windows)
    starts = np.clip(np.floor(middles - (window - 1) / 2), 0, count - window).astype(np.int64)
    masks: NDArray[np.uint8] = sequence.masks[(starts[:, None] + np.arange(window)).ravel()]
    return masks


def refuse_weights(encoder: str, config: RecognitionConfig, checkpoint: Checkpoint | None) -> None:
    """Raise ConfigError when an encoder without weights was given some, or is asked for a training head's answer."""
    if checkpoint is not None:
        raise ConfigError(
            f"recognition.checkpoint: the encoder {encoder} has no weights, {checkpoint.path.name} is of no use to it. "
            f"Leave it out, or choose another recognition.encoder."
        )
    if config.features != "embeddings":
        raise ConfigError(f"recognition.features=logits: the encoder {encoder} has no training head. Use embeddings.")


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
