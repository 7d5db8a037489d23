"""The encoder of every registered network: walks are aligned, sampled, put into batches and run by an engine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from pipeline.config import RecognitionConfig, RuntimeConfig
from pipeline.errors import CheckpointError, ConfigError
from pipeline.networks.checkpoints import Checkpoint
from pipeline.recognition.encoder import Walk, aligned, embedding_of, spread
from pipeline.recognition.model import Arrays, Model
from pipeline.recognition.network import load_network
from pipeline.recognition.torch_engine import TorchEngine
from pipeline.types import Embedding, Modality

VALUES_AT_ONCE = {"cpu": 64 * 64 * 44, "cuda": 2048 * 64 * 44}  # input values of the walks that share a batch


class Engine(Protocol):
    """Runs a network on batches of walks that are of one length. device: "cpu" or "cuda"."""

    device: str

    def __call__(self, inputs: Arrays) -> NDArray[np.float32]:
        """What `Model.inputs` gives, with the batch's axis in front → embeddings (or scores) [n, c, p]."""
        ...


class ModelEncoder:
    """A registered network as an encoder.

    Walks share a batch only where they are of one length, so that one alone and one among others give the same.
    """

    def __init__(self, model: Model, config: RecognitionConfig, engine: Engine, checkpoint: Checkpoint) -> None:
        logits = config.features == "logits"
        self._about, self._engine = model, engine
        self._most = config.max_frames
        self._window = config.window or (config.max_frames if model.motion else 1)
        self.needs = needs_of(model, checkpoint)
        self.model = model.name + ("-logits" if logits else "")
        self.checkpoint_sha256 = checkpoint.sha256

    def encode(self, walks: Sequence[Walk]) -> list[Embedding]:
        """One embedding for each walk, in order.

        Raises ConfigError when a walk lacks a modality or its pictures' size does not fit the network.
        """
        fed = [self._inputs(walk) for walk in walks]
        parts: list[NDArray[np.float32] | None] = [None] * len(walks)
        for batch in batches([inputs for inputs, _ in fed], VALUES_AT_ONCE[self._engine.device]):
            answers = self._engine(tuple(np.stack(arrays) for arrays in zip(*(fed[i][0] for i in batch), strict=True)))
            for index, answer in zip(batch, answers, strict=True):
                parts[index] = answer
        return [
            embedding_of(walk, values, self.model, self.checkpoint_sha256, frames)
            for walk, values, (_, frames) in zip(walks, parts, fed, strict=True)
            if values is not None
        ]

    def _inputs(self, walk: Walk) -> tuple[Arrays, int]:
        """What the network is fed for this walk, without the batch's axis, and how many frames are behind it."""
        frames = aligned(walk, self.needs, self._about.name)
        chosen = spread(len(frames[0]), self._most, self._window)
        frames = tuple(fitting(self._about, need, data[chosen]) for need, data in zip(self.needs, frames, strict=True))
        return self._about.inputs(frames), len(frames[0])


def open_model_encoder(
    model: Model, config: RecognitionConfig, runtime: RuntimeConfig, checkpoint: Checkpoint | None
) -> ModelEncoder:
    """The encoder with its weights loaded. Raises ConfigError and CheckpointError as `open_encoder` says."""
    found = checked(model, checkpoint)
    needs_of(model, found)
    logits = config.features == "logits"
    network = load_network(model.network, model.architecture, found.path, found.card.architecture, logits)
    return ModelEncoder(model, config, TorchEngine(network, runtime, logits), found)


def checked(model: Model, checkpoint: Checkpoint | None) -> Checkpoint:
    """The checkpoint, if it is one for this model. Raises ConfigError for none, CheckpointError for another's."""
    if checkpoint is None:
        raise ConfigError(f"recognition.checkpoint: {model.name} needs weights; name a card (`gait models list`).")
    made_for = checkpoint.card.model
    if made_for and made_for != model.name:
        raise CheckpointError(
            f"{checkpoint.path}: weights of {made_for}, not {model.name}. Set recognition.encoder={made_for}."
        )
    return checkpoint


def needs_of(model: Model, checkpoint: Checkpoint) -> tuple[Modality, ...]:
    """The modalities that these weights were made for: the model's, or parsing maps in the silhouettes' place."""
    said = checkpoint.card.inputs.get("modality", list(model.needs))
    names = [said] if isinstance(said, str) else list(said)
    instead = {Modality.SILHOUETTES: (Modality.SILHOUETTES, Modality.PARSING)}
    fits = len(names) == len(model.needs) and all(
        name in instead.get(need, (need,)) for name, need in zip(names, model.needs, strict=True)
    )
    if not fits:
        raise CheckpointError(
            f"{checkpoint.path}: made for {' and '.join(names)}, not {' and '.join(model.needs)}. Choose another card."
        )
    return tuple(Modality(name) for name in names)


def fitting(model: Model, need: Modality, data: NDArray[Any]) -> NDArray[Any]:
    """Pictures of a size that the network can take; parsing maps as numbers, for their labels are no grey values.

    Raises ConfigError naming the size.
    """
    if model.step is not None and need in (Modality.SILHOUETTES, Modality.SKELETON_MAPS, Modality.PARSING):
        height, width = data.shape[-2:]
        if height % model.step[0] or width % model.step[1]:
            raise ConfigError(
                f"{need} of {height}×{width}: {model.name} takes multiples of {model.step[0]}×{model.step[1]}. "
                f"Use {model.size[0]}×{model.size[1]}."
            )
    return data.astype(np.float32) if need is Modality.PARSING else data


def batches(inputs: Sequence[Arrays], values_at_once: int) -> Iterator[list[int]]:
    """Indices of inputs of the very same shapes, together as long as they are not larger than `values_at_once`."""
    alike: dict[tuple[tuple[int, ...], ...], list[int]] = {}
    for index, arrays in enumerate(inputs):
        alike.setdefault(tuple(array.shape for array in arrays), []).append(index)
    for shapes, indices in alike.items():
        size = sum(int(np.prod(shape)) for shape in shapes)
        some = max(1, values_at_once // max(1, size))
        yield from (indices[start : start + some] for start in range(0, len(indices), some))
