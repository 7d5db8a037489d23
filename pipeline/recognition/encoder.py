"""What every encoder is, and what they share: which frames of a long sequence are looked at."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import reduce
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from pipeline.config import RecognitionConfig
from pipeline.errors import ConfigError
from pipeline.types import FROM_CROPS, Embedding, IntArray, Modality, ModalityFrames
from pipeline.weights.checkpoints import Checkpoint

Arrays = tuple[NDArray[Any], ...]
EXPORTED = (".onnx", ".xml")  # what `gait export` writes

_CROPS = "Only a run whose encoder looks at crops in colour keeps them: choose another encoder, or start with videos."
MADE_BY = {  # what to do to have a modality in a run
    **dict.fromkeys(FROM_CROPS, _CROPS),
    Modality.SKELETON_MAPS: "They are drawn from poses: set pose.always=true, or choose an encoder for silhouettes.",
    Modality.KEYPOINTS: "The pose stage finds them: set pose.always=true, or choose an encoder for silhouettes.",
}
NOT_MADE = (
    "No stage makes them from video yet: choose an encoder for silhouettes, or call it from Python with your own."
)


class EncoderInput(Protocol):
    """What an encoder takes of one tracklet: a SilhouetteSequence, or a GaitSequence of several modalities."""

    @property
    def video(self) -> str: ...
    @property
    def track_id(self) -> int: ...
    @property
    def quality(self) -> Mapping[str, float]: ...
    @property
    def modalities(self) -> Mapping[Modality, ModalityFrames]: ...


class Encoder(Protocol):
    """Turns sequences into embeddings.

    model: name and architecture, "gei-16" say; checkpoint_sha256: of the weights, "" where there are none. Embeddings
    can be compared when both are the same. needs: the modalities that every sequence must have.
    """

    model: str
    checkpoint_sha256: str
    needs: tuple[Modality, ...]

    def encode(self, sequences: Sequence[EncoderInput]) -> list[Embedding]:
        """One embedding for each sequence, in the same order. Every sequence must hold at least one frame."""


def refuse_missing(encoder: str, needs: Iterable[Modality], there: Iterable[Modality]) -> None:
    """Raise ConfigError when what the encoder needs is not among what is there, saying what to do."""
    missing = [need for need in needs if need not in there]
    if missing:
        advice = MADE_BY.get(missing[0], NOT_MADE)
        raise ConfigError(f"{encoder} needs {' and '.join(missing)}, which this run has not produced. {advice}")


def align_modalities(
    sequence: EncoderInput,
    needs: Sequence[Modality],
    encoder: str,
    choose: Callable[[int], IntArray | slice] = lambda count: slice(None),
) -> tuple[NDArray[Any], ...]:
    """Align the modalities of a sequence by frame.

    Args:
        sequence: The encoder's input.
        needs: The modalities.
        encoder: The encoder's name, for errors.
        choose: Takes the number of common frames and returns which of them to use; the others are not computed.

    Returns:
        One array T×… for each of `needs`, of frames that all of them have.

    Raises:
        ConfigError: The sequence lacks a modality.
        ValueError: No frame has all modalities; the caller decides what an unusable track is.
    """
    refuse_missing(encoder, needs, sequence.modalities)
    wanted = [sequence.modalities[need] for need in needs]
    common = reduce(np.intersect1d, [frames.frame_indices for frames in wanted])
    if len(common) == 0:
        raise ValueError(f"{sequence.video} track {sequence.track_id} has no {' with '.join(needs)} to encode")
    chosen = choose(len(common))
    return tuple(
        frames.data[chosen if len(common) == len(frames) else np.searchsorted(frames.frame_indices, common)[chosen]]
        for frames in wanted
    )


def choose_frames(count: int, most: int, window: int = 1) -> IntArray | slice:
    """Choose at most `most` of `count` frames: indices, or a slice where all are used.

    They are taken in windows of `window` consecutive ones, evenly spaced over the sequence: single silhouettes show the
    most different poses, longer windows keep the motion for encoders that look at it.
    """
    if count <= most:
        return slice(None)
    window = min(window, most)
    windows = most // window
    middles = (np.arange(windows) + 0.5) * (count / windows)
    starts = np.clip(np.floor(middles - (window - 1) / 2), 0, count - window).astype(np.int64)
    return np.asarray(starts[:, None] + np.arange(window)).ravel()


def sample_masks(sequence: EncoderInput, most: int, window: int | None = None) -> NDArray[np.uint8]:
    """At most `most` masks (T×H×W) of a sequence, taken as `choose_frames` says; window: default 1.

    Raises ValueError for a sequence without silhouettes.
    """
    (masks,) = align_modalities(
        sequence, (Modality.SILHOUETTES,), "this encoder", lambda count: choose_frames(count, most, window or 1)
    )
    return masks


def interleave(masks: NDArray[np.uint8], size: int | None) -> list[NDArray[np.uint8]]:
    """A sequence's masks (T×H×W) as T // size sets that each span all of it; one set where T < 2 × size, or no size.

    Set pooling takes the maximum over a set, which grows with the set: sets as long as those of the training suit it.
    """
    count = max(1, len(masks) // size) if size else 1
    return [masks[start::count] for start in range(count)]


def refuse_weights(encoder: str, config: RecognitionConfig, checkpoint: Checkpoint | None) -> None:
    """Raise ConfigError when an encoder without weights was given some, or is asked for a training head's answer."""
    if checkpoint is not None:
        whose = checkpoint.card.model
        raise ConfigError(
            f"recognition.checkpoint: the encoder {encoder} has no weights, {checkpoint.path.name} is of no use to it. "
            f"Set recognition.checkpoint=null, or {f'recognition.encoder={whose}' if whose else 'another encoder'}."
        )
    if config.features not in ("auto", "embeddings"):
        raise ConfigError(
            f"recognition.features={config.features}: the encoder {encoder} has no training head. Use embeddings."
        )


def embedding_of(
    sequence: EncoderInput, parts: NDArray[Any], model: str, checkpoint_sha256: str, frames_used: int
) -> Embedding:
    """`parts` (C×P) as the embedding of this sequence."""
    return Embedding(
        video=sequence.video,
        track_id=sequence.track_id,
        parts=np.ascontiguousarray(parts, np.float32),
        model=model,
        checkpoint_sha256=checkpoint_sha256,
        frames_used=frames_used,
        quality=dict(sequence.quality),
    )
