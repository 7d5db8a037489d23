"""Batches of a training: walks that a sampler picks, frames that are chosen from them, transforms that alter them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from pipeline.errors import ConfigError, InputError
from pipeline.training.config import SamplerConfig
from pipeline.training.dataset import Modality, Walk, read_walk
from pipeline.training.draws import Draws
from pipeline.training.sampling import FrameChoice, common_batch, triplet_batch
from pipeline.training.transforms import Transform


@dataclass
class Batch:
    """What a network sees at once. n walks, s frames of each.

    inputs: one tensor a modality, float32 [n, s, …]; or [1, all frames, …], the walks one after another, when `lengths`
    (one number a walk) is set. labels: n int64, indices of the sorted training identities.
    """

    inputs: list[Tensor]
    labels: Tensor
    types: list[str]
    views: list[str]
    lengths: list[int] | None = None


class Walks:
    """Walks that are read when they are asked for, and kept if there is memory for them."""

    def __init__(self, walks: Sequence[Walk], cache: bool) -> None:
        self.walks = walks
        self._kept: dict[int, list[Modality]] | None = {} if cache else None

    def __len__(self) -> int:
        return len(self.walks)

    def __getitem__(self, index: int) -> list[Modality]:
        """All modalities of a walk. Raises InputError for one that cannot be read or has no frames."""
        if self._kept is not None and index in self._kept:
            return self._kept[index]
        modalities = read_walk(self.walks[index])
        if not len(modalities[0]):
            raise InputError(f"{self.walks[index].files[0]}: no frames. Remove the folder (`gait dataset check`).")
        if self._kept is not None:
            self._kept[index] = modalities
        return modalities


class Batches(Dataset[Batch]):
    """Batch k of a training, made from its seed and k alone: one that goes on after a kill sees the same batches.

    Several processes (rank 0 … world − 1) take turns with the walks of one common batch.
    """

    def __init__(
        self,
        walks: Walks,
        labels: Sequence[str],
        sampler: SamplerConfig,
        transforms: Sequence[Transform],
        seed: int = 0,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        """labels: the sorted training identities; transforms: one for each modality."""
        self._walks, self._sampler, self._transforms = walks, sampler, transforms
        self._seed, self._rank, self._world = seed, rank, world
        number = {label: index for index, label in enumerate(labels)}
        self._labels = [number[walk.identity] for walk in walks.walks]
        self._walks_of: dict[int, list[int]] = {index: [] for index in range(len(labels))}
        for index, label in enumerate(self._labels):
            self._walks_of[label].append(index)
        self._walks_of = {label: indices for label, indices in self._walks_of.items() if indices}
        self._choose = frame_choice(sampler)
        size = self._size()
        if size % world:
            raise ConfigError(f"trainer_cfg.sampler.batch_size: {size} walks cannot be shared by {world} processes.")

    def __getitem__(self, iteration: int) -> Batch:
        """The batch of one iteration (from 0)."""
        picked = self._pick(Draws.of_batch(self._seed, iteration))[self._rank :: self._world]
        return self.collate(picked, Draws.of_batch(self._seed, iteration, self._rank))

    def _size(self) -> int:
        size = self._sampler.batch_size
        return size if isinstance(size, int) else size[0] * size[1]

    def _pick(self, draws: Draws) -> list[int]:
        size = self._sampler.batch_size
        if self._sampler.type == "CommonSampler":
            return common_batch(len(self._walks), self._size(), draws)
        if self._sampler.type == "TripletSampler" and not isinstance(size, int):
            if size[0] > len(self._walks_of):
                raise ConfigError(
                    f"trainer_cfg.sampler.batch_size: {size[0]} people a batch, but the dataset has "
                    f"{len(self._walks_of)} to train on. Lower it with --set."
                )
            return triplet_batch(self._walks_of, *size, draws, self._sampler.batch_shuffle)
        raise ConfigError(f"trainer_cfg.sampler: {self._sampler.type} with batch_size {size} cannot train.")

    def collate(self, picked: Sequence[int], draws: Draws) -> Batch:
        """These walks as a batch; frames and augmentations come from `draws`."""
        chosen: list[list[NDArray[Any]]] = []
        for index in picked:
            modalities = self._walks[index]
            frames = self._choose(len(modalities[0]), draws)
            chosen.append([_frames(modality, frames) for modality in modalities])
        if len(self._transforms) != len(chosen[0]):
            raise ConfigError(
                f"{len(self._transforms)} transforms for walks of {len(chosen[0])} files; "
                "give one for each, or choose files with data_cfg.data_in_use."
            )
        lengths = [len(walk[0]) for walk in chosen] if self._choose.concatenated else None
        inputs = []
        for number, transform in enumerate(self._transforms):
            walks = [walk[number] for walk in chosen]
            walks = [np.concatenate(walks)] if lengths is not None else walks
            inputs.append(torch.from_numpy(np.stack([transform(walk, draws) for walk in walks])).float())
        return Batch(
            inputs,
            torch.tensor([self._labels[index] for index in picked]),
            [self._walks.walks[index].type for index in picked],
            [self._walks.walks[index].view for index in picked],
            lengths,
        )


def frame_choice(sampler: SamplerConfig) -> FrameChoice:
    """The choice of frames that a sampler's settings describe."""
    return FrameChoice(
        sampler.sample_type,
        sampler.frames_num_fixed,
        sampler.frames_num_min,
        sampler.frames_num_max,
        sampler.frames_skip_num,
        sampler.frames_all_limit,
    )


def _frames(modality: Modality, indices: NDArray[np.int64]) -> NDArray[Any]:
    if isinstance(modality, list):
        raise ConfigError("walks whose frames are arrays of their own (point clouds) cannot be put into batches yet.")
    return modality[indices]
