"""The losses of the disentangled skeletons (zq1335030905/Gait-recognition-with-disentanglement-features, lib/loss.py).

Samples come in threes: one, the same person from another view, and another person from the first one's view. What a
code must not know, it must not change with. Reference: golden/disentanglement/info.json.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from pipeline.recognition.layers.skeleton_autoencoder import Autoencoder, without_depth
from pipeline.research.training.losses.metric import detach

LONGEST_SHIFT = 30  # frames: a stride


@dataclass(frozen=True, slots=True)
class Weights:
    """How much each loss counts: the reference's configuration."""

    reconstruction: float = 10_000.0
    body: float = 200.0
    motion: float = 200.0
    view: float = 500.0
    time: float = 100.0
    triplet: float = 100.0


def autoencoder_losses(
    autoencoder: Autoencoder, one: Tensor, other_view: Tensor, other_person: Tensor, weights: Weights | None = None
) -> dict[str, Tensor]:
    """Every weighted loss of a batch of samples [n, 30, 64] by name; their sum is what is minimised.

    reconstruction: both views of the person, from their own codes. exchanged view: the sample with the view code of
    another person's sample, and the other way round, must look the same. body, motion: do not change with the view.
    view: does not change with the person. time, time of other view: a body code is the same in every frame.
    triplet …: the same once more, compared with samples in which it does change.
    """
    w = weights or Weights()
    a, v, i = (autoencoder.encode(each) for each in (one, other_view, other_person))
    again = {name: without_depth(autoencoder.decode(c.motion, c.body, c.view)) for name, c in (("a", a), ("v", v))}
    a_like_i = without_depth(autoencoder.decode(a.motion, a.body, i.view))
    i_like_a = without_depth(autoencoder.decode(i.motion, i.body, a.view))
    motion_a, motion_v, motion_i = (code.motion.amax(dim=2) for code in (a, v, i))
    return {
        "reconstruction": w.reconstruction * (shifted_mse(again["a"], one) + shifted_mse(again["v"], other_view)) / 2,
        "exchanged view": w.reconstruction * (shifted_mse(a_like_i, one) + shifted_mse(i_like_a, other_person)) / 2,
        "body": w.body * F.mse_loss(a.body, v.body),
        "motion": w.motion * F.mse_loss(a.motion, v.motion),
        "view": w.view * F.mse_loss(a.view, i.view),
        "time": w.time * unsteadiness(a.body_frames),
        "time of other view": w.time * unsteadiness(v.body_frames),
        "triplet body": w.triplet * F.triplet_margin_loss(a.body, v.body, i.body),
        "triplet motion": w.triplet * F.triplet_margin_loss(motion_a, motion_v, motion_i),
        "triplet view": w.triplet * F.triplet_margin_loss(a.view, i.view, v.view),
    }


def sum_of_terms(**terms: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
    """The sum of `autoencoder_losses`, each of one value a process, as a term of loss_cfg."""
    return torch.stack([term.mean() for term in terms.values()]).sum(), detach(terms)


def identity_term(logits: Tensor, labels: Tensor, smoothing: float = 0.1) -> tuple[Tensor, dict[str, Tensor]]:
    """`smooth_cross_entropy` as a term of loss_cfg: logits [n, k, 1]."""
    flat = logits.squeeze(-1).float()
    loss = smooth_cross_entropy(flat, labels, smoothing)
    return loss, detach({"loss": loss, "accuracy": (flat.argmax(dim=1) == labels).float().mean()})


def centre_term(features: Tensor, centres: Tensor, labels: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
    """`centre_loss` as a term of loss_cfg."""
    loss = centre_loss(features.float(), centres.float(), labels)
    return loss, detach({"loss": loss})


def shifted_mse(given: Tensor, target: Tensor) -> Tensor:
    """The mean squared difference of two samples [n, rows, frames], one of them shifted by up to a stride to fit best.

    As in the reference, every shift is divided by the number of frames it leaves; the last frame is never looked at.
    """
    frames = given.shape[-1]
    shifts = range(LONGEST_SHIFT if frames > LONGEST_SHIFT else frames // 2)
    found = [
        F.mse_loss(late[..., shift : frames - 1], early[..., : frames - shift - 1]) / (frames - shift)
        for late, early in ((given, target), (target, given))
        for shift in shifts
    ]
    return torch.stack(found).min()


def unsteadiness(code: Tensor) -> Tensor:
    """The mean absolute cosine of every channel's course [n, c, frames] and the same two frames later, going round."""
    return F.cosine_similarity(code[..., :-1], code.roll(-1, dims=2)[..., 1:], dim=2).abs().mean()


def smooth_cross_entropy(logits: Tensor, labels: Tensor, smoothing: float) -> Tensor:
    """Cross entropy with `smoothing` of the mass spread over the other classes alone."""
    classes = logits.shape[1]
    wanted = torch.full_like(logits, smoothing / (classes - 1)).scatter_(1, labels[:, None], 1 - smoothing)
    return -(wanted * logits.log_softmax(dim=1)).sum(dim=1).mean()


def centre_loss(features: Tensor, centres: Tensor, labels: Tensor) -> Tensor:
    """The mean squared distance of features to the centre of their identity (Wen et al., ECCV 2016)."""
    return (features - centres[labels]).square().sum(dim=1).mean()
