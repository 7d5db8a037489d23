"""Sequences that look one way: left-going ones mirrored, or every sequence together with its mirror image.

A camera sees one side of people who walk to the right and the other of those who walk to the left, and encoders take
the two for different people (docs/evaluation.md has figures). This wraps any encoder; none need know of it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import ConfigError
from pipeline.recognition.encoder import Encoder, EncoderInput
from pipeline.skeletons import BY_JOINTS
from pipeline.types import (
    Embedding,
    Frames,
    GaitSequence,
    IntArray,
    Modality,
    ModalityFrames,
    SilhouetteSequence,
)

HEADING = "heading"  # part of a sequence's quality: tracking/heading.py measures it


@dataclass(frozen=True, slots=True)
class Mirrored:
    """Pictures T×…×H×W, left and right swapped when they are asked for."""

    pictures: Frames

    def __len__(self) -> int:
        return len(self.pictures)

    @property
    def shape(self) -> tuple[int, ...]:
        return self.pictures.shape

    def __getitem__(self, frames: slice | IntArray) -> NDArray[Any]:
        return np.ascontiguousarray(self.pictures[frames][..., ::-1])


def mirror(sequence: EncoderInput) -> EncoderInput:
    """The same sequence seen in a mirror. Raises ConfigError for modalities that have no mirror image."""
    if isinstance(sequence, SilhouetteSequence):
        return dataclasses.replace(sequence, masks=np.ascontiguousarray(sequence.masks[:, :, ::-1]))
    seen = {need: _mirrored(need, frames) for need, frames in sequence.modalities.items()}
    return GaitSequence(sequence.video, sequence.track_id, seen, sequence.quality)


def _mirrored(modality: Modality, frames: ModalityFrames) -> ModalityFrames:
    if modality is Modality.ASPECT_RATIOS:
        return frames
    if modality in (Modality.SILHOUETTES, Modality.SKELETON_MAPS, Modality.RGB, Modality.BODIES):
        return ModalityFrames(Mirrored(frames.data), frames.frame_indices)
    if modality is Modality.KEYPOINTS:
        return ModalityFrames(_mirrored_keypoints(frames.data[:]), frames.frame_indices)
    raise ConfigError(f"recognition.mirroring: {modality} cannot be mirrored. Use recognition.mirroring=off.")


def _mirrored_keypoints(keypoints: NDArray[Any]) -> NDArray[Any]:
    """Left joints become right ones, in the same part of the picture; what was not found (0, 0) stays so."""
    seen = keypoints[:, list(BY_JOINTS[keypoints.shape[1]].mirrored)]
    found = (seen[..., :2] != 0).any(axis=-1)
    if found.any():
        x = seen[..., 0]
        x[found] = x[found].min() + x[found].max() - x[found]
    return seen


class MirroredEncoder:
    """An encoder that sees every sequence in one direction; its embeddings are compared with their like only.

    heading: sequences to the left are mirrored; those without a clear direction stay as they are, and so do those of
    which nobody measured it (datasets of silhouettes). both: the mean of the embeddings of the sequence and of its
    mirror image, the same for either direction.
    """

    def __init__(self, encoder: Encoder, mirroring: Literal["heading", "both"]) -> None:
        self._encoder = encoder
        self._mirroring = mirroring
        self.model = f"{encoder.model}+{mirroring}"
        self.checkpoint_sha256 = encoder.checkpoint_sha256
        self.needs = encoder.needs

    def encode(self, sequences: Sequence[EncoderInput]) -> list[Embedding]:
        """One embedding for each sequence, in order."""
        if self._mirroring == "heading":
            facing_right = [mirror(one) if one.quality.get(HEADING, 0.0) < 0 else one for one in sequences]
            return [dataclasses.replace(one, model=self.model) for one in self._encoder.encode(facing_right)]
        found = self._encoder.encode([*sequences, *map(mirror, sequences)])
        pairs = zip(found[: len(sequences)], found[len(sequences) :], strict=True)
        return [
            dataclasses.replace(one, model=self.model, parts=np.float32(0.5) * (one.parts + other.parts))
            for one, other in pairs
        ]
