"""The features of a dataset's walks: by one process, or by several that share them."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pipeline.config import RecognitionConfig, RuntimeConfig
from pipeline.engine.progress import Progress
from pipeline.engine.stream import ahead, batches, portions
from pipeline.errors import InputError
from pipeline.inference.runtime import threads
from pipeline.recognition import Encoder, open_encoder
from pipeline.research.evaluation.datasets.features import DatasetFeatures
from pipeline.research.evaluation.datasets.ranking import take_a_gpu
from pipeline.research.training.data.dataset import (
    Frames,
    Sample,
    read_sample,
    read_silhouettes,
    with_silhouettes,
)
from pipeline.research.training.data.processes import in_processes
from pipeline.research.training.input_files import files_of, refuse_other_files
from pipeline.segmentation.normalise import cut_width
from pipeline.types import GaitSequence, Modality, ModalityFrames, SilhouetteSequence
from pipeline.weights.checkpoints import Checkpoint

POINTS = 1024  # of a frame's cloud
SAMPLES_AHEAD = 32  # read while others are encoded
FRAMES_AT_ONCE = 4_000  # encoded together: 11 MB of silhouettes
WALKS_AT_ONCE = 128  # that a process is given: what is encoded together does not depend on how many there are
SQUARE = (Modality.SILHOUETTES, Modality.SKELETON_MAPS, Modality.PARSING)  # in files, and cut unless a training says

EncoderSequence = SilhouetteSequence | GaitSequence
Parts = NDArray[np.float32]
Cuts = Sequence[int | None]


@dataclass(frozen=True, slots=True)
class EncoderPlan:
    """What any process needs to open the encoder. cuts: as `read_sequence` takes them."""

    recognition: RecognitionConfig
    runtime: RuntimeConfig
    checkpoint: Checkpoint | None
    cuts: Cuts = ()

    def open(self) -> Encoder:
        return open_encoder(self.recognition, self.runtime, self.checkpoint)

    def open_here(self) -> None:
        """Be the encoder that `_embed` asks in this process."""
        global _opened  # noqa: PLW0603 - a process opens its encoder once, for all walks
        take_a_gpu(self.runtime.device)
        _opened = self.open(), self.cuts

    def shared_by(self, processes: int, device: str) -> EncoderPlan:
        """The plan of each of several processes, among whom the cores are shared out."""
        each = max(1, threads(self.runtime) // processes)
        return replace(self, runtime=self.runtime.model_copy(update={"threads": each, "device": device}))


_opened: tuple[Encoder, Cuts] | None = None  # of a process that shares the work


def is_shared(samples: Sequence[Sample], processes: int) -> bool:
    """Whether there is work for more processes than one."""
    return processes > 1 and len(samples) > WALKS_AT_ONCE


def embed_dataset(
    samples: Sequence[Sample], plan: EncoderPlan, bars: Progress, encoder: Encoder | None = None, processes: int = 1
) -> DatasetFeatures:
    """Encode every sample; the features are in their order.

    Args:
        samples: The walks.
        plan: Of each process's encoder.
        bars: Are told how far it is.
        encoder: Where this process is the only one.
        processes: How many there are.

    Raises:
        InputError: A sample cannot be read or used, or its embedding is not finite.
        GaitError: A process died.
    """
    bars.start("recognition", len(samples), "walks")
    shares, parts, made_by = list(batches(samples, WALKS_AT_ONCE)), list[Parts](), ("", "")
    found: Generator[tuple[Parts, tuple[str, str]], None, None]
    if encoder is None:
        found = in_processes(_embed, shares, processes, plan.open_here)
    else:
        found = ((embed(share, encoder, plan.cuts), _name_of(encoder)) for share in shares)
    with closing(found):
        for one, by in found:
            parts.append(one)
            made_by = by
            bars.advance("recognition", len(one))
    bars.finish("recognition")
    labels, types, views = (
        np.array([getattr(sample, name) for sample in samples], np.str_) for name in ("identity", "type", "view")
    )
    features = np.concatenate(parts)
    if not np.isfinite(features).all():
        raise InputError(f"{made_by[0]}: its embeddings are not finite. Take other weights.")
    return DatasetFeatures(features, labels, types, views, *made_by)


def _embed(samples: Sequence[Sample]) -> tuple[Parts, tuple[str, str]]:
    assert _opened is not None  # opened first
    return embed(samples, *_opened), _name_of(_opened[0])


def _name_of(encoder: Encoder) -> tuple[str, str]:
    return encoder.model, encoder.checkpoint_sha256


def embed(samples: Sequence[Sample], encoder: Encoder, cuts: Cuts = ()) -> Parts:
    """The features of some samples, n×C×P; cuts: as `read_sequence` takes them."""
    parts: list[Parts] = []
    read = (read_sequence(sample, number, encoder.needs, cuts) for number, sample in enumerate(samples, 1))
    with closing(ahead(read, SAMPLES_AHEAD, "read")) as sequences:
        for portion in portions(sequences, lambda one: len(one.modalities[encoder.needs[0]]), FRAMES_AT_ONCE):
            parts += [embedding.parts for embedding in encoder.encode(portion)]
    return np.stack(parts)


def read_sequence(sample: Sample, number: int, needs: Sequence[Modality], cuts: Cuts = ()) -> EncoderSequence:
    """A sample as encoders take it; its files are the modalities in `needs`, in their order.

    Clouds get POINTS points a frame, evenly chosen; of those with more values than three the first three are places.
    cuts: how many columns are cut off each side of each file's pictures, or of all files'; None: ten of every 64, as
    those in SQUARE are by default. Raises InputError for a sample with fewer files or no frames.
    """
    columns = dict[Modality, int | None](zip(needs, cuts if len(cuts) > 1 else tuple(cuts) * len(needs), strict=False))
    columns = {**dict.fromkeys(SQUARE), **columns}
    if tuple(needs) == (Modality.SILHOUETTES,):
        masks = read_silhouettes(sample, columns[needs[0]])
        if not len(masks):
            raise InputError(f"{sample.files[0]}: no silhouettes. Make the file again, or remove its folder.")
        return SilhouetteSequence(sample.name, number, masks, np.arange(len(masks)))
    found = read_sample(sample)
    expected = [files_of(needs)]
    advice = "Say which files they are with --files."
    refuse_other_files(sample, found[: len(needs)], expected, "the encoder", advice)
    modalities = {}
    for need, file in zip(needs, with_silhouettes(sample, found, needs), strict=False):
        frames = _same_size_clouds(file) if need is Modality.POINTS else file
        if isinstance(frames, list) or not len(frames):
            raise InputError(f"{sample.files[0].parent}: no {need} that are one array. Make the files again.")
        data = cut_width(frames, columns.get(need, 0)) if frames.ndim > 2 else frames
        modalities[need] = ModalityFrames(data, np.arange(len(data)))
    return GaitSequence(sample.name, number, modalities)


def _same_size_clouds(clouds: Frames) -> Frames:
    """Clouds N×C of any length as one array T×POINTS×3; as they are where one is no such cloud."""
    if any(cloud.ndim != 2 or cloud.shape[1] < 3 or not len(cloud) for cloud in clouds):
        return list(clouds)
    chosen = [np.linspace(0, len(cloud) - 1, POINTS).round().astype(np.int64) for cloud in clouds]
    return np.stack([cloud[places, :3] for cloud, places in zip(clouds, chosen, strict=True)]).astype(np.float32)
