"""The encoder of every registered network: sequences are aligned, sampled, put into batches and run by an engine."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from pipeline.config import RecognitionConfig, RuntimeConfig
from pipeline.errors import ConfigError
from pipeline.recognition.encoder import (
    EXPORTED,
    Arrays,
    Encoder,
    EncoderInput,
    align_modalities,
    choose_frames,
    embedding_of,
)
from pipeline.recognition.engines.batching import batches, fit_to_size, repeat_frames, split_into_sets
from pipeline.recognition.engines.execution import ExportedEngine, TorchEngine
from pipeline.recognition.model import Model, features_of, needs_of, size_of
from pipeline.recognition.network import GaitNetwork, load_network
from pipeline.types import Embedding
from pipeline.weights.checkpoints import Checkpoint
from pipeline.weights.files import sha256_of

VALUES_AT_ONCE = {"cpu": 64 * 64 * 44, "cuda": 2048 * 64 * 44}  # input values of the sequences that share a batch


class Engine(Protocol):
    """Runs a network on batches of sequences that are of one length. device: "cpu" or "cuda"."""

    device: str

    def each(self, batches: Iterable[Arrays]) -> Iterator[NDArray[np.float32]]:
        """What `Model.inputs` gives, with the batch's axis in front → embeddings (or scores) [n, c, p], in order."""


class ModelEncoder:
    """A registered network as an encoder.

    A card's `inputs` may name the `features` to compare, and the `set_size` that the network was trained with.
    Sequences share a batch only where they are of one length, so that one alone and one among others give the same.
    """

    def __init__(self, model: Model, config: RecognitionConfig, engine: Engine, checkpoint: Checkpoint) -> None:
        self._about, self._engine = model, engine
        self._most = config.max_frames
        self._window = config.window or (config.max_frames if model.motion else 1)
        self._set_size = config.set_size or checkpoint.card.inputs.get("set_size")
        self._size, self._least = size_of(model, checkpoint), int(checkpoint.card.inputs.get("least_frames", 1))
        self.needs = needs_of(model, checkpoint)
        features = features_of(config, checkpoint)
        self.model = model.name + ("" if features == "embeddings" else f"-{features}")
        self.model += f"-sets{self._set_size}" if self._set_size else ""
        self.checkpoint_sha256 = checkpoint.sha256

    def encode(self, sequences: Sequence[EncoderInput]) -> list[Embedding]:
        """One embedding for each sequence, in order: the mean of its sets' where it is cut into several.

        Raises ConfigError when a sequence lacks a modality or its pictures' size does not fit the network.
        """
        sets, owners, lengths = list[Arrays](), list[int](), list[int]()
        for owner, sequence in enumerate(sequences):
            frames = self._frames(sequence)
            lengths.append(len(frames[0]))
            for piece in split_into_sets(len(frames[0]), self._set_size, self._about.motion):
                sets.append(self._inputs(sequence, tuple(data[piece] for data in frames)))
                owners.append(owner)
        of_sequence: list[list[NDArray[np.float32]]] = [[] for _ in sequences]
        together = list(batches(sets, VALUES_AT_ONCE[self._engine.device]))
        stacked = (tuple(map(np.stack, zip(*(sets[i] for i in batch), strict=True))) for batch in together)
        for batch, answers in zip(together, self._engine.each(stacked), strict=True):
            for index, answer in zip(batch, answers, strict=True):
                of_sequence[owners[index]].append(answer)
        return [
            embedding_of(sequence, np.mean(parts, axis=0), self.model, self.checkpoint_sha256, length)
            for sequence, parts, length in zip(sequences, of_sequence, lengths, strict=True)
        ]

    def _frames(self, sequence: EncoderInput) -> Arrays:
        """The frames of this sequence that are looked at, one array T×… for each modality."""
        frames = align_modalities(
            sequence, self.needs, self._about.name, lambda count: choose_frames(count, self._most, self._window)
        )
        return tuple(
            fit_to_size(self._about, need, data, self._size) for need, data in zip(self.needs, frames, strict=True)
        )

    def _inputs(self, sequence: EncoderInput, frames: Arrays) -> Arrays:
        """What the network is fed for these frames of a sequence."""
        frames = repeat_frames(frames, self._about.least_frames)
        if len(frames[0]) < self._least:
            raise ConfigError(
                f"{sequence.video} track {sequence.track_id}: {len(frames[0])} frames, and these weights take no fewer "
                f"than {self._least}. Set recognition.min_frames={self._least}."
            )
        return self._about.inputs(frames)


def open_model_encoder(
    model: Model, config: RecognitionConfig, runtime: RuntimeConfig, checkpoint: Checkpoint
) -> Encoder:
    """The encoder with its weights loaded. Raises ConfigError and CheckpointError as `open_encoder` says."""
    found = with_all_files(model, checkpoint)
    needs_of(model, found)
    features = features_of(config, found)
    if checkpoint.path.suffix in EXPORTED:
        return ModelEncoder(model, config, ExportedEngine(runtime, found, features), found)
    return ModelEncoder(model, config, TorchEngine(network_of(model, found, features), runtime, features), found)


def network_of(model: Model, checkpoint: Checkpoint, features: str) -> GaitNetwork:
    """The checkpoint's weights in the model's network, the training head among them only where `features` want it."""
    return load_network(
        model.network_class,
        model.architecture,
        checkpoint.path,
        checkpoint.card.architecture,
        head=features == "logits",
    )


def with_all_files(model: Model, checkpoint: Checkpoint) -> Checkpoint:
    """The checkpoint with the sha256 of all its files together, where the model's authors keep it in several."""
    parts = model.network_class.further_files(checkpoint.path).values()
    if not parts:
        return checkpoint
    together = " ".join([checkpoint.sha256, *map(sha256_of, parts)])
    return replace(checkpoint, sha256=hashlib.sha256(together.encode()).hexdigest())
