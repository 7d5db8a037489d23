"""Batches of a training: samples that a sampler picks, frames that are chosen from them, transforms that alter them."""

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
from pipeline.research.training.data.dataset import Frames, Sample, read_sample, with_silhouettes
from pipeline.research.training.data.sampling import (
    DatasetDraws,
    Draws,
    FrameChoice,
    bilateral_batches,
    bilateral_batches_of_an_epoch,
    common_batch,
    triplet_batch,
)
from pipeline.research.training.data.transforms import Transform
from pipeline.types import Modality

Arrays = list[NDArray[Any]]


@dataclass
class Batch:
    """What a network sees at once. n samples, s frames of each.

    inputs: one tensor a modality, float32 [n, s, …]; or [1, all frames, …], the samples one after another, when
    `lengths` (one number a sample) is set. labels: n int64, indices of the sorted training identities.
    """

    inputs: list[Tensor]
    labels: Tensor
    types: list[str]
    views: list[str]
    lengths: list[int] | None = None


class Samples:
    """Samples that are read when they are needed, and kept if there is memory for them."""

    def __init__(
        self,
        samples: Sequence[Sample],
        cache: bool,
        needs: Sequence[Modality] = (),
        check: Callable[[Sample, list[Frames]], None] | None = None,
        datasets: Sequence[tuple[int, float]] = (),
    ) -> None:
        """needs: what their files are, where that is known. check: raises InputError for files of another kind.

        datasets: how many samples are of the first, of the second, …, and the length that each is drawn by.
        """
        self.samples, self._needs, self._check = samples, needs, check
        self.datasets = datasets or [(len(samples), len(samples))]
        self._kept: dict[int, list[Frames]] | None = {} if cache else None

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> list[Frames]:
        """All modalities of a sample. Raises InputError for one that cannot be read or has no frames."""
        if self._kept is not None and index in self._kept:
            return self._kept[index]
        sample = self.samples[index]
        modalities = read_sample(sample)
        if not len(modalities[0]):
            raise InputError(f"{sample.files[0]}: no frames. Remove the folder (`gait dataset check`).")
        if self._check is not None:
            self._check(sample, modalities)
        modalities = with_silhouettes(sample, modalities, self._needs)
        if self._kept is not None:
            self._kept[index] = modalities
        return modalities


@dataclass(frozen=True, slots=True)
class Preparation:
    """What is done to a sample before a network sees it.

    transforms: one for each file; joined: makes one file of several before that; points: how many of a cloud count.
    """

    transforms: Sequence[Transform]
    joined: Callable[[Arrays], Arrays] | None = None
    points: PointsInUse | None = None

    def __call__(self, modalities: Sequence[Frames], frames: NDArray[np.int64], draws: Draws) -> Arrays:
        """Those frames of a sample as a network gets them. Raises ConfigError unless each file has a transform."""
        points = self.points
        counts = [
            points.points_num if points and points.pointcloud_index == i else None for i in range(len(modalities))
        ]
        chosen = [select_frames(found, frames, n, draws) for found, n in zip(modalities, counts, strict=True)]
        if self.joined is not None and len(chosen) > 1:
            chosen = self.joined(chosen)
        if len(self.transforms) != len(chosen):
            raise ConfigError(
                f"{len(self.transforms)} transforms for walks of {len(chosen)} files; "
                "give one for each, or choose files with data_cfg.data_in_use."
            )
        return [transform(values, draws) for values, transform in zip(chosen, self.transforms, strict=True)]


def select_frames(frames: Frames, indices: NDArray[np.int64], points: int | None, draws: Draws) -> NDArray[Any]:
    """Those frames of a modality; of a cloud, `points` drawn from every frame (some twice where it has fewer).

    Raises ConfigError for a cloud without a number of points: its frames are not of one shape.
    """
    if points is None:
        if isinstance(frames, list):
            raise ConfigError(
                "frames of different shapes (clouds of points): say how many points with sampler.points_in_use."
            )
        return frames[indices]
    clouds = [frames[index] for index in indices]
    return np.stack([cloud[draws.numpy.choice(len(cloud), points, replace=len(cloud) < points)] for cloud in clouds])


class Batches(Dataset[Batch]):
    """Batch k of a training, made from its seed and k alone: one that goes on after a kill sees the same batches."""

    def __init__(
        self,
        samples: Samples,
        labels: Sequence[str],
        sampler: SamplerConfig,
        preparation: Preparation,
        seed: int = 0,
        share: tuple[int, int] = (0, 1),
    ) -> None:
        """labels: the sorted training identities; share: which of how many processes this is.

        Processes take turns with the samples of one common batch.
        """
        self._samples, self._sampler, self._prepare = samples, sampler, preparation
        self._seed, (self._rank, self._world) = seed, share
        self._drawn = DatasetDraws([length for _, length in samples.datasets])
        number = {label: index for index, label in enumerate(labels)}
        self._labels = [number[sample.identity] for sample in samples.samples]
        self._samples_of: dict[int, list[int]] = {label: [] for label in sorted(set(self._labels))}
        for index, label in enumerate(self._labels):
            self._samples_of[label].append(index)
        self._choose = FrameChoice(
            sampler.sample_type,
            sampler.frames_num_fixed,
            sampler.frames_num_min,
            sampler.frames_num_max,
            sampler.frames_skip_num,
            sampler.frames_all_limit,
        )
        size = sampler.batch_size
        self._size = size if isinstance(size, int) else size[0] * size[1]
        if self._size % self._world:
            raise ConfigError(
                f"trainer_cfg.sampler.batch_size: {self._size} walks cannot be shared by {self._world} processes."
            )

    def __getitem__(self, iteration: int) -> Batch:
        """The batch of one iteration (from 0), or this process's share of it."""
        picked = self._pick(iteration)
        return self.collate({slot: picked[slot] for slot in range(self._rank, len(picked), self._world)}, iteration)

    def _pick(self, iteration: int) -> list[int]:
        count, size, kind = len(self._samples), self._sampler.batch_size, self._sampler.type
        draws = Draws.of_batch(self._seed, iteration)
        if kind == "BilateralSampler":
            which, number = self._drawn(iteration)
            sizes = [size for size, _ in self._samples.datasets]
            first, count = sum(sizes[:which]), sizes[which]
            epoch, number = divmod(number, bilateral_batches_of_an_epoch(count, self._size))
            batches = bilateral_batches(count, self._size, Draws.of_batch(self._seed, epoch, which))
            return [first + index for index in next(islice(batches, number, None))]
        if kind == "CommonSampler":
            return common_batch(count, self._size, draws)
        if kind != "TripletSampler" or isinstance(size, int):
            raise ConfigError(f"trainer_cfg.sampler: {kind} with batch_size {size} cannot train.")
        if size[0] > len(self._samples_of):
            raise ConfigError(
                f"trainer_cfg.sampler.batch_size: {size[0]} people a batch, but the dataset has "
                f"{len(self._samples_of)} to train on. Lower it with --set."
            )
        return triplet_batch(self._samples_of, *size, draws, self._sampler.batch_shuffle)

    def collate(self, picked: Mapping[int, int], iteration: int) -> Batch:
        """Samples, by their places in the whole batch, as a batch.

        Frames and augmentations are drawn for each place anew, whichever process has it.
        """
        seen = []
        for slot, index in picked.items():
            modalities, draws = self._samples[index], Draws.of_batch(self._seed, iteration, 1 + slot)
            seen.append(self._prepare(modalities, self._choose(len(modalities[0]), draws), draws))
        lengths = [len(modalities[0]) for modalities in seen] if self._choose.concatenated else None
        inputs = [
            torch.from_numpy(np.stack(arrays) if lengths is None else np.concatenate(arrays)[None]).float()
            for arrays in zip(*seen, strict=True)
        ]
        samples = [self._samples.samples[index] for index in picked.values()]
        labels = torch.tensor([self._labels[index] for index in picked.values()])
        return Batch(inputs, labels, [one.type for one in samples], [one.view for one in samples], lengths)
