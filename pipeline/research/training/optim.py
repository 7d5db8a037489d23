"""Optimisers, schedules and weighed losses from OpenGait's settings: torch's by name, and what the project adds."""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from pipeline.errors import ConfigError
from pipeline.profiles import nearest
from pipeline.research.training.losses import disentangling
from pipeline.research.training.losses import metric as losses

LEAST_SWIN_RATE, SWIN_STEP = 1e-6, 1000  # OpenGait's SwinGait: what the rate ends at, batches between its steps

# What OpenGait's configs/default.yaml says, for what a file leaves out and the solver or schedule knows.
OPTIMIZER: Mapping[str, Any] = {"solver": "SGD", "lr": 0.1, "momentum": 0.9, "weight_decay": 0.0005}
SCHEDULER: Mapping[str, Any] = {"scheduler": "MultiStepLR", "milestones": (20000, 40000, 60000), "gamma": 0.1}

LossFunction = Callable[..., tuple[Tensor, losses.Logged]]

LOSSES: Mapping[str, tuple[LossFunction, Mapping[str, str]]] = {
    # OpenGait's names, and its names of their settings where ours are others
    "TripletLoss": (losses.triplet, {}),
    "CrossEntropyLoss": (losses.cross_entropy, {"eps": "smoothing"}),
    "BinaryCrossEntropyLoss": (losses.binary_cross_entropy, {}),
    "SupConLoss_Re": (losses.supervised_contrastive, {}),
    "SupConLoss_Lp": (losses.supervised_contrastive_by_distance, {}),
    "PartSupConLoss": (losses.part_contrastive, {}),
    # those of the disentangled skeletons
    "DisentanglingLoss": (disentangling.added, {}),
    "OtherClassesSmoothedLoss": (disentangling.identity_term, {}),
    "CentreLoss": (disentangling.centre_term, {}),
}
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


@dataclass(frozen=True, slots=True)
class Group:
    """Parameters that are optimised in their own way: those whose names start with the regular expression `pattern`.

    rate: their learning rate (None: the one configured), 0 for those that are not trained; share: that they have of it.
    decays: whether weight_decay holds for them.
    """

    pattern: str
    rate: float | None = None
    share: float = 1.0
    decays: bool = True


def losses_of(entries: Sequence[Mapping[str, Any]], unsupported: list[str] | None = None) -> list[WeighedLoss]:
    """The terms of loss_cfg. Raises ConfigError for an unknown loss or setting.

    unsupported: collects unknown settings instead, which are passed over as in OpenGait.
    """
    terms = []
    for index, entry in enumerate(entries):
        where, kind = f"loss_cfg[{index}]", str(entry.get("type"))
        if kind not in LOSSES:
            raise ConfigError(f"{where}: no loss {kind!r}{nearest(kind, sorted(LOSSES))}")
        function, renamed = LOSSES[kind]
        settings = {renamed.get(key, key): value for key, value in entry.items() if key not in NO_SETTINGS}
        known = [name for name in inspect.signature(function).parameters if name not in ("embeddings", "labels")]
        for name in [name for name in settings if name not in known]:
            if unsupported is None:
                raise ConfigError(f"{where}: {kind} has no setting {name!r}{nearest(name, known)}")
            unsupported.append(f"{where}.{name}")
            del settings[name]
        name = str(entry.get("log_prefix", kind))
        unlogged = () if entry.get("log_accuracy", False) else ("accuracy",)
        weight = float(entry.get("loss_term_weight", 1.0))
        terms.append(WeighedLoss(name, str(entry.get("input", name)), weight, function, settings, unlogged))
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


def optimizer_of(
    settings: Mapping[str, Any],
    network: nn.Module,
    unsupported: list[str] | None = None,
    groups: Sequence[Group] = (),
) -> torch.optim.Optimizer:
    """torch's optimiser `solver` over the parameters that are trained; settings that it has not are passed over.

    That is OpenGait's rule: some of its files give a momentum to Adam. unsupported: collects them.
    groups: the first that a parameter's name fits is its own; the others are one more group.
    Raises ConfigError for an unknown solver.
    """
    solver = str(settings.get("solver", OPTIMIZER["solver"]))
    kind = getattr(torch.optim, solver, None)
    if not (inspect.isclass(kind) and issubclass(kind, torch.optim.Optimizer)) or kind is torch.optim.Optimizer:
        known = [name for name, value in vars(torch.optim).items() if inspect.isclass(value)]
        raise ConfigError(f"optimizer_cfg.solver: torch has no {solver!r}{nearest(solver, known)}")
    trained = _grouped(network, groups, settings)
    made: torch.optim.Optimizer = _made(kind, trained, settings, OPTIMIZER, "optimizer_cfg", unsupported)
    return made


def _grouped(network: nn.Module, groups: Sequence[Group], settings: Mapping[str, Any]) -> list[Any]:
    """The parameters that are trained; as torch's groups where there are several."""
    members: list[list[nn.Parameter]] = [[] for _ in range(len(groups) + 1)]
    for name, parameter in network.named_parameters():
        place = next((i for i, group in enumerate(groups) if re.match(group.pattern, name)), len(groups))
        if place < len(groups) and groups[place].rate == 0:
            parameter.requires_grad_(False)
        if parameter.requires_grad:
            members[place].append(parameter)
    if not groups:
        return members[0]
    made: list[Any] = []
    for group, parameters in zip([*groups, Group("")], members, strict=True):
        rate = group.rate if group.rate is not None else float(settings.get("lr", OPTIMIZER["lr"])) * group.share
        own: dict[str, Any] = {"params": parameters, "lr": rate}
        if not group.decays:
            own["weight_decay"] = 0.0
        if parameters:
            made.append(own)
    return made


def stepped_cosine(optimizer: torch.optim.Optimizer, until: int) -> torch.optim.lr_scheduler.LRScheduler:
    """SwinGait's schedule: half a cosine down to LEAST_SWIN_RATE at batch `until`, in steps of SWIN_STEP batches."""

    def share_of(rate: float) -> Callable[[int], float]:
        least = LEAST_SWIN_RATE / rate

        def share(iteration: int) -> float:
            if iteration >= until:
                return least
            return max(least, (1 + math.cos(math.pi * (iteration // SWIN_STEP * SWIN_STEP) / until)) / 2)

        return share

    return torch.optim.lr_scheduler.LambdaLR(optimizer, [share_of(group["lr"]) for group in optimizer.param_groups])


def scheduler_of(
    settings: Mapping[str, Any], optimizer: torch.optim.Optimizer, total: int, unsupported: list[str] | None = None
) -> torch.optim.lr_scheduler.LRScheduler:
    """torch's schedule `scheduler`, stepped once a batch; or ours: WarmupCosine with `warmup` batches and `last`.

    `last` is the share of the learning rate that is left at the end. Raises ConfigError for an unknown schedule.
    """
    name = str(settings.get("scheduler", SCHEDULER["scheduler"]))
    if name == "WarmupCosine":
        if unsupported is not None:
            unsupported += [f"scheduler_cfg.{key}" for key in settings if key not in ("scheduler", "warmup", "last")]
        return torch.optim.lr_scheduler.LambdaLR(
            optimizer, _WarmupCosine(int(settings.get("warmup", 50)), total, float(settings.get("last", 0.0)))
        )
    kind = getattr(torch.optim.lr_scheduler, name, None)
    if not inspect.isclass(kind) or not issubclass(kind, torch.optim.lr_scheduler.LRScheduler):
        raise ConfigError(
            f"scheduler_cfg.scheduler: torch has no {name!r}{nearest(name, ['WarmupCosine', *_schedules()])}"
        )
    made: torch.optim.lr_scheduler.LRScheduler = _made(
        kind, optimizer, settings, SCHEDULER, "scheduler_cfg", unsupported
    )
    return made


class _WarmupCosine:
    """Rises linearly, then falls along half a cosine to `last` at the end."""

    def __init__(self, warmup: int, total: int, last: float) -> None:
        self._warmup, self._total, self._last = warmup, total, last

    def __call__(self, iteration: int) -> float:
        if iteration < self._warmup:
            return (iteration + 1) / self._warmup
        done = min(1.0, (iteration - self._warmup) / max(1, self._total - self._warmup))
        return self._last + (1 - self._last) * (1 + math.cos(math.pi * done)) / 2


def _schedules() -> list[str]:
    return [name for name in vars(torch.optim.lr_scheduler) if name.endswith("LR")]


def _made(
    kind: Any,
    first: Any,
    settings: Mapping[str, Any],
    defaults: Mapping[str, Any],
    where: str,
    unsupported: list[str] | None,
) -> Any:
    name = next(iter(defaults))  # solver or scheduler: the kind itself
    accepted = inspect.signature(kind.__init__).parameters
    wanted = {key: value for key, value in {**defaults, **settings}.items() if key in accepted and key != name}
    if unsupported is not None:
        unsupported += [f"{where}.{key}" for key in settings if key not in wanted and key != name]
    try:
        for key, value in wanted.items():
            usual = defaults.get(key, accepted[key].default)
            if isinstance(usual, float) and isinstance(value, str):  # YAML takes 1e-3 for a text
                wanted[key] = float(value)
            elif key == "milestones":
                wanted[key] = [int(batch) for batch in value]
        return kind(first, **wanted)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{where}: {kind.__name__}: {error}.") from None
