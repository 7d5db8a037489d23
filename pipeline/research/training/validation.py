"""Rank-1 on held-out walks by a simple retrieval: one type is the gallery, the others are probes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from pipeline.errors import ConfigError
from pipeline.research.training.config import PointsInUse, ValidationConfig
from pipeline.research.training.data.batches import Batch, Walks, altered
from pipeline.research.training.data.draws import Draws
from pipeline.research.training.data.transforms import Transform
from pipeline.research.training.networks import Trainable
from pipeline.research.training.precision import has_bf16

AT_ONCE = 1024  # silhouettes that pass through the network together


def validate(
    trainable: Trainable,
    walks: Walks,
    transforms: Sequence[Transform],
    config: ValidationConfig,
    frames: int,
    points: PointsInUse | None = None,
) -> dict[str, Any]:
    """Rank-1 by type of the probes, and over all of them, for the embeddings and for the head's normalised ones.

    A walk is seen in interleaved windows of `frames` silhouettes, as long as those of the training, and is the mean of
    their embeddings, every part at unit length. Probes are compared with all walks of the gallery's type (whatever
    their view) by the cosine. Raises ConfigError when the gallery or the probes are missing.
    """
    network = trainable.network
    device = next(network.parameters()).device
    was_training = network.training
    network.eval()
    try:
        bf16 = device.type == "cpu" and has_bf16()
        with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16, enabled=bf16):
            found = _embedded(trainable, walks, transforms, config, frames, points, device)
    finally:
        network.train(was_training)
    identities = np.array([walk.identity for walk in walks.walks])
    types = np.array([walk.type for walk in walks.walks])
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
        right = _first_right(vectors, identities, gallery)
        by_type = {kind: round(float(right[types[~gallery] == kind].mean()), 4) for kind in kinds}
        report[name] = {"rank1": round(float(right.mean()), 4), "rank1_by_type": by_type}
    return report


def _first_right(vectors: Tensor, identities: NDArray[Any], gallery: NDArray[np.bool_]) -> NDArray[np.bool_]:
    known, probes = vectors[torch.from_numpy(gallery)], vectors[torch.from_numpy(~gallery)]
    nearest = (probes.flatten(1) @ known.flatten(1).T).argmax(dim=1).numpy()
    return np.asarray(identities[gallery][nearest] == identities[~gallery])


def _embedded(
    trainable: Trainable,
    walks: Walks,
    transforms: Sequence[Transform],
    config: ValidationConfig,
    frames: int,
    points: PointsInUse | None,
    device: torch.device,
) -> dict[str, Tensor]:
    """name → [walks, c, p], every part of every walk at unit length."""
    draws = Draws.seeded(0)
    pending: list[list[Tensor]] = []
    owners: list[int] = []
    sums: dict[str, list[Tensor | None]] = {}

    def flush() -> None:
        inputs = [torch.stack(list(modality)).to(device) for modality in zip(*pending, strict=True)]
        batch = Batch(inputs, torch.zeros(len(pending), dtype=torch.long, device=device), [], [])
        outputs = trainable.outputs(trainable.network, batch)
        for name, vectors in (("embeddings", outputs.embeddings), ("neck", outputs.neck)):
            if vectors is None:
                continue
            total = sums.setdefault(name, [None] * len(walks))
            for owner, vector in zip(owners, F.normalize(vectors.float(), dim=1).cpu(), strict=True):
                before = total[owner]
                total[owner] = vector if before is None else before + vector
        pending.clear()
        owners.clear()

    for index in range(len(walks)):
        modalities = walks[index]
        for window in windows(len(modalities[0]), frames, config.windows):
            seen = altered(modalities, window, transforms, trainable.joined, points, draws)
            pending.append([torch.from_numpy(np.ascontiguousarray(values)).float() for values in seen])
            owners.append(index)
            if len(pending) * frames >= AT_ONCE:
                flush()
    if pending:
        flush()
    stacked = {name: torch.stack([vector for vector in total if vector is not None]) for name, total in sums.items()}
    return {name: F.normalize(vectors, dim=1) for name, vectors in stacked.items()}


def windows(length: int, frames: int, most: int) -> Sequence[NDArray[np.int64]]:
    """Indices of interleaved windows of `frames` silhouettes, at most `most`; a short walk is repeated to fill one."""
    count = max(1, min(most, length // frames))
    if length < frames:
        return [np.arange(frames) % length]
    picked = np.linspace(0, length - 1, count * frames).round().astype(np.int64)
    return [picked[start::count] for start in range(count)]
