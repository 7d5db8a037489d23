"""Batches of a training: walks that a sampler picks, frames that are chosen from them, transforms that alter them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from pipeline.errors import ConfigError, InputError
from pipeline.research.training.config import PointsInUse, SamplerConfig
from pipeline.research.training.data.dataset import Modality, Walk, read_walk, with_silhouettes
from pipeline.research.training.data.draws import Draws
from pipeline.research.training.data.sampling import (
    FrameChoice,
    bilateral_batches,
    bilateral_batches_of_an_epoch,
    common_batch,
    triplet_batch,
)
from pipeline.research.training.data.transforms import Transform
from pipeline.types import Modality as Kind


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
    """Walks that are read when they are asked for, and kept if there is memory for them.

    needs: what their files are, where that is known. check: raises InputError for a walk whose files
    are not what is wanted.
    """

    def __init__(
        self,
        walks: Sequence[Walk],
        cache: bool,
        needs: Sequence[Kind] = (),
        check: Callable[[Walk, list[Modality]], None] | None = None,
    ) -> None:
        self.walks, self._needs, self._check = walks, needs, check
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
        if self._check is not None:
            self._check(self.walks[index], modalities)
        modalities = with_silhouettes(self.walks[index], modalities, self._needs)
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
        joined: Callable[[list[NDArray[Any]]], list[NDArray[Any]]] | None = None,
    ) -> None:
        """labels: the sorted training identities; transforms: one for each modality; joined: makes one of several."""
        self._walks, self._sampler, self._transforms = walks, sampler, transforms
        self._seed, self._rank, self._world = seed, rank, world
        self._joined = joined
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
        """The batch of one iteration (from 0), or this process's share of it."""
        slots = range(self._rank, self._size() * (2 if self._sampler.type == "BilateralSampler" else 1), self._world)
        picked = self._pick(iteration)
        return self.collate({slot: picked[slot] for slot in slots}, iteration)

    def _size(self) -> int:
        size = self._sampler.batch_size
        return size if isinstance(size, int) else size[0] * size[1]

    def _pick(self, iteration: int) -> list[int]:
        size, draws = self._sampler.batch_size, Draws.of_batch(self._seed, iteration)
        if self._sampler.type == "BilateralSampler":
            epoch, number = divmod(iteration, bilateral_batches_of_an_epoch(len(self._walks), self._size()))
            batches = bilateral_batches(len(self._walks), self._size(), Draws.of_batch(self._seed, epoch, 0))
            return next(islice(batches, number, None))
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

    def collate(self, picked: Mapping[int, int], iteration: int) -> Batch:
        """Walks, by their places in the whole batch, as a batch.

        Frames and augmentations are drawn for each place anew, whichever process has it.
        """
        seen = [self._seen(index, Draws.of_batch(self._seed, iteration, 1 + slot)) for slot, index in picked.items()]
        lengths = [len(walk[0]) for walk in seen] if self._choose.concatenated else None
        join = np.stack if lengths is None else _one_after_another
        inputs = [torch.from_numpy(join(modality)).float() for modality in zip(*seen, strict=True)]
        walks = [self._walks.walks[index] for index in picked.values()]
        labels = torch.tensor([self._labels[index] for index in picked.values()])
        return Batch(inputs, labels, [walk.type for walk in walks], [walk.view for walk in walks], lengths)

    def _seen(self, index: int, draws: Draws) -> list[NDArray[Any]]:
        """What of a walk the network is shown, modality by modality."""
        modalities = self._walks[index]
        frames = self._choose(len(modalities[0]), draws)
        return altered(modalities, frames, self._transforms, self._joined, self._sampler.points_in_use, draws)


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


def altered(
    modalities: Sequence[Modality],
    frames: NDArray[np.int64],
    transforms: Sequence[Transform],
    joined: Callable[[list[NDArray[Any]]], list[NDArray[Any]]] | None,
    points: PointsInUse | None,
    draws: Draws,
) -> list[NDArray[Any]]:
    """Those frames of a walk as a network gets them. Raises ConfigError unless there is a transform for each file."""
    counts = [points.points_num if points and points.pointcloud_index == i else None for i in range(len(modalities))]
    chosen = [frames_of(modality, frames, count, draws) for modality, count in zip(modalities, counts, strict=True)]
    if joined is not None and len(chosen) > 1:
        chosen = joined(chosen)
    if len(transforms) != len(chosen):
        raise ConfigError(
            f"{len(transforms)} transforms for walks of {len(chosen)} files; "
            "give one for each, or choose files with data_cfg.data_in_use."
        )
    return [transform(values, draws) for values, transform in zip(chosen, transforms, strict=True)]


def frames_of(
    modality: Modality, indices: NDArray[np.int64], points: int | None = None, draws: Draws | None = None
) -> NDArray[Any]:
    """Those frames of a modality; of a cloud, `points` drawn from every frame (some twice where it has fewer).

    Raises ConfigError for a cloud without a number of points: its frames are not of one shape.
    """
    if points is None:
        if isinstance(modality, list):
            raise ConfigError(
                "frames of different shapes (clouds of points): say how many points with sampler.points_in_use."
            )
        return modality[indices]
    numpy = (draws or Draws.seeded(0)).numpy
    clouds = [modality[index] for index in indices]
    return np.stack([cloud[numpy.choice(len(cloud), points, replace=len(cloud) < points)] for cloud in clouds])


def _one_after_another(walks: Sequence[NDArray[Any]]) -> NDArray[Any]:
    return np.concatenate(walks)[None]
