"""Rank-1 on held-out samples by a simple retrieval: one type is the gallery, the others are probes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from pipeline.errors import ConfigError
from pipeline.research.training.config import ValidationConfig
from pipeline.research.training.data.batches import Arrays, Batch, Preparation, Samples
from pipeline.research.training.data.sampling import Draws
from pipeline.research.training.networks import Trainable
from pipeline.research.training.precision import has_bf16

AT_ONCE = 1024  # silhouettes that pass through the network together


def validate(
    trainable: Trainable, samples: Samples, preparation: Preparation, config: ValidationConfig, frames: int
) -> dict[str, Any]:
    """Rank-1 by type of the probes, and over all of them, for the embeddings and for the head's normalised ones.

    A sample is seen in interleaved windows of `frames` silhouettes, as long as those of the training, and is the mean
    of their embeddings, every part at unit length. Probes are compared with all samples of the gallery's type (whatever
    their view) by the cosine. Raises ConfigError when the gallery or the probes are missing.
    """
    network = trainable.network
    was_training = network.training
    network.eval()
    try:
        device = next(network.parameters()).device
        bf16 = device.type == "cpu" and has_bf16()
        with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16, enabled=bf16):
            found = _embed(trainable, _windows_of(samples, preparation, config.windows, frames), frames)
    finally:
        network.train(was_training)
    identities = np.array([sample.identity for sample in samples.samples])
    types = np.array([sample.type for sample in samples.samples])
    gallery = types == config.gallery_type
    if not gallery.any() or gallery.all():
        raise ConfigError(
            f"validation_cfg.gallery_type: {config.gallery_type!r} leaves no gallery or no probes among the types "
            f"{', '.join(sorted(set(types)))}."
        )
    kinds = [str(kind) for kind in dict.fromkeys(types[~gallery])]
    report: dict[str, Any] = {
        "gallery_walks": int(gallery.sum()),
        "probe_walks": int((~gallery).sum()),
        "identities": len(set(identities.tolist())),
        "frames": frames,
    }
    for name, vectors in found.items():
        known, probes = (vectors[torch.from_numpy(side)].flatten(1) for side in (gallery, ~gallery))
        right = identities[gallery][(probes @ known.T).argmax(dim=1).numpy()] == identities[~gallery]
        by_type = {kind: round(float(right[types[~gallery] == kind].mean()), 4) for kind in kinds}
        report[name] = {"rank1": round(float(right.mean()), 4), "rank1_by_type": by_type}
    return report


def _windows_of(samples: Samples, preparation: Preparation, most: int, frames: int) -> Iterator[tuple[int, Arrays]]:
    """(which sample, one of its windows as the network takes it)."""
    draws = Draws.seeded(0)
    for index in range(len(samples)):
        modalities = samples[index]
        for window in windows(len(modalities[0]), frames, most):
            yield index, preparation(modalities, window, draws)


def _embed(trainable: Trainable, shown: Iterator[tuple[int, Arrays]], frames: int) -> dict[str, Tensor]:
    """name → [samples, c, p], every part of every sample at unit length."""
    device = next(trainable.network.parameters()).device
    sums: dict[str, dict[int, Tensor]] = defaultdict(dict)
    pending: list[tuple[int, Arrays]] = []

    def flush() -> None:
        inputs = [
            torch.stack([torch.from_numpy(np.ascontiguousarray(values)).float() for values in arrays]).to(device)
            for arrays in zip(*(arrays for _, arrays in pending), strict=True)
        ]
        batch = Batch(inputs, torch.zeros(len(pending), dtype=torch.long, device=device), [], [])
        outputs = trainable.outputs(trainable.network, batch)
        for name, vectors in (("embeddings", outputs.embeddings), ("neck", outputs.neck)):
            if vectors is not None:
                unit = F.normalize(vectors.float(), dim=1).cpu()
                for (owner, _), vector in zip(pending, unit, strict=True):
                    sums[name][owner] = sums[name].get(owner, 0) + vector
        pending.clear()

    for each in shown:
        pending.append(each)
        if len(pending) * frames >= AT_ONCE:
            flush()
    if pending:
        flush()
    return {name: F.normalize(torch.stack(list(total.values())), dim=1) for name, total in sums.items()}


def windows(length: int, frames: int, most: int) -> Sequence[NDArray[np.int64]]:
    """Indices of interleaved windows of `frames` silhouettes, at most `most`; a short sample is repeated."""
    if length < frames:
        return [np.arange(frames) % length]
    count = max(1, min(most, length // frames))
    picked = np.linspace(0, length - 1, count * frames).round().astype(np.int64)
    return [picked[start::count] for start in range(count)]
