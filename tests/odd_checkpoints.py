"""Checkpoints as other people's trainers write them: with the objects of the training in them."""

from __future__ import annotations

import pickletools
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from pipeline.inference.runtime import openvino_core

OPENGAITS = {  # what the pickles of OpenGait's networks for poses name, beside tensors
    "torch.optim.lr_scheduler OneCycleLR",
    "__builtin__ getattr",
    "__builtin__ dict",
    "torch.optim.adam Adam",
    "collections defaultdict",
    "torch._utils _rebuild_parameter",
}


def as_opengait_saves(state: Mapping[str, Tensor], path: Path, legacy: bool = False) -> Path:
    """{'model', 'optimizer', 'scheduler', 'iteration'}, with methods of the scheduler, as OneCycleLR once had one."""
    parameter = torch.nn.Parameter(torch.ones(3))
    optimizer = torch.optim.Adam([parameter])
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.1, total_steps=10)
    parameter.sum().backward()
    optimizer.step()
    scheduler.step()
    content = {
        "model": dict(state),
        "optimizer": optimizer.state_dict(),
        "scheduler": {**scheduler.state_dict(), "anneal_func": scheduler._annealing_cos, "step": scheduler.get_lr},
        "iteration": 7,
    }
    torch.save(content, path, _use_new_zipfile_serialization=not legacy)
    return path


def as_yolox_saves(state: Mapping[str, Tensor], path: Path, legacy: bool = False) -> Path:
    """best_ckpt.pth: the averaged weights, and NumPy's numbers."""
    content = {
        "start_epoch": 3,
        "model": dict(state),
        "optimizer": {"state": {}, "param_groups": []},
        "best_ap": np.float64(0.3),
        "curr_ap": np.float32(0.2),
    }
    torch.save(content, path, _use_new_zipfile_serialization=not legacy)
    return path


def with_values(source: Path, target: Path, value: float) -> Path:
    """A network's file with `value` in place of its largest tensor of weights, as a training may have left."""
    network = openvino_core().read_model(str(source))
    constants = (node.data for node in network.get_ops() if node.get_type_name() == "Constant")
    weights = (each for each in constants if each.dtype == np.float32 and each.size > 1)
    content = source.read_bytes()
    largest = max((each for each in weights if content.count(each.tobytes()) == 1), key=lambda each: each.size)
    target.write_bytes(content.replace(largest.tobytes(), np.full_like(largest, value).tobytes()))
    return target


def globals_of(path: Path) -> set[str]:
    """What the pickle in a zip of torch.save's names."""
    with zipfile.ZipFile(path) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith("data.pkl"))
        return {str(arg) for op, arg, _ in pickletools.genops(archive.read(name)) if op.name == "GLOBAL"}
