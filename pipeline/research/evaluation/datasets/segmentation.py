"""How well GaitEdge cuts people out: its U-Net's masks against the data set's silhouettes, frame by frame.

Reference: golden/gaitedge_phase1_seg (OpenGait losses/bce.py, evaluation/metric.py: mean_iou).
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipeline.engine.progress import Progress
from pipeline.inference.runtime import device
from pipeline.recognition.encoder import EXPORTED
from pipeline.recognition.model_encoder import network_of
from pipeline.recognition.models.gaitedge import GAITEDGE, GaitEdge, stretched
from pipeline.recognition.network import FRAMES_AT_ONCE
from pipeline.research.evaluation.datasets.embedding import EncoderPlan
from pipeline.research.evaluation.datasets.ranking import take_a_gpu
from pipeline.research.training.data.dataset import Sample, as_silhouettes, read_sample
from pipeline.research.training.data.processes import in_processes
from pipeline.research.training.input_files import files_of, refuse_other_files
from pipeline.types import Modality

FILES = files_of((Modality.RGB, Modality.ASPECT_RATIOS, Modality.BODIES))
NOTHING = 1e-9  # so that two empty masks have no overlap instead of none that is known

_network: tuple[GaitEdge, str] | None = None  # of a process that shares the work, and its device


def overlaps(masks: Tensor, silhouettes: Tensor) -> Tensor:
    """Of each of n frames n×H×W in 0–1: the intersection of both over their union; grey counts as a part."""
    together, either = masks * silhouettes, masks + silhouettes > 0
    return together.flatten(1).sum(1) / (either.flatten(1).sum(1) + NOTHING)


def mean_overlap(samples: Sequence[Sample], plan: EncoderPlan, bars: Progress, processes: int = 1) -> dict[str, float]:
    """{"mIoU": the mean over all frames, in percent}, where the encoder is GaitEdge and walks have silhouettes beside
    pictures and ratios; else nothing.

    Raises InputError for files that are something else.
    """
    checkpoint = plan.checkpoint
    if plan.recognition.encoder != GAITEDGE.name or checkpoint is None or checkpoint.path.suffix in EXPORTED:
        return {}
    if any(len(sample.files) < len(FILES) for sample in samples):
        return {}
    bars.start("segmentation", len(samples), "walks")
    frames = []
    with closing(in_processes(_of_walk, samples, processes, partial(_open, plan))) as found:
        for one in found:
            frames.append(one)
            bars.advance("segmentation")
    bars.finish("segmentation")
    return {"mIoU": 100 * float(np.concatenate(frames).mean())}


def _open(plan: EncoderPlan) -> None:
    global _network  # noqa: PLW0603 - a process opens it once, for all walks
    chosen = device(plan.runtime)
    take_a_gpu(chosen)
    assert plan.checkpoint is not None
    network = network_of(GAITEDGE, plan.checkpoint, "embeddings").eval()
    assert isinstance(network, GaitEdge)
    network.drop_head()
    _network = network.to(chosen), chosen


def _of_walk(sample: Sample) -> NDArray[np.float32]:
    assert _network is not None  # opened first
    network, place = _network
    found = read_sample(sample)[: len(FILES)]
    refuse_other_files(sample, found, [FILES], GAITEDGE.title, "Say which files they are with --files.")
    pictures, ratios, masks = (np.asarray(one) for one in found)
    masks = as_silhouettes(masks, sample.files[2])
    pictures, _, masks = stretched((pictures, ratios.astype(np.float32), masks))
    frames = torch.from_numpy(pictures.swapaxes(0, 1)), torch.from_numpy(masks)
    pairs = zip(*(torch.split(of_all, FRAMES_AT_ONCE) for of_all in frames), strict=True)
    with torch.inference_mode():
        parts = [overlaps(network.body(some.to(place) / 255).round(), truth.to(place) / 255) for some, truth in pairs]
        return np.asarray(torch.cat(parts).cpu().numpy())
