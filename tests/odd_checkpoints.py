"""Checkpoints as other people's trainers write them: with the objects of the training in them."""

from __future__ import annotations

import pickletools
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

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


def globals_of(path: Path) -> set[str]:
    """What the pickle in a zip of torch.save's names."""
    with zipfile.ZipFile(path) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith("data.pkl"))
        return {str(arg) for op, arg, _ in pickletools.genops(archive.read(name)) if op.name == "GLOBAL"}
