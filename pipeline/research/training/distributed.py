"""Several processes as one: their batches' outputs for the losses, and batch normalisation over all of them.

Training with n processes equals training with one on the whole batch: every sample meets all others in the losses, as
in OpenGait, and the means and variances are those of the whole batch.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm


def gather_outputs(outputs: Mapping[str, Mapping[str, Tensor]]) -> dict[str, dict[str, Tensor]]:
    """Every tensor with those of all processes, one after another; only our own share carries a gradient.

    The processes' gradients are averaged afterwards, so the loss has to be multiplied by their number.
    """
    return {name: {key: _gather(tensor) for key, tensor in inputs.items()} for name, inputs in outputs.items()}


def _gather(tensor: Tensor) -> Tensor:
    shares = [torch.empty_like(tensor, memory_format=torch.contiguous_format) for _ in range(dist.get_world_size())]
    dist.all_gather(shares, tensor.detach().contiguous())
    shares[dist.get_rank()] = tensor
    return torch.cat(shares)


def gather_detached(tensor: Tensor) -> tuple[Tensor, int]:
    """A tensor with those of all processes, one after another and without gradient, and where ours begins."""
    if not _several():
        return tensor.detach(), 0
    return _gather(tensor.detach()), dist.get_rank() * len(tensor)


def _several() -> bool:
    return dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1


class SyncedBatchNorm(_BatchNorm):
    """Batch normalisation over the batches of all processes, on any device: torch's own knows GPUs only."""

    def _check_input_dim(self, input: Tensor) -> None:
        """Any."""

    def forward(self, input: Tensor) -> Tensor:
        """[n, c, …] → the same shape."""
        if not self.training or not _several():
            return super().forward(input)
        values = input.float()
        others = [axis for axis in range(values.ndim) if axis != 1]
        count = _sum_over_processes(torch.tensor([float(values.numel() // values.shape[1])], device=values.device))
        mean = _sum_over_processes(values.sum(others)) / count
        shape = [1, -1] + [1] * (values.ndim - 2)
        centred = values - mean.view(shape)
        variance = _sum_over_processes(centred.square().sum(others)) / count
        if self.running_mean is not None and self.running_var is not None and self.num_batches_tracked is not None:
            self.num_batches_tracked += 1
            share = 1.0 / float(self.num_batches_tracked) if self.momentum is None else self.momentum
            self.running_mean.lerp_(mean.detach(), share)
            self.running_var.lerp_(variance.detach() * float(count) / max(1.0, float(count) - 1), share)
        normal = centred * torch.rsqrt(variance + self.eps).view(shape)
        if self.affine:
            normal = normal * self.weight.view(shape) + self.bias.view(shape)
        return normal.to(input.dtype)


class _SumOverProcesses(torch.autograd.Function):
    """Sums a tensor of all processes; the gradient of each is the sum of theirs."""

    @staticmethod
    def forward(ctx: Any, tensor: Tensor) -> Tensor:
        total = tensor.contiguous().clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        return _SumOverProcesses.forward(ctx, gradients[0])


def _sum_over_processes(tensor: Tensor) -> Tensor:
    return cast(Tensor, _SumOverProcesses.apply(tensor))  # type: ignore[no-untyped-call]


def synchronise_batch_norms(network: nn.Module, device: str) -> nn.Module:
    """`network` with every batch normalisation synchronised; keys and values stay."""
    if device == "cuda":
        converted: nn.Module = nn.SyncBatchNorm.convert_sync_batchnorm(network)  # type: ignore[no-untyped-call]
        return converted
    for name, child in network.named_children():
        if isinstance(child, _BatchNorm) and not isinstance(child, SyncedBatchNorm):
            settings: dict[str, Any] = {"eps": child.eps, "momentum": child.momentum, "affine": child.affine}
            synced = SyncedBatchNorm(child.num_features, **settings, track_running_stats=child.track_running_stats)
            synced.load_state_dict(child.state_dict())
            synced.weight, synced.bias = child.weight, child.bias  # themselves: some are not trained
            synced.train(child.training)
            setattr(network, name, synced)
        else:
            synchronise_batch_norms(child, device)
    return network
