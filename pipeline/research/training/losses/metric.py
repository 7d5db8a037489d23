"""Losses of gait training. n samples, c channels, p parts of the body, k identities.

Reference: golden/losses (OpenGait modeling/losses), values and gradients. Each returns the loss as it comes (one value
a part, or one) and what is worth logging; the aggregate takes the mean and weighs it.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

Logged = dict[str, Tensor]
EPSILON = 1e-9


def triplet(embeddings: Tensor, labels: Tensor, margin: float = 0.2) -> tuple[Tensor, Logged]:
    """Batch-all triplet loss (Hermans et al., 2017) of every part: embeddings [n, c, p] → [p].

    The mean is over the triplets that violate the margin. The distance of a sample to itself counts as a positive one,
    as in the reference. Raises ValueError unless every identity has as many samples in the batch.
    """
    same = labels[:, None] == labels
    positives = same.sum(dim=1)
    if not bool((positives == positives[0]).all()):
        raise ValueError("triplet loss: every identity of a batch needs as many walks; use the TripletSampler")
    distances = _distances(embeddings.permute(2, 0, 1).contiguous().float())  # [p, n, n]
    parts, samples = distances.shape[:2]
    to_same = distances[:, same].view(parts, samples, -1, 1)
    to_others = distances[:, ~same].view(parts, samples, 1, -1)
    violations = F.relu(to_same - to_others + margin).flatten(1)
    active = (violations != 0).sum(dim=1).float()
    loss = violations.sum(dim=1) / (active + EPSILON)
    loss = torch.where(active == 0, torch.zeros_like(loss), loss)
    logged = {
        "loss": loss,
        "hard_loss": violations.amax(dim=1),
        "loss_num": active,
        "mean_dist": distances.mean(dim=(1, 2)),
    }
    return loss, detach(logged)


def _distances(embeddings: Tensor) -> Tensor:
    """Euclidean distances of [p, n, c] → [p, n, n].

    The squares are computed twice: the gradient of a sample's distance to itself is rounding alone, and so is the
    reference's.
    """
    one, other = embeddings.square().sum(dim=-1), embeddings.square().sum(dim=-1)
    products = embeddings @ embeddings.transpose(1, 2)
    return F.relu(one[:, :, None] + other[:, None, :] - 2 * products).sqrt()


def cross_entropy(
    logits: Tensor, labels: Tensor, scale: float = 16.0, label_smooth: bool = True, smoothing: float = 0.1
) -> tuple[Tensor, Logged]:
    """Identity classification of every part: logits [n, k, p] → one value. Cosine logits need the `scale`."""
    targets = labels[:, None].expand(-1, logits.shape[2])
    loss = F.cross_entropy(logits.float() * scale, targets, label_smoothing=smoothing if label_smooth else 0.0)
    accuracy = (logits.argmax(dim=1) == targets).float().mean()
    return loss, detach({"loss": loss, "accuracy": accuracy})


def binary_cross_entropy(masks: Tensor, targets: Tensor, eps: float = EPSILON) -> tuple[Tensor, Logged]:
    """Of probabilities n×1×h×w against masks of the same shape, the mean over pixels."""
    masks = masks.float()
    entropy = -(targets * torch.log(masks + eps) + (1 - targets) * torch.log(1 - masks + eps))
    both, either = (((masks > 0.5) & (targets > 0.5)), ((masks > 0.5) | (targets > 0.5)))
    overlap = both.flatten(1).sum(dim=1) / either.flatten(1).sum(dim=1)
    loss = entropy.mean()
    return loss, detach({"loss": loss, "hard_loss": entropy.amax(), "miou": overlap})


def supervised_contrastive(
    features: Tensor, labels: Tensor | None = None, temperature: float = 0.01, base_temperature: float = 0.07
) -> tuple[Tensor, Logged]:
    """SupCon (Khosla et al., NeurIPS 2020) of [n, v, c], v views of each sample: dot products, one value.

    labels: n; None: only the views of a sample belong together (SimCLR). OpenGait's SupConLoss_Re.
    """
    samples, views = features.shape[:2]
    labels = torch.arange(samples, device=features.device) if labels is None else labels
    stacked = features.float().transpose(0, 1).reshape(views * samples, -1)
    losses = _contrast(stacked @ stacked.T / temperature, labels.repeat(views))
    loss = (temperature / base_temperature) * losses.mean()
    return loss, detach({"loss": loss})


def supervised_contrastive_by_distance(
    features: Tensor, labels: Tensor, temperature: float = 0.01, reference: bool = False
) -> tuple[Tensor, Logged]:
    """SupCon over negative L2 distances of unit vectors [n, c]; losses that are not positive are left out.

    OpenGait's SupConLoss_Lp, GaitGraph2's loss. reference: also leave out, as it does, samples that lie so far from all
    others that the exponentials of float32 are 0 (from 1.03 at a temperature of 0.01 on).
    """
    unit = F.normalize(features.float(), dim=1)
    similarities = -torch.cdist(unit, unit) / temperature
    losses = _contrast(similarities, labels)
    taken = losses > 0
    if reference:
        taken &= similarities.detach().exp().fill_diagonal_(0).sum(dim=1) > 0
    positive = losses[taken]
    loss = positive.mean() if len(positive) else losses.sum() * 0
    return loss, detach({"loss": loss})


def part_contrastive(
    embeddings: Tensor, labels: Tensor, temperature: float = 0.1, whole: bool = True
) -> tuple[Tensor, Logged]:
    """SupCon over the cosines of every part [n, c, p] → [p], and of the whole sample if asked [p + 1].

    Where triplets collapse at the start, this learns: every sample of the batch pulls and pushes, in every part. The
    whole's cosine is the mean of its parts', which is what the distance of two samples is computed from.
    """
    unit = F.normalize(embeddings.float(), dim=1).permute(2, 0, 1)
    cosines = unit @ unit.transpose(1, 2)
    if whole:
        cosines = torch.cat([cosines, cosines.mean(dim=0, keepdim=True)])
    loss = _contrast(cosines / temperature, labels).mean(dim=-1)
    return loss, detach({"loss": loss})


def _contrast(similarities: Tensor, labels: Tensor) -> Tensor:
    """−mean over each row's positives of the log of its softmax over all but itself: […, n, n] → […, n]."""
    itself = torch.eye(len(labels), dtype=torch.bool, device=similarities.device)
    positives = (labels[:, None] == labels) & ~itself
    log_probability = similarities - torch.logsumexp(similarities.masked_fill(itself, -torch.inf), -1, keepdim=True)
    count = positives.sum(dim=1)
    return -(log_probability.masked_fill(~positives, 0).sum(dim=-1) / count.clamp(min=1))


def detach(logged: Logged) -> Logged:
    """What is worth logging, without its gradient."""
    return {name: value.detach().float() for name, value in logged.items()}
