"""Which numbers a training computes with: those of its settings, as far as the device has them."""

from __future__ import annotations

from typing import Literal

import torch

from pipeline.research.training.config import TrainerConfig

Precision = Literal["fp32", "fp16", "bf16"]
BF16 = ("avx512_bf16", "amx_bf16", "bf16", "sve_bf16")  # instructions; without them it takes ten times as long as fp32


def has_bf16() -> bool:
    """Whether this processor computes with bf16 itself."""
    capabilities: dict[str, bool] = getattr(
        torch.cpu, "get_capabilities", dict
    )()  # older torch does not say: then fp32
    return any(capabilities.get(name, False) for name in BF16)


def precision_of(config: TrainerConfig, device: str) -> tuple[Precision, str]:
    """What to compute with on this device (cpu or cuda), and a line that says so.

    auto is the fastest that enable_float16 allows. A named precision is taken, fp16 on a processor excepted.
    """
    setting = config.precision
    if setting == "fp32" or (setting == "auto" and not config.enable_float16):
        return "fp32", "precision fp32"
    if device == "cuda":
        chosen: Precision = "fp16" if setting == "auto" else setting
        return chosen, f"precision {chosen}"
    if has_bf16():
        return "bf16", "precision bf16" + (": fp16 needs a GPU" if setting == "fp16" else "")
    if setting == "bf16":
        return "bf16", "precision bf16: this processor only imitates it, trainer_cfg.precision=fp32 is far faster"
    return "fp32", "precision fp32: 16 bits would be slower, this processor has no bf16"
