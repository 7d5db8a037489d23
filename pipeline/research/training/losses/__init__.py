"""What a training minimises: OpenGait's losses by their names, weighed and summed."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from pipeline.errors import ConfigError
from pipeline.profiles import nearest
from pipeline.research.training.losses import disentangling, metric
from pipeline.research.training.settings import known_settings, like

LossFunction = Callable[..., tuple[Tensor, metric.Logged]]

LOSSES: Mapping[str, LossFunction] = {
    "TripletLoss": metric.triplet,
    "CrossEntropyLoss": metric.cross_entropy,
    "BinaryCrossEntropyLoss": metric.binary_cross_entropy,
    "SupConLoss_Re": metric.supervised_contrastive,
    "SupConLoss_Lp": metric.supervised_contrastive_by_distance,
    "PartSupConLoss": metric.part_contrastive,
    # those of the disentangled skeletons
    "DisentanglingLoss": disentangling.sum_of_terms,
    "OtherClassesSmoothedLoss": disentangling.identity_term,
    "CentreLoss": disentangling.centre_term,
}
RENAMED = {("CrossEntropyLoss", "eps"): "smoothing"}  # OpenGait's settings where ours have other names
NO_SETTINGS = ("type", "log_prefix", "loss_term_weight", "log_accuracy", "gather_and_scale", "input")


@dataclass(frozen=True)
class WeighedLoss:
    """One term: what it is called in the log, which of the network's outputs it reads, its weight and settings."""

    name: str
    input: str
    weight: float
    function: LossFunction
    settings: Mapping[str, Any]
    unlogged: tuple[str, ...] = ()


def losses_of(entries: Sequence[Mapping[str, Any]], unsupported: list[str] | None = None) -> list[WeighedLoss]:
    """The terms of loss_cfg. Raises ConfigError for an unknown loss.

    unsupported: collects the unknown settings, which are passed over as in OpenGait.
    """
    terms = []
    for index, entry in enumerate(entries):
        where, kind = f"loss_cfg[{index}]", str(entry.get("type"))
        if kind not in LOSSES:
            raise ConfigError(f"{where}: no loss {kind!r}{nearest(kind, sorted(LOSSES))}")
        settings = {RENAMED.get((kind, key), key): value for key, value in entry.items() if key not in NO_SETTINGS}
        known = {
            key: one
            for key, one in inspect.signature(LOSSES[kind]).parameters.items()
            if key not in ("embeddings", "labels")
        }
        settings = known_settings(settings, known, where, [] if unsupported is None else unsupported)
        name = str(entry.get("log_prefix", kind))
        unlogged = () if entry.get("log_accuracy", False) else ("accuracy",)
        weight = like(1.0, entry.get("loss_term_weight", 1.0), f"{where}.loss_term_weight")
        terms.append(WeighedLoss(name, str(entry.get("input", name)), weight, LOSSES[kind], settings, unlogged))
    return terms


def total_loss(
    terms: Iterable[WeighedLoss], outputs: Mapping[str, Mapping[str, Tensor]]
) -> tuple[Tensor, dict[str, Tensor]]:
    """The weighed sum of the terms' means, and what to log as name/quantity.

    Raises ConfigError when the network has not the output that a term reads.
    """
    total: Tensor | None = None
    logged: dict[str, Tensor] = {}
    for term in terms:
        if term.input not in outputs:
            raise ConfigError(f"loss_cfg: no output {term.input!r} of the network{nearest(term.input, list(outputs))}")
        loss, info = term.function(**outputs[term.input], **term.settings)
        weighed = loss.mean() * term.weight
        total = weighed if total is None else total + weighed
        logged.update({f"{term.name}/{key}": value for key, value in info.items() if key not in term.unlogged})
    if total is None:
        raise ConfigError("loss_cfg: empty; give at least one loss.")
    return total, logged
