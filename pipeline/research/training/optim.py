"""Optimisers and schedules from OpenGait's settings: torch's by name, and what the project adds."""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler

from pipeline.errors import ConfigError
from pipeline.profiles import nearest
from pipeline.research.training.settings import like

LEAST_SWIN_RATE, SWIN_STEP = 1e-6, 1000  # OpenGait's SwinGait: what the rate ends at, batches between its steps

# What OpenGait's configs/default.yaml says, for what a file leaves out and the solver or schedule knows.
OPTIMIZER: Mapping[str, Any] = {"solver": "SGD", "lr": 0.1, "momentum": 0.9, "weight_decay": 0.0005}
SCHEDULER: Mapping[str, Any] = {"scheduler": "MultiStepLR", "milestones": (20000, 40000, 60000), "gamma": 0.1}


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


def optimizer_of(
    settings: Mapping[str, Any],
    network: nn.Module,
    unsupported: list[str] | None = None,
    groups: Sequence[Group] = (),
) -> Optimizer:
    """torch's optimiser `solver` over the parameters that are trained.

    Args:
        settings: optimizer_cfg. Those that the solver has not are passed over. That is OpenGait's rule: some of its
            files give a momentum to Adam.
        network: Whose parameters are trained.
        unsupported: Collects what is passed over.
        groups: The first that a parameter's name fits is its own; the others are one more group.

    Raises:
        ConfigError: For an unknown solver.
    """
    solver = str(settings.get("solver", OPTIMIZER["solver"]))
    kinds = {name: kind for name, kind in vars(torch.optim).items() if _is_kind(kind, Optimizer)}
    if solver not in kinds:
        raise ConfigError(f"optimizer_cfg.solver: torch has no {solver!r}{nearest(solver, list(kinds))}")
    found: Optimizer = _build(
        kinds[solver], _grouped(network, groups, settings), settings, OPTIMIZER, ("optimizer_cfg", unsupported)
    )
    return found


def _is_kind(kind: Any, of: type) -> bool:
    return inspect.isclass(kind) and issubclass(kind, of) and kind is not of


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
    usual = like(OPTIMIZER["lr"], settings.get("lr", OPTIMIZER["lr"]), "optimizer_cfg.lr")
    for group, parameters in zip([*groups, Group("")], members, strict=True):
        rate = group.rate if group.rate is not None else usual * group.share
        own: dict[str, Any] = {"params": parameters, "lr": rate}
        if not group.decays:
            own["weight_decay"] = 0.0
        if parameters:
            made.append(own)
    return made


def stepped_cosine(optimizer: Optimizer, until: int) -> LRScheduler:
    """SwinGait's schedule: half a cosine down to LEAST_SWIN_RATE at batch `until`, in steps of SWIN_STEP batches."""

    def share_of(rate: float) -> Callable[[int], float]:
        least = LEAST_SWIN_RATE / rate if rate else 1.0

        def share(iteration: int) -> float:
            if iteration >= until:
                return least
            return max(least, (1 + math.cos(math.pi * (iteration // SWIN_STEP * SWIN_STEP) / until)) / 2)

        return share

    return LambdaLR(optimizer, [share_of(group["lr"]) for group in optimizer.param_groups])


def scheduler_of(
    settings: Mapping[str, Any], optimizer: Optimizer, total: int, unsupported: list[str] | None = None
) -> LRScheduler:
    """torch's schedule `scheduler`, stepped once a batch; or ours: WarmupCosine with `warmup` batches and `last`.

    `last` is the share of the learning rate that is left at the end. Raises ConfigError for an unknown schedule.
    """
    name = str(settings.get("scheduler", SCHEDULER["scheduler"]))
    if name == "WarmupCosine":
        if unsupported is not None:
            unsupported += [f"scheduler_cfg.{key}" for key in settings if key not in ("scheduler", "warmup", "last")]
        warmup, last = (
            float(like(usual, settings.get(key, usual), f"scheduler_cfg.{key}"))
            for key, usual in (("warmup", 50), ("last", 0.0))
        )

        def share(iteration: int) -> float:
            if iteration < warmup:
                return (iteration + 1) / warmup
            done = min(1.0, (iteration - warmup) / max(1, total - warmup))
            return last + (1 - last) * (1 + math.cos(math.pi * done)) / 2

        return LambdaLR(optimizer, share)
    kinds = {key: kind for key, kind in vars(torch.optim.lr_scheduler).items() if _is_kind(kind, LRScheduler)}
    if name not in kinds:
        raise ConfigError(f"scheduler_cfg.scheduler: torch has no {name!r}{nearest(name, ['WarmupCosine', *kinds])}")
    found: LRScheduler = _build(kinds[name], optimizer, settings, SCHEDULER, ("scheduler_cfg", unsupported))
    return found


def _build(
    kind: Any,
    first: Any,
    settings: Mapping[str, Any],
    defaults: Mapping[str, Any],
    noting: tuple[str, list[str] | None],
) -> Any:
    """kind(first, …) with the settings that it knows. noting: where they stand, and what collects the others."""
    where, unsupported = noting
    name = next(iter(defaults))  # solver or scheduler: the kind itself
    accepted = inspect.signature(kind.__init__).parameters
    known = {key: value for key, value in {**defaults, **settings}.items() if key in accepted and key != name}
    if unsupported is not None:
        unsupported += [f"{where}.{key}" for key in settings if key not in known and key != name]
    try:
        for key, value in known.items():
            usual = defaults.get(key, accepted[key].default)
            if isinstance(usual, float) and isinstance(value, str):  # YAML takes 1e-3 for a text
                known[key] = float(value)
            elif key == "milestones":
                known[key] = [int(batch) for batch in value]
        return kind(first, **known)
    except (TypeError, ValueError, ArithmeticError, LookupError) as error:
        raise ConfigError(f"{where}: {kind.__name__}: {error}.") from None
